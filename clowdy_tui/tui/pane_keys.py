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
    "logs": "Logs",
    "history": "History",
    "result": "Answer of a call",
    "list": "Lists in panes",
    "switch": "Switches",
    "pool": "Pool map",
    "text": "Text, of files and inputs",
    "find": "Find and replace",
    "chat": "Chat",
    "tool": "What the assistant did",
    "permission": "What the assistant asks",
    "code": "Code in the chat",
    "versions": "Versions",
    "diff": "Diff",
    "invocation": "An invocation, opened",
    "dialog": "Dialogs",
    "palette": "Palettes",
    "help": "Help",
}
"""Where there are such keys, with what it is called."""

_UP, _DOWN = ("up", "k"), ("down", "j")
_KEYS: Final[Mapping[str, Mapping[str, tuple[str, tuple[str, ...]]]]] = {
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
        "last": ("To the oldest that is here", ("end", "G")),
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
        "up": ("Up, beside the arrow", ("k",)),
        "down": ("Down, beside the arrow", ("j",)),
        "edit": ("Change what the cursor is on", ("enter",)),
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
        "select_line_start": ("Select to the line's start", ("shift+home",)),
        "select_line_end": ("Select to the line's end", ("shift+end",)),
        "select_top": ("Select to the top", ("ctrl+shift+home",)),
        "select_end": ("Select to the end", ("ctrl+shift+end",)),
        "delete_left": ("Delete to the left", ("backspace",)),
        "delete_right": ("Delete to the right", ("delete", "ctrl+d")),
        "delete_word_left": ("Delete a word to the left", ("ctrl+w", "ctrl+backspace", "alt+backspace")),
        "delete_word_right": ("Delete a word to the right", ("alt+delete",)),
        "delete_line": ("Delete the line", ("ctrl+shift+k",)),
        "delete_to_start": ("Delete to the line's start", ("ctrl+u", "super+backspace")),
        "delete_to_end": ("Delete to the line's end", ("ctrl+k",)),
        "dedent": ("Dedent", ("shift+tab",)),
        "cut": ("Cut", ("ctrl+x", "super+x")),
        "copy": ("Copy", ("ctrl+c", "super+c")),
        "paste": ("Paste", ("ctrl+v",)),
        "undo": ("Undo", ("ctrl+z", "super+z")),
        "redo": ("Redo", ("ctrl+y", "super+y")),
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
        "leave": ("Stop the assistant, or leave", ("escape",)),
        "page_up": ("Page up", ("pageup",)),
        "page_down": ("Page down", ("pagedown",)),
    },
    "tool": {"fold": ("Fold or unfold", ("enter", "space"))},
    "permission": {
        "yes": ("Yes", ("y",)),
        "no": ("No", ("n",)),
        "always": ("Always in this conversation", ("a",)),
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
        "down": ("Scroll down", ("j",)),
        "up": ("Scroll up", ("k",)),
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
    "palette": {
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
