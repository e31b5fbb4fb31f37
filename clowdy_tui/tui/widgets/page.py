"""A page that scrolls up and down, with keys that a person can change."""

from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll

from clowdy_tui.tui.binding import scroll_keys


class Page(VerticalScroll, inherit_bindings=False):
    """What can have the focus to be scrolled."""

    BINDINGS: ClassVar[list[BindingType]] = [*scroll_keys("page")]


class Scroller(VerticalScroll, inherit_bindings=False, can_focus=False):
    """What scrolls by the wheel, and with the focus of what is in it: it has no keys."""
