"""How a widget says what its keys do: by the ids of the registries, so that the person's own keys reach it."""

from collections.abc import Iterator

from textual.binding import Binding
from textual.widget import Widget

from clowdy_tui.tui.actions import ACTIONS
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.pane_keys import PANE_KEYS


def bind(id_: str, action: str, *, priority: bool = False) -> Binding:
    """The keys of a `PaneKey`, or of an action in a pane (`logs.log.filter`), for what the widget's `action` does."""
    if known := PANE_KEYS.get(id_):
        keys, title = known.keys, known.title
    else:
        where, _, action_id = id_.partition(".")
        keys, title = ACTIONS[action_id].local[where], ACTIONS[action_id].title
    return Binding(",".join(keys), action, title, show=False, priority=priority, id=id_)


def perform_in(where: str) -> Iterator[Binding]:
    """The keys of all actions that have some in this pane."""
    for action in ACTIONS.values():
        if where in action.local:
            yield bind(f"{where}.{action.id}", f"app.perform('{action.id}')")


def keymap_of(widget: Widget) -> Keymap:
    """The person's keys; the default ones in an app that has none, as a widget's own test is."""
    keymap: Keymap | None = getattr(widget.app, "keymap", None)
    return keymap or Keymap(ACTIONS)


def say(widget: Widget, text: str) -> str:
    """`Keymap.say`, for what a widget says."""
    return keymap_of(widget).say(text)


def meant(widget: Widget, key: str, where: str) -> str:
    """What a key means in a place (`PaneKey.name`), empty for nothing: for what looks at keys before bindings do."""
    known = keymap_of(widget).pane_keys
    return next((one.name for one in known.values() if one.where == where and key in one.keys), "")


def screen_keys() -> Iterator[Binding]:
    """What every screen has. Textual's own have no ids, so that nobody could change them."""
    yield bind("screen.next", "app.focus_next")
    yield bind("screen.previous", "app.focus_previous")
    yield bind("screen.copy", "screen.copy_text")


def scroll_keys(where: str) -> Iterator[Binding]:
    """What everything that scrolls both ways has, under the names of a place."""
    yield bind(f"{where}.up", "scroll_up")
    yield bind(f"{where}.down", "scroll_down")
    yield bind(f"{where}.left", "scroll_left")
    yield bind(f"{where}.right", "scroll_right")
    yield bind(f"{where}.page_up", "page_up")
    yield bind(f"{where}.page_down", "page_down")
    yield bind(f"{where}.first", "scroll_home")
    yield bind(f"{where}.last", "scroll_end")
