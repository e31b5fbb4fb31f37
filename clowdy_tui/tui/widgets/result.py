"""What a call gave, and apart from it what it printed: any number of lines, of which those in sight are rendered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.text import count, lines_of, wrap_cells
from clowdy_tui.tui.widgets.highlight import json_spans, syntax_styles
from clowdy_tui.tui.widgets.result_fold import Fold, Folds, find_folds
from clowdy_tui.tui.widgets.result_json import compact
from clowdy_tui.tui.widgets.result_lines import ResultLine, result_lines, shortened

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvokeOut

GUTTER: Final = 2
"""Cells before a line of JSON: what opens there folds by the sign in them."""

_LEADS: Final = {"stdout": "│ ", "stderr": "err │ "}


class ResultView(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows an answer; its objects and arrays fold. `y` copies the whole result, also where only its head is shown."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "result--title",
        "result--error",
        "result--trace",
        "result--note",
        "result--plain",
        "result--stdout",
        "result--stderr",
        "result--bar",
        "result--fold",
        "result--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("result.up", "move(-1)"),
        bind("result.down", "move(1)"),
        bind("result.left", "scroll_left"),
        bind("result.right", "scroll_right"),
        bind("result.page_up", "page(-1)"),
        bind("result.page_down", "page(1)"),
        bind("result.first", "go(0)"),
        bind("result.last", "go(-1)"),
        bind("result.fold", "fold"),
        bind("result.fold_all", "fold_all"),
        bind("result.unfold_all", "unfold_all"),
        bind("result.copy", "copy"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._given: Sequence[ResultLine] = ()
        self._folds = Folds(0, {})
        # Each with the line that was given which it is of.
        self._lines: list[tuple[ResultLine, int]] = []
        self._row = 0
        self._copied = ("", "")
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(256)
        self._syntax: dict[str, Style] = {}

    def show(self, out: InvokeOut) -> None:
        """An answer."""
        text = compact(out.output) if out.success else "\n".join(part for part in (out.error, out.stack_trace) if part)
        self.show_lines(result_lines(out), text, "Result copied" if out.success else "Error copied")

    def show_problem(self, text: str) -> None:
        """Why there is no answer."""
        said = (ResultLine("error", shortened(line)) for line in lines_of(text))
        self.show_lines([ResultLine("title", "Not run"), *said])

    def show_lines(self, lines: Sequence[ResultLine], copied: str = "", said: str = "Copied") -> None:
        """Any lines; `copied` is what the key for copying gives, and `said` what is told then."""
        self._copied = (copied, said)
        self._given = lines
        self._folds = Folds(len(lines), _folds(lines))
        self._row = 0
        self._lay()
        self.scroll_to(0, 0, animate=False, force=True)

    def clear(self) -> None:
        """Nothing yet."""
        self.show_lines([])

    def on_resize(self) -> None:
        """Sentences are broken anew, where there are any."""
        if any(line.kind == "error" for line in self._given):
            self._lay()

    def _lay(self) -> None:
        """What went wrong is a sentence and breaks where the view ends; all else scrolls sideways."""
        room = self.size.width
        self._lines = []
        for number in self._folds.shown:
            line = self._given[number]
            pieces = wrap_cells(line.text, room) if line.kind == "error" else [line.text]
            self._lines += [(ResultLine(line.kind, piece), number) for piece in pieces]
        self._row = min(self._row, max(0, len(self._lines) - 1))
        self._strips.clear()
        width = max((cell_len(self._text(line, number)) for line, number in self._lines), default=0)
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    # What is seen.

    def notify_style_update(self) -> None:
        """Forget what was painted with the old styles."""
        self._strips.clear()
        self._syntax = {}
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        left, top = self.scroll_offset
        width = self.size.width
        index = top + y
        base = self.rich_style
        if index >= len(self._lines):
            return Strip.blank(width, base)
        if index == self._row and self.has_focus:
            base += self.get_component_rich_style("result--cursor", partial=True)
        selection = self.text_selection
        span = selection.get_span(index) if selection is not None else None
        key = (index, left, width, span, base)
        strip = self._strips.get(key)
        if strip is None:
            strip = Strip(self._segments(*self._lines[index], span)).crop_extend(left, left + width, base)
            strip = self._strips[key] = strip.apply_style(base)
        return strip.apply_offsets(left, index)

    def _text(self, line: ResultLine, number: int) -> str:
        lead = _LEADS.get(line.kind, "")
        if line.kind != "json" or not self._folds.folds:
            return lead + line.text
        fold = self._folds.folds.get(number)
        if fold is None:
            return " " * GUTTER + line.text
        if not self._folds.is_closed(number):
            return f"▾ {line.text}"
        return f"▸ {line.text} … {self._given[fold.end].text.strip()}  {count(fold.end - number - 1, 'line')}"

    def _segments(self, line: ResultLine, number: int, span: tuple[int, int] | None) -> list[Segment]:
        if not self._syntax:
            self._syntax = syntax_styles(self.app, {})
        lead = _LEADS.get(line.kind, "")
        text = self._text(line, number)
        styles: list[Style] = [Style.null()] * len(text)
        if line.kind == "json":
            gutter = GUTTER if self._folds.folds else 0
            for start, end, name in json_spans(line.text):
                styles[gutter + start : gutter + end] = [self._syntax[name]] * (end - start)
            note = self.get_component_rich_style("result--note", partial=True)
            styles[:gutter] = [self.get_component_rich_style("result--fold", partial=True)] * gutter
            if self._folds.is_closed(number):
                rest = gutter + len(line.text)
                styles[rest:] = [note] * (len(text) - rest)
                styles[:gutter] = [note] * gutter
        elif line.kind != "blank":
            styles = [self.get_component_rich_style(f"result--{line.kind}", partial=True)] * len(text)
            if lead:
                bar = self.get_component_rich_style(
                    f"result--{'bar' if line.kind == 'stdout' else 'stderr'}", partial=True
                )
                styles[: len(lead)] = [bar] * len(lead)
        if span is not None:
            start, end = span
            chosen = self.screen.get_component_rich_style("screen--selection")
            stop = len(text) if end == -1 else end
            styles[start:stop] = [style + chosen for style in styles[start:stop]]
        return _segments(text, styles)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What was selected with the mouse."""
        return selection.extract("\n".join(self._text(*line) for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    # Keys and clicks.

    def action_move(self, step: int) -> None:
        """Put the cursor a line further."""
        self._go(self._row + step)

    def action_page(self, step: int) -> None:
        """A page further."""
        self._go(self._row + step * max(1, self.scrollable_content_region.height - 1))

    def action_go(self, row: int) -> None:
        """Go to the first line, or the last."""
        self._go(row if row >= 0 else len(self._lines) - 1)

    def _go(self, row: int) -> None:
        self._row = min(max(0, row), max(0, len(self._lines) - 1))
        top, height = self.scroll_offset.y, max(1, self.scrollable_content_region.height)
        if self._row < top:
            self.scroll_to(y=self._row, animate=False, force=True)
        elif self._row >= top + height:
            self.scroll_to(y=self._row - height + 1, animate=False, force=True)
        self.refresh()

    def action_fold(self) -> None:
        """Fold what opens on the cursor's line, or what it is in; unfold it where it is."""
        if self._lines:
            number = self._lines[self._row][1]
            if self._folds.toggle(number):
                self._fold_laid(number)

    def action_fold_all(self) -> None:
        """Leave the outermost level."""
        self._folds.close(1)
        self._fold_laid(self._lines[self._row][1] if self._lines else 0)

    def action_unfold_all(self) -> None:
        """Show everything."""
        number = self._lines[self._row][1] if self._lines else 0
        self._folds.open_all()
        self._fold_laid(number)

    def _fold_laid(self, number: int) -> None:
        """Lay the lines anew, the cursor on the one that was given as this, or on what hides it."""
        self._lay()
        shown = self._folds.shown[self._folds.place_of(number)] if self._folds.shown else 0
        self._go(next((row for row, (_, other) in enumerate(self._lines) if other == shown), 0))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor there; on a sign before JSON, or twice, fold it."""
        row = self.scroll_offset.y + event.y
        if row < len(self._lines) and self.screen.selections.get(self) is None:
            self._go(row)
            line, number = self._lines[row]
            signed = line.kind == "json" and number in self._folds.folds
            if (signed and event.x + self.scroll_offset.x <= GUTTER) or event.chain == 2:
                self.action_fold()

    def action_copy(self) -> None:
        """The whole result, or the error, to the clipboard."""
        text, said = self._copied
        if text:
            self.app.copy_to_clipboard(text)
            self.notify(said, timeout=2, markup=False)


def _folds(lines: Sequence[ResultLine]) -> dict[int, Fold]:
    """What folds, of each stretch of JSON among the lines."""
    folds: dict[int, Fold] = {}
    first = 0
    for kind, group in groupby(lines, key=lambda line: line.kind):
        texts = [line.text for line in group]
        if kind == "json":
            folds |= {first + start: Fold(first + fold.end, fold.depth) for start, fold in find_folds(texts).items()}
        first += len(texts)
    return folds


def _segments(text: str, styles: Sequence[Style]) -> list[Segment]:
    segments: list[Segment] = []
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or styles[index] is not styles[start]:
            segments.append(Segment(text[start:index], styles[start]))
            start = index
    return segments
