"""Shows what differs: side by side where it is wide enough, else under each other. Draws what is visible."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from clowdy_tui.tui.binding import bind, scroll_keys
from clowdy_tui.tui.text import flat, visible
from clowdy_tui.tui.versions.diffing import Row, Side, under_each_other

SIDE_BY_SIDE_FROM = 96
"""So many columns: two times forty of code, with their numbers and signs."""


class DiffView(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines that went have `-` and lines that came `+`, whatever the colours are."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "diff--file", "diff--gap", "diff--number", "diff--same", "diff--went", "diff--came", "diff--edge",
        "diff--went-sign", "diff--came-sign",
    }  # fmt: skip
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *scroll_keys("diff"),
        bind("diff.next", "next_change(1)"),
        bind("diff.previous", "next_change(-1)"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._rows: list[Row] = []
        self._inline: list[Row] = []
        self._nothing = ""

    def show(self, rows: Sequence[Row], nothing: str = "No line differs.") -> None:
        """Show these, from the top; `nothing` is said where there are none."""
        self._rows, self._inline, self._nothing = list(rows), under_each_other(rows), nothing
        self._measure()
        self.scroll_to(0, 0, animate=False)
        self.refresh()

    def on_resize(self) -> None:
        """Another width may mean the other way of showing it."""
        self._measure()
        self.refresh()

    @property
    def is_side_by_side(self) -> bool:
        """Whether both sides are shown beside each other now."""
        return self.size.width >= SIDE_BY_SIDE_FROM

    @property
    def _shown(self) -> list[Row]:
        return self._rows if self.is_side_by_side else self._inline

    def action_next_change(self, by: int) -> None:
        """Scroll to where the next run of changes begins, or the one before."""
        rows = self._shown
        starts = [
            index
            for index, row in enumerate(rows)
            if row.kind == "changed" and (index == 0 or rows[index - 1].kind != "changed")
        ]
        top = round(self.scroll_offset.y)
        ahead = [start for start in starts if start > top + 1] if by > 0 else [s for s in starts if s < top + 1][::-1]
        if ahead:
            self.scroll_to(None, max(0, ahead[0] - 1), animate=False)

    def _measure(self) -> None:
        rows = self._shown
        sides = [side for row in rows for side in (row.old, row.new) if side is not None]
        self._digits = len(str(max((side.number for side in sides), default=1)))
        widest = max((cell_len(flat(side.text)) for side in sides), default=0)
        extra = self._digits + 3
        if self.is_side_by_side:
            # What does not fit into a half can be scrolled to in both.
            half = self._half() - extra
            width = self.size.width + max(0, widest - half)
        else:
            width = max(self.size.width, widest + extra + self._digits + 1)
        self.virtual_size = Size(width, max(1, len(rows)))

    def _half(self) -> int:
        return (self.size.width - 1) // 2

    def render_line(self, y: int) -> Strip:
        """One line of the widget."""
        left, top = self.scroll_offset
        width = self.size.width
        base = self.rich_style
        rows = self._shown
        if not rows:
            text = f"  {self._nothing}" if y == 0 else ""
            return Strip([Segment(text, base + self._style("gap"))]).adjust_cell_length(width, base)
        index = top + y
        if index >= len(rows):
            return Strip.blank(width, base)
        row = rows[index]
        if row.kind in ("file", "gap"):
            sign = "▸ " if row.kind == "file" else "  ⋯ "
            said = Segment(f"{sign}{visible(row.text)}", base + self._style(row.kind))
            return Strip([said]).crop_extend(0, width, base + self._style(row.kind))
        if self.is_side_by_side:
            half = self._half()
            edge = Segment("▕", base + self._style("edge"))
            first = self._side(row.old, "went" if row.kind == "changed" else "same", half, left)
            second = self._side(row.new, "came" if row.kind == "changed" else "same", width - half - 1, left)
            return Strip([*first, edge, *second], width)
        return self._line(row, width, left)

    def _line(self, row: Row, width: int, left: int) -> Strip:
        kind = "same" if row.kind == "same" else "went" if row.old else "came"
        old = f"{row.old.number:>{self._digits}}" if row.old else " " * self._digits
        new = f"{row.new.number:>{self._digits}}" if row.new else " " * self._digits
        side = row.new or row.old
        assert side is not None
        return self._code(f"{old} {new} ", kind, side, width, left)

    def _side(self, side: Side | None, kind: str, width: int, left: int) -> Strip:
        if side is None:
            return Strip.blank(width, self.rich_style)
        return self._code(f"{side.number:>{self._digits}} ", kind, side, width, left)

    def _code(self, number: str, kind: str, side: Side, width: int, left: int) -> Strip:
        # Not partial: the backgrounds of what came and went are thin layers over the widget's.
        style = self.get_component_rich_style(f"diff--{kind}")
        sign = {"same": "  ", "went": "- ", "came": "+ "}[kind]
        signed = style + self._style(f"{kind}-sign") if kind != "same" else style
        head = [Segment(number, self.rich_style + self._style("number")), Segment(sign, signed)]
        start, end = side.changed or (0, 0)
        parts = (side.text[:start], side.text[start:end], side.text[end:])
        marked = style + Style(bold=True, underline=True)
        segments, before = list[Segment](), ""
        for part, painted in zip(parts, (style, marked, style), strict=True):
            # Tabs count from the line's beginning.
            shown = flat(before + part)[len(flat(before)) :]
            before += part
            if shown:
                segments.append(Segment(shown, painted))
        room = width - len(number) - 2
        return Strip([*head, *Strip(segments).crop_extend(left, left + room, style)], width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"diff--{name}", partial=True)
