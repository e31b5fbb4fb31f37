"""How a widget says what its keys do: by the ids of the registries, so that the person's own keys reach it."""

from collections.abc import Iterator

from textual.binding import Binding

from clowdy_tui.tui.actions import ACTIONS
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
