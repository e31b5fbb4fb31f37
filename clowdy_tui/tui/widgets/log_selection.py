"""Which lines of the log are shown: those that pass a filter, each with its header before it and others around it."""

from __future__ import annotations

from clowdy_tui.tui.widgets.log_call import Line
from clowdy_tui.tui.widgets.log_query import Filter


class Selection:
    """Is handed lines one after the other. `context` is how many of the same call are shown around each that passes."""

    def __init__(self, wanted: Filter, context: int = 0) -> None:
        self.filter = wanted
        self.context = context
        self.shown: list[Line] = []
        self._all = wanted.empty
        # Of the last line that passed: its header, and how many lines after it are still to be shown.
        self._after: tuple[Line | None, int] = (None, 0)

    def take_all(self, lines: list[Line]) -> list[Line]:
        """What is shown of all these."""
        if self._all:
            self.shown += lines
        else:
            for place in range(len(lines)):
                self.take(lines, place)
        return self.shown

    def take(self, lines: list[Line], place: int) -> int:
        """Add the line at this place to those shown, if it passes, with what belongs to it; how many were added."""
        line = lines[place]
        if self._all:
            self.shown.append(line)
            return 1
        if not self.filter.takes(line.call):
            return 0
        if not self.filter.hits(line):
            return self._take_after(line)
        before = len(self.shown)
        owner = line.owner
        if owner is not None and owner.number >= lines[0].number:
            last = self.shown[-1] if self.shown else None
            if last is None or (last is not owner and last.owner is not owner):
                self.shown.append(owner)
            if self.context:
                known = self.shown[-1].number
                around = lines[max(place - self.context, 0) : place]
                self.shown += [other for other in around if other.owner is owner and other.number > known]
        self.shown.append(line)
        self._after = (owner or line, self.context)
        return len(self.shown) - before

    def _take_after(self, line: Line) -> int:
        owner, left = self._after
        if left <= 0 or line.owner is None or line.owner is not owner:
            return 0
        self._after = (owner, left - 1)
        self.shown.append(line)
        return 1
