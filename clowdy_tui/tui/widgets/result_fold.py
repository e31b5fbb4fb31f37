"""What folds in lines of JSON: objects and arrays, each from the line that opens it to the one that closes it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fold:
    """Where it ends, and how many others it is in."""

    end: int
    depth: int


def find_folds(lines: Sequence[str]) -> dict[int, Fold]:
    """By the line that opens, of JSON as `result_json.pretty` has it. What does not end is left out."""
    folds: dict[int, Fold] = {}
    opened: list[int] = []
    for number, line in enumerate(lines):
        if opened and line.lstrip()[:1] in ("}", "]"):
            start = opened.pop()
            folds[start] = Fold(number, len(opened))
        elif line[-1:] in ("{", "["):
            opened.append(number)
    return folds


class Folds:
    """Which lines are shown of `count`; `folds` are by the line that opens."""

    def __init__(self, count: int, folds: Mapping[int, Fold]) -> None:
        self.folds = folds
        self._count = count
        self._closed: set[int] = set()
        self.shown: Sequence[int] = range(count)

    def is_closed(self, line: int) -> bool:
        """Whether what opens on this line is folded."""
        return line in self._closed

    def toggle(self, line: int) -> bool:
        """Fold what opens on this line, or the innermost that it is in; unfold it where it is. False: there is none."""
        target = line if line in self.folds else self._around(line)
        if target is None:
            return False
        self._closed ^= {target}
        self._lay()
        return True

    def close(self, depth: int) -> None:
        """Fold everything below `depth` levels (0: the whole)."""
        self._closed = {start for start, fold in self.folds.items() if fold.depth >= depth}
        self._lay()

    def open_all(self) -> None:
        """Unfold everything."""
        self._closed = set()
        self._lay()

    def place_of(self, line: int) -> int:
        """Where the line is among those shown, or the one that hides it."""
        return max(0, bisect_right(self.shown, line) - 1)

    def _around(self, line: int) -> int | None:
        return max((start for start, fold in self.folds.items() if start < line <= fold.end), default=None)

    def _lay(self) -> None:
        shown: list[int] = []
        line = 0
        while line < self._count:
            shown.append(line)
            line = self.folds[line].end + 1 if line in self._closed else line + 1
        self.shown = shown
