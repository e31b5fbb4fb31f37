"""One line of code → one strip for the screen: pure functions, so that a line can be cached by what it shows."""

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from clowdy_tui.tui import text as texts
from clowdy_tui.tui.widgets.code_area_marks import Mark
from clowdy_tui.tui.widgets.highlight import Span


@dataclass(frozen=True)
class Palette:
    """The styles of an editor, resolved for the theme and the focus of the moment."""

    base: Style
    gutter: Style
    cursor_gutter: Style
    cursor_line: Style
    cursor: Style
    selection: Style
    bracket: Style
    syntax: dict[str, Style]
    marks: dict[str, Style]


class LineLook(NamedTuple):
    """Everything that decides how a line looks; two that are equal look the same. Columns count characters.

    `selection` is (start, end), where end -1 goes on past the line's end; `cursor` and `brackets` are columns.
    `sign` stands behind the number, in the colour of the mark `sign_kind`.
    """

    text: str
    number: str
    spans: tuple[Span, ...]
    current: bool
    cursor: int | None
    selection: tuple[int, int] | None
    brackets: tuple[int, ...]
    left: int
    width: int
    tab_size: int
    marks: tuple[Mark, ...] = ()
    sign: str = ""
    sign_kind: str = ""


def paint(look: LineLook, palette: Palette) -> Strip:
    """The line, from cell `left` on, `width` cells wide with its number."""
    base = palette.base + palette.cursor_line if look.current else palette.base
    segments = _text(look, palette, base)
    room = look.width
    gutter: list[Segment] = []
    if look.number:
        number = look.number
        style = palette.base + (palette.cursor_gutter if look.current else palette.gutter)
        gutter = [Segment(number, style)]
        if look.sign:
            sign = style + palette.marks[look.sign_kind] + Style(underline=False, bold=True)
            gutter = [Segment(number[:-2], style), Segment(look.sign, sign), Segment(" ", style)]
        room -= len(number)
    code = Strip(segments).crop_extend(look.left, look.left + room, base)
    return Strip([*gutter, *code], look.width)


def _text(look: LineLook, palette: Palette, base: Style) -> list[Segment]:
    # One cell more than the text: where the cursor rests at the line's end, and what shows a selected empty line.
    line = look.text + " "
    if look.text.isascii() and len(line) > look.left + look.width:
        # A very long line costs what is seen of it. Tabs only make it wider, so this never cuts too early.
        line = line[: look.left + look.width]
    length = len(line)
    layers: list[tuple[int, int, Style]] = [
        (span.start, span.end, style) for span in look.spans if (style := palette.syntax.get(span.name))
    ]
    marks = [(start, length if end < 0 else end, kind) for start, end, kind in look.marks]
    layers += [(start, end, palette.marks[kind]) for start, end, kind in marks if kind != "current"]
    if look.selection is not None:
        start, end = look.selection
        layers.append((start, length if end < 0 else end, palette.selection))
    # What was found is selected, too, and has to be read on its own background.
    layers += [(start, end, palette.marks[kind]) for start, end, kind in marks if kind == "current"]
    layers.extend((column, column + 1, palette.bracket) for column in look.brackets)
    if look.cursor is not None:
        layers.append((look.cursor, look.cursor + 1, palette.cursor))

    edges = sorted({0, length, *(edge for start, end, _ in layers for edge in (start, end) if edge < length)})
    styles = [base] * (len(edges) - 1)
    for start, end, style in layers:
        if start >= length:
            continue
        first = bisect_right(edges, start) - 1
        for index in range(first, len(styles)):
            if edges[index] >= end:
                break
            styles[index] = styles[index] + style

    segments: list[Segment] = []
    cells = 0
    simple = "\t" not in line
    for index, style in enumerate(styles):
        piece = line[edges[index] : edges[index + 1]]
        if simple:
            segments.append(Segment(texts.symbols(piece), style))
        else:
            shown = texts.flat(" " * (cells % look.tab_size) + piece, look.tab_size)[cells % look.tab_size :]
            cells += cell_len(shown)
            segments.append(Segment(shown, style))
    return segments
