"""What the visible lines are made of, from a syntax tree of the text around them.

Parsing a whole file at each key starves the event loop, which a gateway may share: with 10,000 lines tree-sitter takes
2 to 8 ms where the text is sound and 40 to 90 ms while it is broken, holding the interpreter's lock. A window that
begins and ends between two top-level statements takes one or two, however long the file is. What a window cannot know,
whether it begins inside of a string, is kept for each line and costs next to nothing.
"""

import importlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Final

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query, QueryCursor

from clowdy_tui.tui.widgets.highlight import MAX_COLUMNS, NAMES, Span
from clowdy_tui.tui.widgets.highlight_inside import Inside
from clowdy_tui.tui.widgets.highlight_lines import READERS

LOOK_BACK: Final = 250
LOOK_AHEAD: Final = 120

_QUERIES = Path(__file__).parent / "highlight_queries"


@cache
def _load(language: str) -> tuple[Grammar, Query] | None:
    path = _QUERIES / f"{language}.scm"
    if not path.exists():
        return None
    grammar = Grammar(importlib.import_module(f"tree_sitter_{language}").language())
    return grammar, Query(grammar, path.read_text(encoding="utf-8"))


class Highlighter:
    """Spans of the lines of one text. Tell it of each edit with `edited`."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._loaded = _load(language)
        self._inside = Inside(language)

    def edited(self, row: int) -> None:
        """Lines from `row` on are not what they were."""
        self._inside.edited(row)

    def spans(self, lines: Sequence[str], first: int, last: int) -> list[tuple[Span, ...]]:
        """The spans of the rows `first` to `last`. They do not overlap and are in order; columns count characters."""
        if reader := READERS.get(self._language):
            return [
                reader(line, bool(self._state(lines, row))) for row, line in enumerate(lines[first : last + 1], first)
            ]
        if self._loaded is None:
            return []
        grammar, query = self._loaded
        start, stop = self._window(lines, first, last)
        # A string that goes on behind the window is closed there: what does not end would not be read as a string.
        closing = self._inside.closing(lines, stop)
        tree = Parser(grammar).parse(encode("\n".join([*lines[start:stop], closing])))
        shown = lines[first : last + 1]
        painted = [bytearray(min(len(line), MAX_COLUMNS)) for line in shown]
        for top, bottom, column in _pieces(first - start, shown):
            cursor = QueryCursor(query)
            cursor.set_point_range((top, 0), (bottom, column))
            _paint(cursor, tree.root_node, first - start, shown, painted)
        return [_runs(row) for row in painted]

    def _window(self, lines: Sequence[str], first: int, last: int) -> tuple[int, int]:
        """The rows to parse, as (first, behind the last): whole top-level statements where they are not too long."""
        start = first
        floor = max(0, first - LOOK_BACK)
        while start > floor and not self._begins_statement(lines, start):
            start -= 1
        if start == floor:
            # A statement longer than that: begin anywhere outside of a string.
            while start < first and self._state(lines, start):
                start += 1
        if self._state(lines, start):
            # A string longer than that: begin where it does.
            while start > 0 and self._state(lines, start):
                start -= 1
        stop = min(len(lines), last + 1)
        ceiling = min(len(lines), stop + LOOK_AHEAD)
        while stop < ceiling and not _at_margin(lines[stop]):
            stop += 1
        return start, stop

    def _begins_statement(self, lines: Sequence[str], row: int) -> bool:
        return _at_margin(lines[row]) and not self._state(lines, row)

    def _state(self, lines: Sequence[str], row: int) -> int:
        """Whether the row begins inside of a string or comment."""
        return self._inside.at(lines, row)


def encode(text: str) -> bytes:
    """UTF-8; half a surrogate pair becomes one `?`, so that columns and bytes still agree."""
    return text.encode("utf-8", "replace")


def _at_margin(line: str) -> bool:
    return line[:1] not in {"", " ", "\t", "#", ")", "]", "}"}


def _pieces(top: int, lines: Sequence[str]) -> Iterable[tuple[int, int, int]]:
    """What to ask for, as (row, last row, bytes of it): runs of ordinary lines, and each very long one's beginning."""
    start = top
    for row, line in enumerate(lines, top):
        if len(line) > MAX_COLUMNS:
            if start < row:
                yield start, row, 0
            yield row, row, MAX_COLUMNS
            start = row + 1
    if start < top + len(lines):
        yield start, top + len(lines), 0


_INDEX = {name: index for index, name in enumerate(NAMES, 1)}
_PAINTS = [bytes((index,)) for index in range(len(NAMES) + 1)]
_ORDER = itemgetter(0, 1, 2)


def _paint(cursor: QueryCursor, root: Node, top: int, lines: Sequence[str], painted: list[bytearray]) -> None:
    captures: list[tuple[int, int, int, int, int, Node]] = []
    for pattern, found in cursor.matches(root):
        for name, nodes in found.items():
            index = _INDEX[name]
            captures += [
                (node.start_byte, -node.end_byte, pattern, number, index, node) for number, node in enumerate(nodes)
            ]
    # Inner nodes come over outer ones, later patterns over earlier ones.
    captures.sort(key=_ORDER)
    ascii_rows = [line.isascii() for line in lines]
    last = top + len(lines) - 1
    for *_, index, node in captures:
        (start_row, begin), (end_row, end) = node.start_point, node.end_point
        if start_row == end_row and top <= start_row <= last and ascii_rows[start_row - top]:
            # Nearly all of them: one line, where bytes are characters.
            paint = painted[start_row - top]
            end = min(end, len(paint))
            if begin < end:
                paint[begin:end] = _PAINTS[index] * (end - begin)
            continue
        for row in range(max(start_row, top), min(end_row, last) + 1):
            line, paint = lines[row - top], painted[row - top]
            left = _column_of(line, begin) if row == start_row else 0
            right = min(_column_of(line, end) if row == end_row else len(line), len(paint))
            if left < right:
                paint[left:right] = _PAINTS[index] * (right - left)


def _column_of(line: str, byte: int) -> int:
    """The column (in characters) at which byte `byte` of the line begins."""
    return byte if line.isascii() else len(encode(line)[:byte].decode("utf-8", "ignore"))


_RUN = re.compile(rb"([^\0])\1*")


def _runs(paint: bytearray) -> tuple[Span, ...]:
    return tuple(Span(run.start(), run.end(), NAMES[paint[run.start()] - 1]) for run in _RUN.finditer(paint))
