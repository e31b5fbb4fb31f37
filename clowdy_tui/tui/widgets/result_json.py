"""JSON for reading: pretty-printed line by line, and only as much of it as anybody will look at."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

MAX_LINES: Final = 5_000
MAX_CHARACTERS: Final = 128 * 1024
LONGEST: Final = 2_000
"""Characters of one string that are shown."""

INDENT: Final = "  "
DEEPEST: Final = 40
"""Levels that are indented; what is deeper stays at that column."""


@dataclass(frozen=True, slots=True)
class Pretty:
    """Lines of JSON. `whole` is False where more would follow."""

    lines: list[str]
    whole: bool


def pretty(value: Any) -> Pretty:
    """At most `MAX_LINES` and about `MAX_CHARACTERS` of the value; takes time only for what it gives."""
    lines: list[str] = []
    characters = 0
    for line in _lines(value):
        if len(lines) >= MAX_LINES or characters >= MAX_CHARACTERS:
            return Pretty(lines, whole=False)
        lines.append(line)
        characters += len(line)
    return Pretty(lines, whole=True)


def compact(value: Any) -> str:
    """The whole value on one line, for copying."""
    return json.dumps(value, ensure_ascii=False)


def _lines(value: Any) -> Iterator[str]:
    """Depth first with a stack of its own: a value may be nested deeper than Python may recurse."""
    yield _opening(value)
    if not isinstance(value, dict | list) or not value:
        return
    stack: list[tuple[_Members, str]] = [(_Members(value), _closing(value))]
    while stack:
        members, closing = stack[-1]
        margin = INDENT * min(len(stack), DEEPEST)
        entry = next(members, None)
        if entry is None:
            stack.pop()
            comma = "," if stack and stack[-1][0].more else ""
            yield INDENT * min(len(stack), DEEPEST) + closing + comma
            continue
        key, member, last = entry
        nested = isinstance(member, dict | list) and bool(member)
        yield f"{margin}{key}{_opening(member)}{'' if nested or last else ','}"
        if nested:
            stack.append((_Members(member), _closing(member)))


class _Members(Iterator[tuple[str, Any, bool]]):
    """(key with its colon or "", value, whether it is the last), of an object or an array."""

    def __init__(self, value: dict[str, Any] | list[Any]) -> None:
        self._left = len(value)
        items = value.items() if isinstance(value, dict) else ((None, member) for member in value)
        self._items: Iterator[tuple[str | None, Any]] = iter(items)

    def __next__(self) -> tuple[str, Any, bool]:
        key, member = next(self._items)
        self._left -= 1
        return "" if key is None else f"{_string(str(key))}: ", member, self._left == 0

    @property
    def more(self) -> bool:
        return self._left > 0


def _closing(value: Any) -> str:
    return "}" if isinstance(value, dict) else "]"


def _opening(value: Any) -> str:
    if isinstance(value, dict):
        return "{" if value else "{}"
    if isinstance(value, list):
        return "[" if value else "[]"
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value)


def _string(text: str) -> str:
    if len(text) <= LONGEST:
        return json.dumps(text, ensure_ascii=False)
    return f'{json.dumps(text[:LONGEST], ensure_ascii=False)[:-1]}… ({len(text) - LONGEST:,} more characters)"'
