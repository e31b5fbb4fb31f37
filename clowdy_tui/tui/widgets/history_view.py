"""Calls that were made, as rows: only those in sight are rendered, only those near them are held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.strip import Strip

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.widgets.call_pages import CallPages, PageAsk
from clowdy_tui.tui.widgets.call_row import call_row
from clowdy_tui.tui.widgets.lines_view import LinesView

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut


class HistoryView(LinesView, can_focus=True, inherit_bindings=False):
    """Newest first. `names` (function id → name) are shown where `named`.

    The cursor stays on its call when newer ones come; at the top, on the newest, it stays on the newest.
    """

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "call--time",
        "call--name",
        "call--what",
        "call--good",
        "call--bad",
        "call--odd",
        "call--text",
        "call--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("history.up", "move(-1)"),
        bind("history.down", "move(1)"),
        bind("history.page_up", "page(-1)"),
        bind("history.page_down", "page(1)"),
        bind("history.first", "first"),
        bind("history.last", "last"),
        bind("history.open", "choose"),
    ]

    virtual_size: Reactive[Size] = reactive(Size(0, 0), layout=False)

    @dataclass
    class Wanted(Message):
        """A page is to be fetched."""

        ask: PageAsk

    @dataclass
    class Moved(Message):
        """The cursor is on another call, or on none."""

        call: InvocationOut | None

    @dataclass
    class Chosen(Message):
        """The call under the cursor is to be opened."""

        call: InvocationOut

    def __init__(self) -> None:
        super().__init__()
        self.pages = CallPages()
        self.named = False
        self.names: Mapping[str, str] = {}
        self.unseen = 0
        self._cursor = 0
        self._told: str | None = None
        self._asked: PageAsk | None = None

    # What comes.

    @property
    def busy(self) -> bool:
        """Whether a page is under way."""
        return self._asked is not None

    def begin(self) -> None:
        """Other calls are meant now: fetch the newest of them."""
        self.pages.clear()
        self._cursor, self.unseen, self._asked = 0, 0, None
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self._changed()

    def look_again(self) -> None:
        """There may be newer ones."""
        if self._asked is None and len(self.pages):
            self._ask(PageAsk(None, 200, anew=True))

    def take(self, ask: PageAsk, calls: list[InvocationOut] | None) -> bool:
        """The page that was asked for, or None where it could not be had; False where nobody waits for it any more."""
        if ask is not self._asked:
            return False
        self._asked = None
        if calls is None:
            return True
        fresh = self.pages.take(ask, calls)
        if fresh < 0:
            self._cursor, self.unseen = 0, 0
        elif fresh and (self._cursor or self.scroll_offset.y):
            # Whoever reads further down goes on reading there.
            self._cursor += fresh
            self.unseen += fresh
            self._resize()
            self.scroll_to(y=self.scroll_offset.y + fresh, animate=False, force=True, immediate=True)
        self._changed()
        return True

    def _changed(self) -> None:
        self._cursor = min(self._cursor, max(0, len(self.pages) - 1))
        self._resize()
        self.refresh()
        self._tell()
        self._look()

    def _resize(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self.pages))
        self._refresh_scrollbars()

    def _look(self) -> None:
        """Ask for what is in sight, or soon will be, and is not there."""
        if self._asked is None and self.is_mounted:
            top, height = self.scroll_offset.y, max(1, self.size.height)
            ask = self.pages.missing(top - height, top + 2 * height)
            if ask is not None:
                self._ask(ask)

    def _ask(self, ask: PageAsk) -> None:
        self._asked = ask
        self.post_message(self.Wanted(ask))

    # What is seen.

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Fetch what comes into sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(new_value) == 0:
            self.unseen = 0
        self._look()

    def on_resize(self) -> None:
        """More may fit."""
        self._resize()
        self._look()

    def render_line(self, y: int) -> Strip:
        """One row."""
        width, index = self.scrollable_content_region.width, self.scroll_offset.y + y
        base = self.rich_style
        if index >= len(self.pages):
            return Strip.blank(width, base)
        if index == self._cursor and self.has_focus:
            base += self.get_component_rich_style("call--cursor", partial=True)
        call = self.pages.row(index)
        if call is None:
            return Strip([Segment("  …", base)]).crop_extend(0, width, base)
        name = self.names.get(call.function_id, "a deleted function") if self.named else ""
        pieces = call_row(call, width, name=name, today=datetime.now().astimezone().date())
        segments = [Segment(text, base + self.get_component_rich_style(f"call--{style}", partial=True))
                    for text, style in pieces]  # fmt: skip
        return Strip(segments).crop_extend(0, width, base)

    # Keys and clicks.

    @property
    def current(self) -> InvocationOut | None:
        """The call under the cursor."""
        return self.pages.row(self._cursor)

    def action_move(self, step: int) -> None:
        """Put the cursor on the next row, or the one before."""
        self._go(self._cursor + step)

    def action_page(self, step: int) -> None:
        """A page up or down."""
        self._go(self._cursor + step * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """Go to the newest."""
        self._go(0)

    def action_last(self) -> None:
        """Go to the oldest that is known; from there it goes on."""
        self._go(len(self.pages) - 1)

    def _go(self, index: int) -> None:
        self._cursor = min(max(0, index), max(0, len(self.pages) - 1))
        top, height = self.scroll_offset.y, max(1, self.size.height)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True, immediate=True)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, force=True, immediate=True)
        self.refresh()
        self._tell()
        self._look()

    def _tell(self) -> None:
        call = self.current
        id_ = call.id if call else None
        if id_ != self._told:
            self._told = id_
            self.post_message(self.Moved(call))

    def action_choose(self) -> None:
        """Open the call under the cursor."""
        if (call := self.current) is not None:
            self.post_message(self.Chosen(call))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; twice opens the call."""
        index = self.scroll_offset.y + event.y
        if index < len(self.pages):
            self._go(index)
            if event.chain == 2:
                self.action_choose()
