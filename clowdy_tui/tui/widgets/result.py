"""What a call gave, and apart from it what it printed: any number of lines, of which those in sight are rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from clowdy_tui.tui.text import count, flat, lines_of, wrap_cells
from clowdy_tui.tui.widgets.highlight import json_spans, syntax_styles
from clowdy_tui.tui.widgets.result_json import compact, pretty

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvokeOut

MAX_PRINTED = 5_000
LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class ResultLine:
    """`kind` is `title`, `json`, `stdout`, `stderr`, `error`, `trace`, `note` or `blank`."""

    kind: str
    text: str


def result_lines(out: InvokeOut) -> list[ResultLine]:
    """An answer as lines: result or error first, then what was printed."""
    lines: list[ResultLine] = []
    if out.success:
        shown = pretty(out.output)
        lines += [ResultLine("json", flat(line)) for line in shown.lines]
        if not shown.whole:
            lines.append(
                ResultLine("note", f"… only the first {count(len(shown.lines), 'line')} are shown; y copies all")
            )
    else:
        message = out.error or out.status.value.replace("_", " ")
        said = f"{out.error_type}: {message}" if out.error_type else message
        lines += [ResultLine("error", _cut(line)) for line in lines_of(said)[:MAX_PRINTED]]
        if out.stack_trace:
            lines.append(ResultLine("blank", ""))
            lines += [ResultLine("trace", _cut(line)) for line in lines_of(out.stack_trace.rstrip())[-MAX_PRINTED:]]
    if out.logs:
        # No blank line before it: the dock may be five lines high.
        lines.append(ResultLine("title", f"── printed, {count(len(out.logs), 'line')} ──"))
        lines += [ResultLine(line.stream, _cut(line.text)) for line in out.logs[:MAX_PRINTED]]
        if len(out.logs) > MAX_PRINTED:
            lines.append(ResultLine("note", f"… only the first {MAX_PRINTED:,} are shown; y copies the result"))
        if out.logs_truncated:
            lines.append(ResultLine("note", "… it printed more than is kept"))
    return lines


def _cut(line: str) -> str:
    if len(line) > LONGEST:
        line = f"{line[:LONGEST]}… ({len(line) - LONGEST:,} more characters)"
    return flat(line)


_LEADS = {"stdout": "│ ", "stderr": "err │ "}


class ResultView(ScrollView, can_focus=True):
    """Shows an answer. `y` copies the whole result, also where only its head is shown."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "result--title",
        "result--error",
        "result--trace",
        "result--note",
        "result--stdout",
        "result--stderr",
        "result--bar",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("left,h", "scroll_left", "Left", show=False),
        Binding("right,l", "scroll_right", "Right", show=False),
        Binding("pageup,b", "page_up", "Page up", show=False),
        Binding("pagedown,space", "page_down", "Page down", show=False),
        Binding("home,g", "scroll_home", "Top", show=False),
        Binding("end,G", "scroll_end", "End", show=False),
        Binding("y", "copy", "Copy the result", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._given: Sequence[ResultLine] = ()
        self._lines: Sequence[ResultLine] = ()
        self._out: InvokeOut | None = None
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(256)
        self._syntax: dict[str, Style] = {}

    def show(self, out: InvokeOut) -> None:
        """An answer."""
        self._out = out
        self._set(result_lines(out))

    def show_problem(self, text: str) -> None:
        """Why there is no answer."""
        self._out = None
        self._set([ResultLine("title", "Not run"), *(ResultLine("error", _cut(line)) for line in lines_of(text))])

    def clear(self) -> None:
        """Nothing yet."""
        self._out = None
        self._set([])

    def _set(self, lines: Sequence[ResultLine]) -> None:
        self._given = lines
        self._lay()

    def on_resize(self) -> None:
        """Sentences are broken anew, where there are any."""
        if any(line.kind == "error" for line in self._given):
            self._lay()

    def _lay(self) -> None:
        """What went wrong is a sentence and breaks where the view ends; all else scrolls sideways."""
        room = self.size.width
        lines: list[ResultLine] = []
        for line in self._given:
            pieces = wrap_cells(line.text, room) if line.kind == "error" else [line.text]
            lines += [ResultLine(line.kind, piece) for piece in pieces]
        self._lines = lines
        self._strips.clear()
        width = max((cell_len(_LEADS.get(line.kind, "") + line.text) for line in lines), default=0)
        self.virtual_size = Size(width, len(lines))
        self.scroll_to(0, 0, animate=False, force=True)
        self.refresh()

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
        selection = self.text_selection
        span = selection.get_span(index) if selection is not None else None
        key = (index, left, width, span)
        strip = self._strips.get(key)
        if strip is None:
            strip = Strip(self._segments(self._lines[index], span)).crop_extend(left, left + width, base)
            strip = self._strips[key] = strip.apply_style(base)
        return strip.apply_offsets(left, index)

    def _segments(self, line: ResultLine, span: tuple[int, int] | None) -> list[Segment]:
        if not self._syntax:
            self._syntax = syntax_styles(self.app, {})
        lead = _LEADS.get(line.kind, "")
        text = lead + line.text
        styles: list[Style] = [Style.null()] * len(text)
        if line.kind == "json":
            for start, end, name in json_spans(text):
                styles[start:end] = [self._syntax[name]] * (end - start)
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
        return selection.extract("\n".join(_LEADS.get(line.kind, "") + line.text for line in self._lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh()

    def action_copy(self) -> None:
        """The whole result, or the error, to the clipboard."""
        if self._out is None:
            return
        out = self._out
        text = compact(out.output) if out.success else "\n".join(part for part in (out.error, out.stack_trace) if part)
        self.app.copy_to_clipboard(text)
        self.notify("Result copied" if out.success else "Error copied", timeout=2, markup=False)


def _segments(text: str, styles: Sequence[Style]) -> list[Segment]:
    segments: list[Segment] = []
    start = 0
    for index in range(1, len(text) + 1):
        if index == len(text) or styles[index] is not styles[start]:
            segments.append(Segment(text[start:index], styles[start]))
            start = index
    return segments
