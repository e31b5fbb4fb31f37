"""Lists to choose from, and fields that open one: Textual's, with keys that a person can change."""

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import OptionList, Select
from textual.widgets._select import SelectCurrent, SelectOverlay

from clowdy_tui.tui.binding import bind

Value = TypeVar("Value")

LIST_KEYS: list[BindingType] = [
    bind("list.up", "cursor_up"),
    bind("list.down", "cursor_down"),
    bind("list.page_up", "page_up"),
    bind("list.page_down", "page_down"),
    bind("list.first", "first"),
    bind("list.last", "last"),
    bind("list.choose", "select"),
]


class ChoiceList(OptionList, inherit_bindings=False):
    """An option list."""

    BINDINGS: ClassVar[list[BindingType]] = LIST_KEYS


class _Overlay(SelectOverlay, inherit_bindings=False):
    BINDINGS: ClassVar[list[BindingType]] = [*LIST_KEYS, bind("choice.leave", "dismiss")]


class ChoiceField(Select[Value], inherit_bindings=False):
    """A select."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("choice.open", "show_overlay")]

    def compose(self) -> ComposeResult:
        yield SelectCurrent(self.prompt)
        yield _Overlay(type_to_search=self._type_to_search).data_bind(compact=Select.compact)
