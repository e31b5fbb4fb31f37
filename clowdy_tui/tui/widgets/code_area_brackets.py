"""The partner of a bracket, found by counting; brackets in strings and comments do not count."""

import re
from collections.abc import Iterable, Iterator, Sequence

from textual.document._document import Location

REACH = 1_000
"""How many lines away a partner is looked for."""

_PAIRS = {"(": ")", "[": "]", "{": "}"}
_CLOSERS = {closer: opener for opener, closer in _PAIRS.items()}
_TOKEN = re.compile(r"""[()\[\]{}]|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|#.*""")


def matching_bracket(lines: Sequence[str], location: Location) -> Location | None:
    """Where the partner of the bracket at `location` is; None where there is none within `REACH`, or no bracket."""
    row, column = location
    bracket = lines[row][column : column + 1]
    if bracket in _PAIRS:
        rows: Iterable[int] = range(row, min(len(lines), row + REACH))
        return _partner(lines, rows, location, _PAIRS)
    if bracket in _CLOSERS:
        rows = range(row, max(-1, row - REACH), -1)
        return _partner(lines, rows, location, _CLOSERS)
    return None


def _partner(lines: Sequence[str], rows: Iterable[int], start: Location, pairs: dict[str, str]) -> Location | None:
    """Walk from `start` over brackets; `pairs` maps what opens, in the walk's direction, to what closes it."""
    waiting: list[str] = []
    forward = "(" in pairs
    for row in rows:
        for column, bracket in _brackets(lines[row], forward):
            if row == start[0] and (column < start[1] if forward else column > start[1]):
                continue
            if not waiting and (row, column) != start:
                # The bracket at the start is inside of a string: it has no partner.
                return None
            if bracket in pairs:
                waiting.append(pairs[bracket])
            elif waiting.pop() != bracket:
                return None
            elif not waiting:
                return row, column
        if not waiting:
            return None
    return None


def _brackets(line: str, forward: bool) -> Iterator[tuple[int, str]]:
    found = [(match.start(), match[0]) for match in _TOKEN.finditer(line) if len(match[0]) == 1 and match[0] != "#"]
    return iter(found) if forward else reversed(found)
