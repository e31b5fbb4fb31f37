"""A diff where there is little room, as in a question: all of each line, however narrow it is."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, chop_cells
from textual.content import Content
from textual.widgets import Static

from clowdy_tui.tui.text import flat, visible
from clowdy_tui.tui.versions.diffing import Row, under_each_other

DEEPER: Final = 2
"""Cells by which the rest of a line that does not fit stands further in than the line."""
LEAST: Final = 8
"""Cells for the text, however deep it stands."""
_ENDS: Final = " ([{,"


class SmallDiff(Static):
    """Draws rows under each other, without numbers and without the indentation that all lines have."""

    def __init__(self, rows: Sequence[Row], *, classes: str) -> None:
        super().__init__(classes=classes)
        self._rows = rows

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        """Lines break elsewhere."""
        self._draw()

    def _draw(self) -> None:
        self.update(paint_small(self._rows, self.size.width or 80))


def paint_small(rows: Sequence[Row], width: int) -> Content:
    """The rows in so many cells: what does not fit goes on below, further in, so that the signs stay a column."""
    shown = under_each_other(rows)
    texts = [side.text for row in shown for side in (row.old, row.new) if side and side.text.strip()]
    common = min((len(text) - len(text.lstrip(" ")) for text in texts), default=0)
    return Content("\n").join(line for row in shown for line in _lines(row, common, width))


def _lines(row: Row, common: int, width: int) -> Iterator[Content]:
    side = row.new or row.old
    if side is None:
        yield Content.styled(visible(row.text), "bold") if row.kind == "file" else Content.styled("⋯", "$muted")
        return
    sign, style = ("  ", "$muted") if row.kind == "same" else ("- ", "$error") if row.old else ("+ ", "$success")
    text = flat(side.text[common:])
    bare = text.lstrip(" ")
    margin = " " * (len(text) - len(bare))
    for number, part in enumerate(_broken(bare, max(LEAST, width - 2 - len(margin)))):
        further = " " * DEEPER if number else ""
        yield Content.styled(f"{sign if not number else '  '}{margin}{further}{part}", style)


def _broken(text: str, room: int) -> Iterator[str]:
    """In parts of at most `room` cells, the later ones shorter; broken after a word or sign where one is near."""
    rest = max(LEAST, room - DEEPER)
    while cell_len(text) > room:
        part = chop_cells(text, room)[0]
        end = max(part.rfind(sign) + 1 for sign in _ENDS)
        if end > len(part) // 2:
            part = part[:end]
        yield part
        text, room = text[len(part) :], rest
    yield text
