"""The lines of the log on the screen: only those in sight are ever rendered."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.selection import Selection
from textual.strip import Strip

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.text import wrap_cells
from clowdy_tui.tui.widgets.lines_view import LinesView
from clowdy_tui.tui.widgets.log_buffer import Change, LogBuffer
from clowdy_tui.tui.widgets.log_call import Line
from clowdy_tui.tui.widgets.log_line import INDENT, Piece, header, printed

Row = tuple[Line, int]


class LogView(LinesView, can_focus=True, inherit_bindings=False):
    """Shows a `LogBuffer`. Follows its end until one scrolls up or moves the cursor; the end, reached, resumes."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--time",
        "log--name",
        "log--what",
        "log--good",
        "log--bad",
        "log--odd",
        "log--running",
        "log--bar",
        "log--text",
        "log--stderr",
        "log--error",
        "log--info",
        "log--warn",
        "log--beside",
        "log--match",
        "log--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("logs.up", "move(-1)"),
        bind("logs.down", "move(1)"),
        bind("logs.page_up", "page(-1)"),
        bind("logs.page_down", "page(1)"),
        bind("logs.first", "first"),
        bind("logs.last", "follow"),
        bind("logs.left", "scroll_left"),
        bind("logs.right", "scroll_right"),
        bind("logs.open", "choose"),
        bind("logs.copy", "copy_line"),
        bind("logs.copy_call", "copy_call"),
    ]

    # A batch that arrives changes neither the widget's place nor its size: no layout of the whole screen for it.
    virtual_size: Reactive[Size] = reactive(Size(0, 0), layout=False)
    following: Reactive[bool] = reactive(True)
    wrap: Reactive[bool] = reactive(False)

    @dataclass
    class FollowChanged(Message):
        """It follows now, or no longer."""

        following: bool

    class TopReached(Message):
        """What comes before the first line may be wanted."""

    @dataclass
    class Chosen(Message):
        """The call of the line under the cursor is to be opened."""

        invocation_id: str
        function_id: str

    def __init__(self, buffer: LogBuffer) -> None:
        super().__init__()
        self._buffer = buffer
        self._rows: list[Row] = []
        self._cursor: Line | None = None
        self._widest = 0
        # How many cells of a line's text go on a row; 0 where lines are not wrapped.
        self._cut_at = 0
        self._placing = False
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(512)
        self.unseen = 0

    # What changes.

    def changed(self, change: Change) -> None:
        """The buffer took in a batch."""
        if change.anew or (self.wrap and self._cut_at != self._room):
            self.rebuild()
            self.unseen += 0 if self.following else change.added
            return
        shown = self._buffer.shown
        fresh = shown[len(shown) - min(change.added, len(shown)) :]
        gone = 0
        if change.dropped:
            oldest = shown[0].number if shown else 0
            gone = bisect_left(self._rows, oldest, key=lambda row: row[0].number) if shown else len(self._rows)
            del self._rows[:gone]
            if self._cursor is not None and self._cursor.number < oldest:
                self._cursor = None
            if gone and self.text_selection is not None:
                self.screen.clear_selection()
        self._extend(fresh)
        self._resize()
        if self.following:
            self._to_end()
        else:
            self.unseen += len(fresh)
            if gone:
                self._place(max(0, round(self.scroll_y) - gone))
        self.refresh()

    def rebuild(self) -> None:
        """The filter, the width or the way of wrapping changed: begin again, near where one was.

        The cursor's line stays in its place on the screen: around a hit one sees all that came before and after it.
        """
        top, at = self.top, self._index(self._cursor) if self._cursor is not None else None
        height = max(1, self.scrollable_content_region.height)
        beneath = min(max(0, at - self.scroll_offset.y), height - 1) if at is not None else 0
        self._rows, self._widest = [], 0
        self._cut_at = self._room if self.wrap else 0
        self._strips.clear()
        self._extend(self._buffer.shown)
        at = self._index(self._cursor) if self._cursor is not None else None
        if at is None:
            self._cursor = None
        self._resize()
        if self.following:
            self._to_end()
        elif at is not None:
            self._place(max(0, at - beneath))
        elif top is not None:
            self._place(bisect_left(self._rows, top.number, key=lambda row: row[0].number))
        self.refresh()

    def _extend(self, lines: list[Line]) -> None:
        room = self._cut_at
        if room <= 0:
            self._rows.extend((line, 0) for line in lines)
            for line in lines:
                if not line.leads:
                    self._widest = max(self._widest, _cells(line.text))
            return
        for line in lines:
            parts = 1 if line.leads or len(line.text) * 2 <= room else len(wrap_cells(line.text, room))
            self._rows.extend((line, part) for part in range(parts))

    @property
    def _room(self) -> int:
        return self.scrollable_content_region.width - INDENT

    def _resize(self) -> None:
        width = 0 if self.wrap else INDENT + self._widest
        self.virtual_size = Size(max(width, 1), len(self._rows))
        self._refresh_scrollbars()

    def _to_end(self) -> None:
        self._place(max(0, len(self._rows) - self.scrollable_content_region.height))
        self.unseen = 0

    def _place(self, y: int) -> None:
        self._placing = True
        try:
            self.scroll_to(y=y, animate=False, force=True, immediate=True)
        finally:
            self._placing = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Scrolling away from the end stops following, reaching it resumes."""
        super().watch_scroll_y(old_value, new_value)
        if self._placing or round(old_value) == round(new_value):
            return
        self.following = self.is_vertical_scroll_end
        if new_value < old_value:
            self._look_up()

    def _look_up(self) -> None:
        """Say when there is less than a page above: what comes before can be there in time then."""
        if self.scroll_offset.y <= self.scrollable_content_region.height:
            self.post_message(self.TopReached())

    def on_mouse_scroll_up(self) -> None:
        """Where all lines are in sight nothing scrolls, and more is wanted all the same."""
        if self.max_scroll_y == 0:
            self._look_up()

    def watch_following(self, following: bool) -> None:
        """Say so; following means being at the end, with no cursor."""
        if following:
            self._cursor = None
            if self.is_mounted:
                self._to_end()
        self.refresh()
        self.post_message(self.FollowChanged(following))

    def watch_wrap(self) -> None:
        """Cut lines anew."""
        if self.is_mounted:
            self._place_x()
            self.rebuild()

    def _place_x(self) -> None:
        self.scroll_to(x=0, animate=False, force=True, immediate=True)

    def on_resize(self, event: events.Resize) -> None:
        """Another width cuts lines elsewhere; another height shows another end."""
        if self.wrap:
            self.rebuild()
        else:
            self._strips.clear()
            self._resize()
            if self.following:
                self._to_end()

    def notify_style_update(self) -> None:
        """Forget what was painted with the old styles."""
        self._strips.clear()
        super().notify_style_update()

    # What is seen.

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        left, top = self.scroll_offset
        width = self.size.width
        index = top + y
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        line, part = self._rows[index]
        selection = self.text_selection
        span = selection.get_span(index) if selection is not None else None
        key = (
            line.number,
            part,
            line.call.revision,
            left,
            width,
            self.wrap,
            line is self._cursor,
            span,
            self.has_focus,
        )
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._paint(line, part, left, width, span)
        return strip.apply_offsets(left, index)

    def _paint(self, line: Line, part: int, left: int, width: int, span: tuple[int, int] | None) -> Strip:
        pieces = self._pieces(line, part)
        base = self.rich_style
        if line is self._cursor:
            base += self.get_component_rich_style("log--cursor", partial=True)
        segments = [Segment(text, base + self._style(name) if name else base) for text, name in pieces]
        strip = Strip(segments)
        if span is not None:
            start, end = span
            chosen = self.screen.get_component_rich_style("screen--selection")
            strip = _styled(strip, start, strip.cell_length if end == -1 else end, chosen)
        # A header is made to fit and stays; what was printed scrolls sideways.
        offset = 0 if line.leads else left
        return strip.crop_extend(offset, offset + width, base)

    def _pieces(self, line: Line, part: int) -> list[Piece]:
        if line.leads:
            return header(line, self.scrollable_content_region.width)
        wanted = self._buffer.filter
        text = wrap_cells(line.text, self._cut_at)[part] if self._cut_at > 0 else line.text
        beside = self._buffer.context > 0 and wanted.by_line and not wanted.hits(line)
        return printed(line.kind, text, part, None if wanted.inverse else wanted.pattern, beside=beside)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"log--{name}", partial=True)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What was selected with the mouse."""
        top, bottom = 0, len(self._rows)
        if selection.start is not None:
            top = selection.start.y
        if selection.end is not None:
            bottom = min(bottom, selection.end.y + 1)
        # Only the rows in question become text: there may be very many others.
        rows = [""] * top + ["".join(text for text, _ in self._pieces(*row)) for row in self._rows[top:bottom]]
        return selection.extract("\n".join(rows)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    # Keys.

    @property
    def top(self) -> Line | None:
        """The first line in sight."""
        return self._row_at(self.scroll_offset.y)

    @property
    def current(self) -> Line | None:
        """The line under the cursor, or the last one."""
        return self._cursor or (self._rows[-1][0] if self._rows else None)

    def _row_at(self, index: int) -> Line | None:
        return self._rows[index][0] if 0 <= index < len(self._rows) else None

    def _index(self, line: Line) -> int | None:
        """The first row of a line."""
        index = bisect_left(self._rows, line.number, key=lambda row: row[0].number)
        return index if index < len(self._rows) and self._rows[index][0] is line else None

    def _lines_down(self, index: int, step: int) -> Iterator[int]:
        """Rows on which a line begins, from `index` on."""
        index += step
        while 0 <= index < len(self._rows):
            if self._rows[index][1] == 0:
                yield index
            index += step

    def action_move(self, step: int) -> None:
        """Move the cursor a line; the first time it appears on the last line in sight."""
        if not self._rows:
            if step < 0:
                self._look_up()
            return
        at = self._index(self._cursor) if self._cursor is not None else None
        if at is None:
            bottom = self.scroll_offset.y + self.scrollable_content_region.height
            at = min(bottom, len(self._rows)) - 1
            at -= self._rows[at][1]
        else:
            at = next(self._lines_down(at, step), at)
        self._go(at)

    def action_page(self, step: int) -> None:
        """Scroll by a page; the end resumes following."""
        height = max(1, self.scrollable_content_region.height - 1)
        target = min(max(0, self.scroll_offset.y + step * height), int(self.max_scroll_y))
        self._cursor = None
        self.scroll_to(y=target, animate=False, force=True, immediate=True)
        self.refresh()
        if step < 0:
            self._look_up()

    def action_first(self) -> None:
        """Go to the oldest line."""
        if self._rows:
            self._go(0)

    def action_follow(self) -> None:
        """Go to the end and follow it."""
        if self.following:
            self._to_end()
        self.following = True

    def _go(self, index: int) -> None:
        self.following = False
        self._cursor = self._rows[index][0]
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        if index < top:
            self._place(index)
        elif index >= top + height:
            self._place(index - height + 1)
        self.refresh()
        self._look_up()

    def action_choose(self) -> None:
        """Open the call under the cursor, or the last one."""
        line = self.current
        if line is not None:
            self.post_message(self.Chosen(line.call.id, line.call.function_id))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; twice opens the call."""
        line = self._row_at(self.scroll_offset.y + event.y)
        if line is not None and self.screen.selections.get(self) is None:
            self.following = False
            self._cursor = line
            self.refresh()
            if event.chain == 2:
                self.action_choose()

    def action_copy_line(self) -> None:
        """The line under the cursor, or the last one, to the clipboard."""
        line = self.current
        if line is not None:
            self._copy([line], "Line copied")

    def action_copy_call(self) -> None:
        """All lines of the call under the cursor that are still held, to the clipboard."""
        line = self.current
        if line is not None:
            self._copy(
                [other for other in self._buffer.lines if other.call is line.call and other.kind != "more"],
                "Call copied",
            )

    def _copy(self, lines: list[Line], said: str) -> None:
        width = max(self.size.width, 120)
        self.app.copy_to_clipboard(
            "\n".join(
                "".join(text for text, _ in header(line, width)).rstrip() if line.leads else line.text for line in lines
            )
        )
        self.notify(said, timeout=2, markup=False)


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)


def _styled(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """The strip with `style` over its characters `start` up to `end`."""
    segments: list[Segment] = []
    at = 0
    for text, own, _ in strip:
        cuts = sorted({0, len(text), min(max(start - at, 0), len(text)), min(max(end - at, 0), len(text))})
        for one, other in pairwise(cuts):
            inside = start <= at + one < end
            segments.append(Segment(text[one:other], (own or Style.null()) + style if inside else own))
        at += len(text)
    return Strip(segments)
