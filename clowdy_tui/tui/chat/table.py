"""A table in an answer: in columns where there is room, else a row at a time with each value beside its head."""

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets._markdown import MarkdownBlock, MarkdownTable

GAP = 2
WIDEST_HEAD = 16
"""Cells for the heads beside the values; longer ones are wrapped."""

Row = list[Content]


class ChatTable(MarkdownTable):
    """Grows while the answer comes."""

    def compose(self) -> ComposeResult:
        yield TableText(*self._get_headers_and_rows())

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        if not isinstance(block, MarkdownTable):
            await super()._update_from_block(block)
            return
        self._blocks = block._blocks
        for text in self.query(TableText):
            text.show(*self._get_headers_and_rows())


class TableText(Widget):
    """The cells of one table: heads, and rows of as many cells."""

    def __init__(self, heads: Row, rows: list[Row]) -> None:
        super().__init__()
        self._heads, self._rows = heads, rows

    def show(self, heads: Row, rows: list[Row]) -> None:
        """What it has in it now."""
        self._heads, self._rows = heads, rows
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as it takes at that width."""
        return len(laid_out(self._heads, self._rows, width))

    def render(self) -> Content:
        """As it fits."""
        return Content("\n").join(laid_out(self._heads, self._rows, self.size.width))


def laid_out(heads: Row, rows: list[Row], width: int) -> list[Content]:
    """The lines of a table in so many cells."""
    if width <= 0 or not heads:
        return []
    filled = [(row + [Content("")] * len(heads))[: len(heads)] for row in rows]
    widths = [max(cell.cell_length for cell in column) for column in zip(heads, *filled, strict=True)]
    if sum(widths) + GAP * (len(widths) - 1) <= width:
        return _in_columns(heads, filled, widths)
    return _row_by_row(heads, filled, width)


def _in_columns(heads: Row, rows: list[Row], widths: list[int]) -> list[Content]:
    def line(cells: Row) -> Content:
        padded = [cell.pad_right(wide - cell.cell_length) for cell, wide in zip(cells, widths, strict=True)]
        return Content(" " * GAP).join(padded)

    rule = Content.styled("─" * (sum(widths) + GAP * (len(widths) - 1)), "$line")
    return [line([head.stylize("bold") for head in heads]), rule, *map(line, rows)]


def _row_by_row(heads: Row, rows: list[Row], width: int) -> list[Content]:
    beside = min(max(head.cell_length for head in heads), WIDEST_HEAD, max(1, width // 2))
    lines: list[Content] = []
    for row in rows:
        if lines:
            lines.append(Content.styled("─" * width, "$line"))
        for head, value in zip(heads, row, strict=True):
            left = head.stylize("$muted").wrap(beside)
            right = value.wrap(max(1, width - beside - GAP))
            for number in range(max(len(left), len(right))):
                one = left[number] if number < len(left) else Content("")
                other = right[number] if number < len(right) else Content("")
                lines.append(one.pad_right(beside + GAP - one.cell_length) + other)
    return lines
