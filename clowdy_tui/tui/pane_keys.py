"""Keys that mean something inside one pane or dialog alone: to go about in it, to fold, to copy, to answer.

They are no actions: nobody wants them in the palette. But they stand in the help and in the cheatsheet, and can be
changed in `config.yaml` as all others can, by the name that `PaneKey.id` gives.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PaneKey:
    """What some keys do in a place, one of `PLACES`."""

    where: str
    name: str
    title: str
    keys: tuple[str, ...]

    @property
    def id(self) -> str:
        """What `config.yaml` calls it."""
        return f"{self.where}.{self.name}"


PLACES: Final[Mapping[str, str]] = {
    "screen": "Wherever one is",
    "tree": "Project tree",
    "logs": "Logs",
    "history": "History",
    "result": "Answer of a call",
    "list": "Lists",
    "choice": "Fields with a choice",
    "page": "Pages that scroll",
    "switch": "Buttons and switches",
    "pool": "Pool map",
    "text": "Text, of one line or many",
    "field": "Fields of one line",
    "names": "Names that are offered",
    "prompt": "Question to the assistant",
    "find": "Find and replace",
    "chat": "Chat",
    "tool": "What the assistant did",
    "permission": "What the assistant asks",
    "code": "Code in the chat",
    "versions": "Versions",
    "diff": "Diff",
    "invocation": "An invocation, opened",
    "dialog": "Dialogs",
    "question": "Questions",
    "palette": "Palettes",
    "help": "Help",
}
"""Where there are such keys, with what it is called."""

INSIDE: Final[Mapping[str, tuple[str, ...]]] = {
    "test": ("result",),
    "editor": ("text", "find", "names"),
    "chat": ("chat", "prompt", "code", "tool", "permission"),
    "dashboard": ("list", "pool"),
    "functions": ("list", "pool"),
    "database": ("page",),
    **dict.fromkeys(("settings", "routes", "variables", "packages"), ("list",)),
}
"""Which of these are inside a pane of another name: there their keys come before the pane's."""

TREE_ACTIONS: Final = "tree actions"
"""In `CHAINS`: the keys that actions have in the tree, which work in panes, too."""

_IN_FORM: Final = ("dialog.leave_at_once", "dialog.submit")
_OVER_ALL: Final = ("dialog", "screen")
_IN_DIALOGS: Final = (
    *((inside, "versions") for inside in ("list", "diff", "switch")),
    *((inside, "invocation") for inside in ("result", "switch")),
    *((inside, "help") for inside in ("page", "switch")),
    *((inside, "permission.diff") for inside in ("diff", "switch")),
)
_PANES: Final = ("dashboard", "functions", "settings", "routes", "variables", "packages", "database")

CHAINS: Final[tuple[tuple[str, ...], ...]] = (
    ("tree", "screen"),
    ("text", "screen"),
    ("text", "field", "find", "screen"),
    ("switch", "find", "screen"),
    ("result", "test", "screen"),
    ("logs", "screen"),
    ("history", "screen"),
    ("prompt", "text", "chat", "screen"),
    *((inside, "chat", "screen") for inside in ("code", "tool", "permission")),
    *((inside, "page", own, "screen") for inside in ("list", "pool") for own in _PANES),
    *((inside, TREE_ACTIONS, "screen") for inside in ("list", "pool", "page")),
    ("list", "choice.leave"),
    ("palette", "text", "field"),
    (*_IN_FORM, "text", "field", *_OVER_ALL),
    (*_IN_FORM, "choice", *_OVER_ALL),
    (*_IN_FORM, "switch", *_OVER_ALL, "question"),
    *(("dialog.leave_at_once", inside, *_OVER_ALL, own) for inside, own in _IN_DIALOGS),
)
"""Where a key is looked for in turn, for each thing that can have the focus: in places, in panes, or for one name.

The first that has it keeps it from those behind. Before all of them, but not in dialogs, come the keys of actions that
work everywhere.
"""

TYPED: Final = frozenset({"text", "field", "find", "names", "prompt", "palette"})
"""Places in which one types: no character can be a key there."""

_UP, _DOWN = ("up", "k"), ("down", "j")
_KEYS: Final[Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]]] = {
    "screen": {
        "next": ("To what comes next", ("tab",)),
        "previous": ("To what was before", ("shift+tab",)),
        "copy": ("Copy what the mouse marked", ("ctrl+c", "super+c")),
        "retreat": ("What slid over goes; zoom ends", ("escape",)),
    },
    "tree": {
        "up": ("Up", _UP),
        "down": ("Down", _DOWN),
        "into": ("Unfold, or into it", ("right",)),
        "out": ("Fold, or out of it", ("left",)),
        "open": ("Open", ("enter",)),
        "fold": ("Fold or unfold", ("space",)),
        "fold_all": ("Fold or unfold all", ("shift+space",)),
        "page_up": ("Page up", ("pageup",)),
        "page_down": ("Page down", ("pagedown",)),
        "first": ("Top", ("home",)),
        "last": ("End", ("end",)),
        "parent": ("To what it is in", ("shift+left",)),
        "parent_next": ("To what comes after that", ("shift+right",)),
        "sibling_before": ("Before, of its kind", ("shift+up",)),
        "sibling_after": ("Next, of its kind", ("shift+down",)),
    },
    "logs": {
        "up": ("Up", _UP),
        "down": ("Down", _DOWN),
        "page_up": ("Page up", ("pageup", "b")),
        "page_down": ("Page down", ("pagedown", "space")),
        "first": ("To the oldest", ("home", "g")),
        "last": ("To the end, and follow", ("end", "G")),
        "left": ("Scroll left", ("left", "h")),
        "right": ("Scroll right", ("right", "l")),
        "open": ("Open the call", ("enter",)),
        "copy": ("Copy the line", ("y",)),
        "copy_call": ("Copy the call's lines", ("Y",)),
        "filter_out": ("Filter out", ("exclamation_mark",)),
        "all": ("Show all again", ("escape",)),
    },
    "history": {
        "up": ("Up", _UP),
        "down": ("Down", _DOWN),
        "page_up": ("Page up", ("pageup", "b")),
        "page_down": ("Page down", ("pagedown", "space")),
        "first": ("To the newest", ("home", "g")),
        "last": ("To the oldest here", ("end", "G")),
        "open": ("Open the call", ("enter",)),
        "search": ("Search", ("slash",)),
        "failed": ("Failed calls only", ("e",)),
        "scope": ("All functions, or one", ("o",)),
        "all": ("Show all again", ("escape",)),
    },
    "result": {
        "up": ("Up", _UP),
        "down": ("Down", _DOWN),
        "left": ("Scroll left", ("left", "h")),
        "right": ("Scroll right", ("right", "l")),
        "page_up": ("Page up", ("pageup", "b")),
        "page_down": ("Page down", ("pagedown",)),
        "first": ("Top", ("home", "g")),
        "last": ("End", ("end", "G")),
        "fold": ("Fold or unfold", ("space", "enter")),
        "fold_all": ("Fold all", ("minus",)),
        "unfold_all": ("Unfold all", ("plus", "equals_sign")),
        "copy": ("Copy the answer", ("y",)),
    },
    "list": {
        "up": ("Up", _UP),
        "down": ("Down", _DOWN),
        "page_up": ("Page up", ("pageup",)),
        "page_down": ("Page down", ("pagedown",)),
        "first": ("Top", ("home",)),
        "last": ("End", ("end",)),
        "choose": ("Take what the cursor is on", ("enter",)),
    },
    "choice": {
        "open": ("Show what there is", ("enter", "space", "down", "up")),
        "leave": ("Leave it as it is", ("escape",)),
    },
    "page": {
        "up": ("Up", _UP),
        "down": ("Down", _DOWN),
        "left": ("Scroll left", ("left",)),
        "right": ("Scroll right", ("right",)),
        "page_up": ("Page up", ("pageup",)),
        "page_down": ("Page down", ("pagedown",)),
        "first": ("Top", ("home",)),
        "last": ("End", ("end",)),
    },
    "switch": {"press": ("Press it", ("enter", "space"))},
    "pool": {
        "left": ("Left", ("left",)),
        "right": ("Right", ("right",)),
        "up": ("Up", ("up",)),
        "down": ("Down", ("down",)),
        "first": ("First of the row", ("home",)),
        "last": ("Last of the row", ("end",)),
    },
    "text": {
        "up": ("Up", ("up",)),
        "down": ("Down", ("down",)),
        "left": ("Left", ("left",)),
        "right": ("Right", ("right",)),
        "word_left": ("A word left", ("ctrl+left",)),
        "word_right": ("A word right", ("ctrl+right",)),
        "line_start": ("Start of the line", ("home", "ctrl+a")),
        "line_end": ("End of the line", ("end", "ctrl+e")),
        "page_up": ("Page up", ("pageup",)),
        "page_down": ("Page down", ("pagedown",)),
        "top": ("To the top", ("ctrl+home",)),
        "end": ("To the end", ("ctrl+end",)),
        "select_up": ("Select up", ("shift+up",)),
        "select_down": ("Select down", ("shift+down",)),
        "select_left": ("Select left", ("shift+left",)),
        "select_right": ("Select right", ("shift+right",)),
        "select_word_left": ("Select a word left", ("ctrl+shift+left",)),
        "select_word_right": ("Select a word right", ("ctrl+shift+right",)),
        "select_line_start": ("Select to line start", ("shift+home",)),
        "select_line_end": ("Select to line end", ("shift+end",)),
        "select_top": ("Select to the top", ("ctrl+shift+home",)),
        "select_end": ("Select to the end", ("ctrl+shift+end",)),
        "select_all": ("Select all", ("ctrl+shift+a",)),
        "delete_left": ("Delete to the left", ("backspace",)),
        "delete_right": ("Delete to the right", ("delete", "ctrl+d")),
        "delete_word_left": ("Delete a word left", ("alt+backspace", "ctrl+backspace", "ctrl+w")),
        "delete_word_right": ("Delete a word right", ("alt+delete",)),
        "delete_line": ("Delete the line", ("ctrl+shift+k",)),
        "delete_to_start": ("Delete to line start", ("ctrl+u", "super+backspace")),
        "delete_to_end": ("Delete to line end", ("ctrl+k",)),
        "dedent": ("Dedent", ("shift+tab",)),
        "cut": ("Cut", ("ctrl+x", "super+x")),
        "copy": ("Copy", ("ctrl+c", "super+c")),
        "paste": ("Paste", ("ctrl+v",)),
        "undo": ("Undo", ("ctrl+z", "super+z")),
        "redo": ("Redo", ("ctrl+y", "super+y")),
    },
    "field": {"done": ("Done", ("enter",))},
    "names": {
        "down": ("Next name", ("down",)),
        "up": ("Name before", ("up",)),
        "take": ("Take it", ("tab",)),
        "take_chosen": ("Take it, once chosen", ("enter",)),
        "leave": ("Put them away", ("escape",)),
    },
    "prompt": {
        "send": ("Send", ("enter",)),
        # ctrl+t is a byte that every terminal sends and no multiplexer keeps; the others are for those that send them.
        "new_line": ("New line", ("ctrl+t", "alt+enter", "shift+enter", "ctrl+enter", "ctrl+j")),
        "before": ("What was asked before", ("up",)),
        "after": ("What was asked after", ("down",)),
    },
    "find": {
        "leave": ("Back to the text", ("escape",)),
        "next_field": ("To the other field", ("tab",)),
        "next": ("Next hit", ("down",)),
        "previous": ("Hit before", ("up",)),
        "case": ("Mind the case", ("alt+c",)),
        "word": ("Whole words", ("alt+w",)),
        "regex": ("Regular expression", ("alt+x",)),
        "all": ("Replace all", ("alt+a",)),
    },
    "chat": {
        "leave": ("Stop it, or leave", ("escape",)),
        "page_up": ("Page up", ("pageup",)),
        "page_down": ("Page down", ("pagedown",)),
    },
    "tool": {"fold": ("Fold or unfold", ("enter", "space"))},
    "permission": {
        "yes": ("Yes", ("y",)),
        "no": ("No", ("n",)),
        "always": ("Yes, always here", ("a",)),
        "diff": ("The whole diff", ("d",)),
        "down": ("Scroll down", _DOWN),
        "up": ("Scroll up", _UP),
    },
    "code": {"copy": ("Copy the code", ("y", "c")), "take": ("Into the editor", ("e", "enter"))},
    "versions": {
        "activate": ("Make it the active one", ("a",)),
        "restore": ("Into the editor", ("r",)),
        "compare": ("Compare with another", ("c",)),
        "leave": ("Back", ("q",)),
    },
    "diff": {
        "down": ("Scroll down", _DOWN),
        "up": ("Scroll up", _UP),
        "left": ("Scroll left", ("left",)),
        "right": ("Scroll right", ("right",)),
        "page_up": ("Page up", ("pageup",)),
        "page_down": ("Page down", ("pagedown",)),
        "first": ("Top", ("home",)),
        "last": ("End", ("end",)),
        "next": ("Next change", ("n",)),
        "previous": ("Change before", ("N",)),
    },
    "invocation": {
        "mend": ("Mend it", ("m",)),
        "replay": ("Run it again", ("r",)),
        "edit": ("Edit its input", ("i",)),
        "compare": ("With another version", ("v",)),
        "curl": ("Copy as curl", ("c",)),
        "cli": ("Copy as a command", ("x",)),
    },
    "dialog": {
        "leave": ("Leave it, nothing done", ("escape",)),
        "leave_at_once": ("The same, from a field, too", ("ctrl+q",)),
        "submit": ("Save", ("ctrl+s",)),
        "next": ("Next field", ("down",)),
        "previous": ("Field before", ("up",)),
    },
    "question": {
        "next": ("Next answer", ("right",)),
        "previous": ("Answer before", ("left",)),
    },
    "palette": {
        "choose": ("Take it", ("enter",)),
        "leave": ("Leave it", ("escape", "ctrl+p")),
        "down": ("Down", ("down",)),
        "up": ("Up", ("up",)),
        "page_down": ("Page down", ("pagedown",)),
        "page_up": ("Page up", ("pageup",)),
    },
    "help": {"leave": ("Leave it", ("f1", "q", "question_mark"))},
}


def _all() -> Iterator[PaneKey]:
    for where, named in _KEYS.items():
        for name, (title, keys) in named.items():
            yield PaneKey(where, name, title, keys)


PANE_KEYS: Final[Mapping[str, PaneKey]] = {key.id: key for key in _all()}
"""All of them, by their ids."""
