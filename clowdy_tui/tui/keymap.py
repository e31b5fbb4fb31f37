"""Which key does what: the registries with the person's own keys in them, and how a key is written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from textual.binding import Binding
from textual.keys import format_key

from clowdy_tui.tui.actions import ACTIONS, DOCK, Action
from clowdy_tui.tui.pane_keys import PANE_KEYS, PaneKey
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import ScreenState

NO_KEY = "none"
"""What no keyboard sends: the key of what is to have none."""

_NAMED = re.compile(r"\{([A-Za-z_]+(?:\.[a-z_]+)+)\}")
_WORDS = {"enter": "enter", "escape": "esc", "tab": "tab", "space": "space"}
"""Keys that are called by a word in a sentence."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """The registries with the person's own keys in them, and a sentence for each wish that could not be met."""

    actions: Mapping[str, Action]
    problems: tuple[str, ...] = ()
    pane_keys: Mapping[str, PaneKey] = field(default_factory=lambda: PANE_KEYS)

    def bindings(self) -> Iterator[Binding]:
        """Those that work everywhere. They come before the focused widget's own: TextArea takes many for itself."""
        for action in self.actions.values():
            for key in action.keys:
                yield Binding(key, f"app.perform('{action.id}')", action.title, show=False, priority=True)

    def tree_bindings(self) -> Iterator[Binding]:
        """Those of the project tree."""
        for action in self.actions.values():
            for key in action.tree_keys:
                yield Binding(key, f"app.perform('{action.id}')", action.title, show=False)

    def local_bindings(self, kind: str, *, shared: bool = True) -> Iterator[Binding]:
        """Those of a pane: its own, and where they are `shared` the tree's that it does not use for something else."""
        own = {key: action for action in self.actions.values() for key in action.local.get(kind, ())}
        tree = {key: action for action in self.actions.values() for key in action.tree_keys if shared}
        for key, action in (tree | own).items():
            yield Binding(key, f"app.perform('{action.id}')", action.title, show=False)

    def changed(self) -> Mapping[str, str]:
        """For `App.set_keymap`: other keys than they have by default for what widgets bind by `binding.bind`."""
        changed = {id_: key.keys for id_, key in self.pane_keys.items() if key.keys != PANE_KEYS[id_].keys}
        for id_, action in self.actions.items():
            for where, keys in ACTIONS[id_].local.items():
                if where in DOCK and action.local.get(where, ()) != keys:
                    changed[f"{where}.{id_}"] = action.local.get(where, ())
        return {id_: ",".join(keys) or NO_KEY for id_, keys in changed.items()}

    def added(self, where: str) -> Iterator[Binding]:
        """The keys in a pane of the dock of actions that have none there by default."""
        for id_, action in self.actions.items():
            if where not in ACTIONS[id_].local:
                for key in action.local.get(where, ()):
                    yield Binding(key, f"app.perform('{id_}')", action.title, show=False)

    def key_of(self, action_id: str, where: str = "") -> str:
        """The key to show for an action there (`ScreenState.where`): short, empty where it has none."""
        action = self.actions[action_id]
        keys = action.local.get(where, ())
        if where == "tree" or where in PANES:
            taken = {key for other in self.actions.values() for key in other.local.get(where, ())}
            keys += tuple(key for key in action.tree_keys if key not in taken)
        keys += action.keys
        return show_key(keys[0]) if keys else ""

    def way_to(self, action_id: str, where: str = "") -> str:
        """Its key there, else the leader's with its letter."""
        leader, letter = self.key_of("app.leader"), self.actions[action_id].letter
        return self.key_of(action_id, where) or (f"{leader} {letter}" if leader and letter else "")

    def word_for(self, id_: str) -> str:
        """The first of the keys inside a pane or dialog, as in a sentence; empty where it has none."""
        keys = self.pane_keys[id_].keys
        return _WORDS.get(keys[0], show_key(keys[0])) if keys else ""

    def say(self, text: str, where: str = "") -> str:
        """A sentence with keys in the place of names: `{function.save} saves`, `{find.case}`; `{Tree.open}` begins one.

        `where` as for `key_of`.
        """

        def key(found: re.Match[str]) -> str:
            id_ = found[1][0].lower() + found[1][1:]
            said = self.word_for(id_) if id_ in self.pane_keys else self.way_to(id_, where)
            said = said or "no key"
            # A word, and no letter: that would be another key.
            return said.capitalize() if found[1][0].isupper() and said.isalpha() and len(said) > 1 else said

        return _NAMED.sub(key, text)

    def obstacle(self, action_id: str, state: ScreenState) -> str:
        """Why an action cannot be done now; an empty text where it can."""
        return self.say(self.actions[action_id].obstacle(state))


def show_key(key: str) -> str:
    """A key as it is written on the screen: `^s`, `F5`, `^␣`."""
    names = {
        "ctrl+@": "^space",
        "ctrl+space": "^space",
        "question_mark": "?",
        "slash": "/",
        "pagedown": "pgdn",
        "pageup": "pgup",
    }
    if key in names:
        return names[key]
    *modifiers, last = key.split("+")
    last = names.get(last, last)
    if not modifiers and last.startswith("f") and last[1:].isdecimal():
        return last.upper()
    # The terminal's name of a character, like `slash`, is shown as that character.
    shown = format_key(last) if len(format_key(last)) == 1 else last
    return "".join({"ctrl": "^", "shift": "⇧", "alt": "⌥"}.get(name, f"{name}+") for name in modifiers) + shown
