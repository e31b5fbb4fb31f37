"""Calls by the minute as bars, three cells high, with a mark under each bar in which one failed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

_EIGHTHS = " ▁▂▃▄▅▆▇█"
HEIGHT = 3
WIDEST = 3


@dataclass(frozen=True, slots=True)
class Minute:
    """The calls of one minute, and how many of them failed."""

    calls: int = 0
    errors: int = 0


class Minutes(Widget):
    """The newest minute is at the right end.

    The bars fill the room, at most `WIDEST` cells each. Where there are more minutes than cells several share a bar.
    """

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
        room = max(1, width - len(f"{max(minute.calls for minute in self._minutes):,}") - 2)
        bars = _shared(self._minutes, room)
        most = max(1, *(bar.calls for bar in bars))
        widest = len(f"{most:,}")
        # Some bars are a cell wider than others: that is seen less than a gap at an end.
        room = min(width - widest - 1, WIDEST * len(bars))
        starts = [round(index * room / len(bars)) for index in range(len(bars) + 1)]
        bar, failed, axis = (
            base + self.get_component_rich_style(f"minutes--{name}", partial=True) for name in ("bar", "failed", "axis")
        )
        label = f"{most:,}" if y == 0 else "0" if y == HEIGHT - 1 else ""
        segments = [Segment(label.rjust(widest) + " ", axis)]
        if y == HEIGHT:
            marks = {start for start, one in zip(starts, bars, strict=False) if one.errors}
            words = _axis(room, marks, len(self._minutes))
            segments += [Segment(cell, failed if index in marks else axis) for index, cell in enumerate(words)]
        else:
            for one, (start, end) in zip(bars, pairwise(starts), strict=True):
                eighths = -(-one.calls * 8 * HEIGHT // most)
                here = max(0, min(8, eighths - 8 * (HEIGHT - 1 - y)))
                segments.append(Segment(_EIGHTHS[here] * (end - start), failed if one.errors else bar))
        return Strip(segments).extend_cell_length(width, base)


def _shared(minutes: Sequence[Minute], room: int) -> list[Minute]:
    """As many bars as there is room for, each of equally many minutes; the oldest may have fewer."""
    each = -(-len(minutes) // room)
    first = len(minutes) % each
    starts = [0, *range(first, len(minutes), each)] if first else range(0, len(minutes), each)
    parts = [minutes[start : start + each if start or not first else first] for start in starts]
    return [Minute(sum(one.calls for one in part), sum(one.errors for one in part)) for part in parts]


def _axis(width: int, marks: Collection[int], minutes: int) -> list[str]:
    """`60 min ago` … `now`, and a mark under each bar in which a call failed."""
    shown = ["✗" if index in marks else " " for index in range(width)]
    ago = f"{minutes} min ago" if minutes <= 60 else f"{round(minutes / 60)} h ago"
    # A mark says more than a word that it would stand in.
    for word, start in ((ago, 0), ("now", width - 3)):
        place = range(max(start, 0), start + len(word))
        if place.stop <= width and not any(index in marks for index in place):
            shown[place.start : place.stop] = word
    return shown
