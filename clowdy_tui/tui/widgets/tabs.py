"""A row of tabs, one cell high: unsaved marks, a mouse close for each, and it scrolls when there are many."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from clowdy_tui.tui.text import shorten, visible

UNSAVED = "●"
ELSEWHERE = "!"
CLOSE = "×"
WIDEST = 32
"""Cells of the longest label that is shown whole."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab. `key` is whatever tells it from the others."""

    key: Hashable
    label: str
    dirty: bool = False
    elsewhere: bool = False


class TabBar(Widget):
    """Shows tabs and says which was clicked; the one who owns it decides what that means."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tab-bar--active",
        "tab-bar--edge",
        "tab-bar--rest",
        "tab-bar--mark",
        "tab-bar--close",
    }
    ALLOW_SELECT = False

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        key: Hashable

    @dataclass
    class CloseChosen(Message):
        """A tab's × was clicked, or the tab with the middle button."""

        key: Hashable

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._tabs: tuple[Tab, ...] = ()
        self._active: Hashable = None
        self._left = 0

    def set_tabs(self, tabs: Sequence[Tab], active: Hashable) -> None:
        """Show these, with the active one in sight."""
        if (tuple(tabs), active) != (self._tabs, self._active):
            self._tabs, self._active = tuple(tabs), active
            self._reveal()
            self.refresh()

    def _width(self, tab: Tab) -> int:
        return cell_len(_label(tab)) + 6

    def _reveal(self) -> None:
        """Scroll as little as shows the active tab."""
        start = 0
        for tab in self._tabs:
            end = start + self._width(tab)
            if tab.key == self._active:
                room = max(1, self.size.width)
                # A cell on each side for the arrows that say there is more.
                self._left = max(0, min(self._left, start - 1), end + 1 - room)
            start = end
        self._left = max(0, min(self._left, start - self.size.width))

    def places(self) -> list[tuple[Hashable, int]]:
        """The tabs that are in sight, with the cell in which each begins."""
        starts, start = [], -self._left
        for tab in self._tabs:
            if 0 <= start < self.size.width:
                starts.append((tab.key, start))
            start += self._width(tab)
        return starts

    def on_resize(self) -> None:
        """Keep the active tab in sight."""
        self._reveal()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The only line."""
        base = self.rich_style
        active, edge, rest, mark, close = (
            self.get_component_rich_style(f"tab-bar--{name}", partial=True)
            for name in ("active", "edge", "rest", "mark", "close")
        )
        segments: list[Segment] = []
        for tab in self._tabs:
            chosen = tab.key == self._active
            style = active if chosen else rest
            sign = ELSEWHERE if tab.elsewhere else UNSAVED if tab.dirty else " "
            segments += [
                Segment("▎" if chosen else " ", style + edge if chosen else style),
                Segment(_label(tab), style),
                Segment(f" {sign}", style + mark),
                Segment(f" {CLOSE} ", style + close),
            ]
        width = self.size.width
        whole = Strip(segments)
        strip = whole.crop_extend(self._left, self._left + width, base)
        if self._left > 0:
            strip = Strip([Segment("‹", base + edge), *strip.crop(1, width)], width)
        if whole.cell_length > self._left + width:
            strip = Strip([*strip.crop(0, width - 1), Segment("›", base + edge)], width)
        return strip

    def on_click(self, event: events.Click) -> None:
        """Choose or close the tab under the mouse."""
        event.stop()
        start = -self._left
        for tab in self._tabs:
            end = start + self._width(tab)
            if start <= event.x < end:
                closing = event.button == 2 or event.x >= end - 3
                self.post_message(self.CloseChosen(tab.key) if closing else self.Chosen(tab.key))
                return
            start = end

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Show what is further right."""
        self._scroll(event, 8)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Show what is further left."""
        self._scroll(event, -8)

    def _scroll(self, event: events.MouseEvent, cells: int) -> None:
        event.stop()
        total = sum(self._width(tab) for tab in self._tabs)
        self._left = max(0, min(self._left + cells, total - self.size.width))
        self.refresh()


def _label(tab: Tab) -> str:
    return shorten(visible(tab.label), WIDEST)
