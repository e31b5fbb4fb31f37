"""The keys of all that text is typed into: the same names and keys for a file as for a field of one line."""

from collections.abc import Iterator
from typing import Final

from textual import events
from textual.binding import Binding
from textual.widget import Widget

from clowdy_tui.tui.binding import bind

_AREA: Final = {
    "up": "cursor_up",
    "down": "cursor_down",
    "left": "cursor_left",
    "right": "cursor_right",
    "word_left": "cursor_word_left",
    "word_right": "cursor_word_right",
    "line_start": "cursor_line_start",
    "line_end": "cursor_line_end",
    "page_up": "cursor_page_up",
    "page_down": "cursor_page_down",
    "select_up": "cursor_up(True)",
    "select_down": "cursor_down(True)",
    "select_left": "cursor_left(True)",
    "select_right": "cursor_right(True)",
    "select_word_left": "cursor_word_left(True)",
    "select_word_right": "cursor_word_right(True)",
    "select_line_start": "cursor_line_start(True)",
    "select_line_end": "cursor_line_end(True)",
    "select_all": "select_all",
    "delete_left": "delete_left",
    "delete_right": "delete_right",
    "delete_word_left": "delete_word_left",
    "delete_word_right": "delete_word_right",
    "delete_line": "delete_line",
    "delete_to_start": "delete_to_start_of_line",
    "delete_to_end": "delete_to_end_of_line_or_delete_line",
    "cut": "cut",
    "copy": "copy",
    "paste": "paste",
    "undo": "undo",
    "redo": "redo",
}
_FIELD: Final = {
    "left": "cursor_left",
    "right": "cursor_right",
    "word_left": "cursor_left_word",
    "word_right": "cursor_right_word",
    "line_start": "home",
    "line_end": "end",
    "select_left": "cursor_left(True)",
    "select_right": "cursor_right(True)",
    "select_word_left": "cursor_left_word(True)",
    "select_word_right": "cursor_right_word(True)",
    "select_line_start": "home(True)",
    "select_line_end": "end(True)",
    "select_all": "select_all",
    "delete_left": "delete_left",
    "delete_right": "delete_right",
    "delete_word_left": "delete_left_word",
    "delete_word_right": "delete_right_word",
    "delete_to_start": "delete_left_all",
    "delete_to_end": "delete_right_all",
    "cut": "cut",
    "copy": "copy",
    "paste": "paste",
}


def area_keys() -> Iterator[Binding]:
    """For a `TextArea`."""
    return (bind(f"text.{name}", action) for name, action in _AREA.items())


def field_keys() -> Iterator[Binding]:
    """For an `Input`."""
    yield from (bind(f"text.{name}", action) for name, action in _FIELD.items())
    yield bind("field.done", "submit")


async def run_own(widget: Widget, event: events.Key) -> bool:
    """Do what a key is bound to in the widget itself; False where that is nothing.

    Textual runs a binding once its key has bubbled up to the app: characters typed right after it would come first, and
    land where the cursor still was.
    """
    for binding in widget._bindings.key_to_bindings.get(event.key, ()):
        if await widget.app.run_action(binding.action, widget):
            event.stop()
            event.prevent_default()
            return True
    return False
