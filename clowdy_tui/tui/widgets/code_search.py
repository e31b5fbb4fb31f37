"""Search in a text: what is looked for, where it is, and what would stand there instead. No widget, no I/O.

The `regex` package and not `re`, for its deadline: a pattern like `(a+)+$` must not hold the event loop.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import regex
from textual.document._document import Location

from clowdy_tui.tui.widgets.code_area_marks import Hit

MOST: Final = 10_000
"""So many hits are shown; a pattern that fits everywhere is not meant."""
WITHIN_S: Final = 0.1
REPLACED_WITHIN_S: Final = 0.5


class BadPattern(Exception):
    """The pattern is none, or takes too long; the text says which."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. `word` only finds it between what belongs to no name."""

    pattern: str
    is_regex: bool = False
    case: bool = False
    word: bool = False


def find_all(text: str, query: Query) -> list[Hit]:
    """Every hit in the text, at most `MOST`. Empty hits (`x*` finds some everywhere) are passed over.

    Raises:
        BadPattern: see there.
    """
    starts = _line_starts(text)
    return [_hit(match, starts) for match in _matches(text, query, MOST, WITHIN_S)]


def replaced(text: str, query: Query, replacement: str) -> tuple[str, int]:
    """The text with every hit replaced, and how many there were. In a regex `\\1` and `\\g<name>` stand for groups.

    Raises:
        BadPattern: the pattern or the replacement is none, or takes too long.
    """
    parts: list[str] = []
    at = number = 0
    for match in _matches(text, query, None, REPLACED_WITHIN_S):
        parts += [text[at : match.start()], _expanded(match, query, replacement)]
        at = match.end()
        number += 1
    return "".join([*parts, text[at:]]), number


def replacement_at(text: str, query: Query, hit: Hit, replacement: str) -> str | None:
    """What would stand in the place of a hit; None where it is none any more.

    Raises:
        BadPattern: as `replaced`.
    """
    starts = _line_starts(text)
    found = next((match for match in _matches(text, query, MOST, WITHIN_S) if _hit(match, starts) == hit), None)
    return None if found is None else _expanded(found, query, replacement)


def _matches(text: str, query: Query, most: int | None, within_s: float) -> Iterator[Any]:
    if not query.pattern:
        return
    pattern = query.pattern if query.is_regex else regex.escape(query.pattern, literal_spaces=True)
    if query.word:
        pattern = rf"(?<!\w)(?:{pattern})(?!\w)"
    flags = regex.MULTILINE | (0 if query.case else regex.IGNORECASE)
    try:
        number = 0
        for match in regex.compile(pattern, flags).finditer(text, timeout=within_s):
            if match.end() > match.start():
                yield match
                number += 1
                if number == most:
                    return
    except regex.error as error:
        found: Any = error
        raise BadPattern(found.msg if found.pos is None else f"{found.msg}, at {found.pos + 1}") from error
    except TimeoutError as error:
        raise BadPattern("takes too long in this file") from error


def _expanded(match: Any, query: Query, replacement: str) -> str:
    if not query.is_regex:
        return replacement
    try:
        return str(match.expand(replacement))
    except (regex.error, IndexError) as error:
        raise BadPattern(f"what to put there: {error}") from error


def _line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


def _hit(match: Any, starts: Sequence[int]) -> Hit:
    return Hit(_location(match.start(), starts), _location(match.end(), starts))


def _location(offset: int, starts: Sequence[int]) -> Location:
    row = bisect_right(starts, offset) - 1
    return row, offset - starts[row]
