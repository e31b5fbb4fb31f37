"""Calls by the minute as bars, three cells high, with a mark under each minute in which one failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

_EIGHTHS = " ▁▂▃▄▅▆▇█"
HEIGHT = 3


@dataclass(frozen=True, slots=True)
class Minute:
    """The calls of one minute, and how many of them failed."""

    calls: int = 0
    errors: int = 0


class Minutes(Widget):
    """The newest minute is at the right end. as many as there is room for, wider where there is more."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "minutes--bar", "minutes--failed", "minutes--axis",
    }  # fmt: skip
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._minutes: tuple[Minute, ...] = ()

    def show(self, minutes: Sequence[Minute]) -> None:
        """Show these, oldest first."""
        if tuple(minutes) != self._minutes:
            self._minutes = tuple(minutes)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """The bars from the top down, then the axis."""
        base, width = self.rich_style, self.size.width
        if not self._minutes or y > HEIGHT:
            return Strip.blank(width, base)
        most = max(1, *(minute.calls for minute in self._minutes))
        label = (f"{most:,}" if y == 0 else "0" if y == HEIGHT - 1 else "").rjust(len(f"{most:,}")) + " "
        room = max(1, width - len(label))
        each = max(1, min(3, room // len(self._minutes)))
        minutes = self._minutes[-(room // each) :]
        bar, failed, axis = (
            base + self.get_component_rich_style(f"minutes--{name}", partial=True) for name in ("bar", "failed", "axis")
        )
        blank = Segment(label + " " * (room - each * len(minutes)), axis)
        if y == HEIGHT:
            return Strip([blank, *_axis(minutes, each, axis, failed)], width)
        segments = [blank]
        for minute in minutes:
            eighths = -(-minute.calls * 8 * HEIGHT // most)
            here = max(0, min(8, eighths - 8 * (HEIGHT - 1 - y)))
            segments.append(Segment(_EIGHTHS[here] * each, failed if minute.errors else bar))
        return Strip(segments, width)


def _axis(minutes: Sequence[Minute], each: int, axis: Style, failed: Style) -> list[Segment]:
    """`60 min ago` … `now`, and a mark under each minute in which a call failed."""
    width = each * len(minutes)
    marks = {index * each for index, minute in enumerate(minutes) if minute.errors}
    cells = ["✗" if index in marks else " " for index in range(width)]
    # A mark says more than a word that it would stand in.
    for word, start in ((f"{len(minutes)} min ago", 0), ("now", width - 3)):
        place = range(max(start, 0), start + len(word))
        if place.stop <= width and not marks.intersection(place):
            cells[place.start : place.stop] = word
    return [Segment(cell, failed if index in marks else axis) for index, cell in enumerate(cells)]
