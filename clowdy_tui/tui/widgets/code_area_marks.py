"""What is marked in a text besides its syntax: what a search has found, and where something is wrong."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from textual.document._document import Location

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong from `start` up to `end` (rows and columns from 0). `code` is the rule's, where there is one."""

    start: Location
    end: Location
    message: str
    code: str = ""
    severity: Severity = "warning"


class Hit(NamedTuple):
    """Something that was found."""

    start: Location
    end: Location


class Mark(NamedTuple):
    """A marked stretch of one line: columns `start` up to `end`, where -1 goes on past the line's end."""

    start: int
    end: int
    kind: Literal["hit", "current", "error", "warning"]


SIGNS: Mapping[Severity, str] = {"error": "✗", "warning": "!"}


class Marks:
    """The marks of one text, by row. Problems move along with the lines that they are in; hits are found anew."""

    def __init__(self) -> None:
        self._hits: dict[int, list[Mark]] = {}
        self._problems: list[Problem] = []
        self._by_row: dict[int, list[Problem]] = {}

    @property
    def problems(self) -> Sequence[Problem]:
        """In the order of the text."""
        return self._problems

    def set_hits(self, hits: Iterable[Hit], current: Hit | None) -> None:
        """Mark these, one of them as the one that is meant."""
        self._hits = {}
        for hit in hits:
            kind: Literal["hit", "current"] = "current" if hit == current else "hit"
            for row, start, end in _rows(hit.start, hit.end):
                self._hits.setdefault(row, []).append(Mark(start, end, kind))

    def set_problems(self, problems: Iterable[Problem]) -> None:
        """Mark these in the place of those that were marked."""
        self._problems = sorted(problems, key=lambda problem: (problem.start, problem.severity))
        self._by_row = {}
        for problem in self._problems:
            self._by_row.setdefault(problem.start[0], []).append(problem)

    def edited(self, top: int, old_bottom: int, new_bottom: int) -> None:
        """The rows `top` to `old_bottom` became `top` to `new_bottom`: what was marked below moves along."""
        self._hits = {}
        if not self._problems:
            return
        by = new_bottom - old_bottom
        if by:
            kept = (problem for problem in self._problems if not top < problem.start[0] <= old_bottom)
            self.set_problems([_moved(problem, by) if problem.start[0] > top else problem for problem in kept])

    def of(self, row: int) -> tuple[Mark, ...]:
        """The marks of a row, those that are painted over others last."""
        marks = [
            Mark(problem.start[1], problem.end[1] if problem.end[0] == row else -1, problem.severity)
            for problem in self._by_row.get(row, ())
        ]
        return (*marks, *self._hits.get(row, ()))

    def problem_at(self, row: int) -> Problem | None:
        """The worst problem that begins in a row."""
        found = self._by_row.get(row)
        return min(found, key=lambda problem: problem.severity) if found else None

    def problem_after(self, location: Location) -> Problem | None:
        """The next problem, from the top again after the last."""
        later = (problem for problem in self._problems if problem.start > location)
        return next(later, self._problems[0] if self._problems else None)


def _rows(start: Location, end: Location) -> Iterable[tuple[int, int, int]]:
    for row in range(start[0], end[0] + 1):
        yield row, start[1] if row == start[0] else 0, end[1] if row == end[0] else -1


def _moved(problem: Problem, by: int) -> Problem:
    (top, left), (bottom, right) = problem.start, problem.end
    return Problem((top + by, left), (bottom + by, right), problem.message, problem.code, problem.severity)
