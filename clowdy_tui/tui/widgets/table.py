"""A table: a row of heads over rows to choose from, whose columns share the width that there is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from clowdy_tui.tui.text import visible
from clowdy_tui.tui.widgets.choices import ChoiceList

Cell = Content | str | tuple[str, str]
"""What stands in a cell: content, or text (shown as it is), or text with its style."""

GAP = 2
EDGE = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column. It is as wide as its widest cell, at most `most`; with a `share` it grows where there is room.

    Where the table is narrower than `needs` cells the column is left out.
    """

    title: str
    share: int = 0
    most: int = 40
    least: int = 4
    needs: int = 0
    align: Literal["left", "right"] = "left"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `key` tells it from the others, `cells` are as many as there are columns."""

    key: str
    cells: Sequence[Cell]


class Rows(ChoiceList):
    """The rows. A click puts the cursor on one, a click on the cursor's chooses it."""

    async def _on_click(self, event: events.Click) -> None:
        event.stop()
        event.prevent_default()
        index = event.style.meta.get("option")
        if index is None:
            return
        if self.highlighted == index or event.chain > 1:
            self.highlighted = index
            self.action_select()
        else:
            self.highlighted = index


class Table(Vertical):
    """Rows under their heads. The cursor stays on its row when the rows change."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    @dataclass
    class Highlighted(Message):
        """The cursor is on another row, or on none."""

        table: "Table"
        key: str | None

        @property
        def control(self) -> "Table":
            return self.table

    @dataclass
    class Chosen(Message):
        """Enter, or a click on the cursor's row."""

        table: "Table"
        key: str

        @property
        def control(self) -> "Table":
            return self.table

    def __init__(self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id, classes=classes)
        self._columns = columns
        self._rows: list[Row] = []
        self._told: str | None = None

    def compose(self) -> ComposeResult:
        yield Static(classes="heads")
        yield Rows(classes="rows")

    @property
    def list_(self) -> OptionList:
        return self.query_one(Rows)

    @property
    def key(self) -> str | None:
        """The row that the cursor is on."""
        index = self.list_.highlighted
        return self._rows[index].key if index is not None and index < len(self._rows) else None

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these instead; the cursor stays on its row, or in its place where that is gone."""
        key, index = self.key, self.list_.highlighted or 0
        if [row.key for row in rows] == [row.key for row in self._rows]:
            self._rows = list(rows)
            self._draw(anew=False)
            return
        self._rows = list(rows)
        self._draw(anew=True)
        keys = [row.key for row in self._rows]
        if keys:
            self.list_.highlighted = keys.index(key) if key in keys else min(index, len(keys) - 1)
        self._tell()

    def move_to(self, key: str) -> None:
        """Put the cursor on a row, where it is there."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.list_.highlighted = index

    def focus_rows(self, *, scroll: bool = True) -> None:
        """Give the rows the focus, and scroll what they are in so that all are seen."""
        self.list_.focus(scroll_visible=scroll)

    def on_resize(self) -> None:
        self._draw(anew=False)

    def _draw(self, *, anew: bool) -> None:
        width = self.size.width - 2 * EDGE - 1
        cells = [[_content(cell) for cell in row.cells] for row in self._rows]
        widths = _share_out(self._columns, cells, width)
        heads = [Content.styled(column.title, "$muted") for column in self._columns]
        self.query_one(".heads", Static).update(_line(self._columns, heads, widths))
        lines = [_line(self._columns, row, widths) for row in cells]
        if anew or self.list_.option_count != len(lines):
            self.list_.set_options([Option(line) for line in lines])
        else:
            for index, line in enumerate(lines):
                self.list_.replace_option_prompt_at_index(index, line)

    def _tell(self) -> None:
        if self.key != self._told:
            self._told = self.key
            self.post_message(self.Highlighted(self, self.key))

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._tell()

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_index < len(self._rows):
            self.post_message(self.Chosen(self, self._rows[event.option_index].key))


def _content(cell: Cell) -> Content:
    if isinstance(cell, Content):
        return cell
    text, style = (cell, "") if isinstance(cell, str) else cell
    return Content.styled(visible(text), style)


def _share_out(columns: Sequence[Column], rows: Sequence[Sequence[Content]], width: int) -> list[int]:
    """The width of each column, 0 for those that are left out."""
    shown = [width >= column.needs for column in columns]
    widths = []
    for index, column in enumerate(columns):
        widest = max([len(column.title), column.least, *(row[index].cell_length for row in rows)])
        widths.append(min(widest, column.most) if shown[index] else 0)
    over = sum(widths) + GAP * (sum(shown) - 1) - width
    shares = [index for index, column in enumerate(columns) if column.share and shown[index]]
    if over > 0:
        # What shares the room gives way first, each down to its least; then all, from the right.
        for index in [*sorted(shares, key=lambda index: -widths[index]), *reversed(range(len(columns)))]:
            cut = min(over, max(0, widths[index] - columns[index].least))
            widths[index] -= cut
            over -= cut
    elif shares:
        whole = sum(columns[index].share for index in shares)
        for index in shares:
            widths[index] += -over * columns[index].share // whole
    return widths


def _line(columns: Sequence[Column], cells: Sequence[Content], widths: Sequence[int]) -> Content:
    parts: list[Content] = []
    for column, cell, width in zip(columns, cells, widths, strict=True):
        if width:
            cut = cell.truncate(width, ellipsis=True)
            blank = Content(" " * (width - cut.cell_length))
            parts.append(blank + cut if column.align == "right" else cut + blank)
    return Content(" " * EDGE) + Content(" " * GAP).join(parts)
