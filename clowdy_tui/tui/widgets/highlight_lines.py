"""Languages that are read line by line, by patterns: JSON, SQL and Markdown. No tree, and nothing that could crash.

The grammar of SQL on PyPI is 14 MB for every dialect at once; that of Markdown parses a file in two passes.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from clowdy_tui.tui.widgets.highlight import MAX_COLUMNS, Span, json_spans

LineReader = Callable[[str, bool], tuple[Span, ...]]
"""A line and whether it begins inside of something that goes over lines → its spans."""

_SQL_WORDS: Final = (
    "add all alter and any as asc begin between by cascade case cast check column commit conflict constraint "
    "create cross current_date current_time current_timestamp database default delete desc distinct do drop else "
    "end except exists explain false fetch first following for foreign from full function grant group having if "
    "ilike in index inner insert intersect into is join key last lateral left like limit materialized natural not "
    "nothing null nulls offset on or order outer over partition preceding primary range recursive references "
    "rename replace returning returns revoke right rollback row rows schema select sequence set table temporary "
    "then to transaction trigger true truncate type unbounded union unique unlogged update upsert using values "
    "view when where window with without"
)
_FENCE = re.compile(r"\s{0,3}(?:`{3,}|~{3,})")


# Compiled when the first such line is read: the first frame waits for neither.
@cache
def _sql_pattern() -> re.Pattern[str]:
    return re.compile(
        r"(?P<comment>--.*|/\*.*?(?:\*/|$))|(?P<string>'(?:[^']|'')*'?|\$\w*\$)|(?P<variable>\"(?:[^\"]|\"\")*\"?)"
        r"|(?P<number>\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b)"
        rf"|(?P<keyword>\b(?:{'|'.join(_SQL_WORDS.split())})\b)"
        r"|(?P<type>\b(?:big(?:int|serial)|bool(?:ean)?|bytea|char|date|decimal|double|float|int(?:eger)?\d?|interval|jsonb?"
        r"|numeric|real|serial|smallint|text|time(?:stamp(?:tz)?)?|uuid|varchar)\b)"
        r"|(?P<function>\b\w+(?=\s*\())|(?P<constant>[:@$]\w+|\?)|(?P<operator>[=<>!+\-*/%|&^~.,;()]+)",
        re.IGNORECASE,
    )


@cache
def _markdown_pattern() -> re.Pattern[str]:
    return re.compile(
        r"(?P<keyword>^\s{0,3}\#{1,6}\s.*$|^\s{0,3}(?:={3,}|-{3,}|\*{3,}|_{3,})\s*$)"
        r"|(?P<operator>^\s*(?:[-*+]|\d+[.)])(?=\s)|^\s{0,3}>+)|(?P<string>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
        r"|(?P<function>!?\[[^\]\[]*\])(?=\(|\[|:)|(?P<comment>\([^()\s]*\)(?<=\))|<!--.*?-->|<https?://[^>]*>)"
        r"|(?P<type>\*\*[^*]+\*\*|__[^_]+__)|(?P<variable>(?<![*\w])\*[^*\s][^*]*\*|(?<![_\w])_[^_\s][^_]*_(?!\w))"
    )


def _spans(pattern: re.Pattern[str], line: str, start: int = 0) -> tuple[Span, ...]:
    found = pattern.finditer(line, start, MAX_COLUMNS)
    return tuple(Span(*match.span(), _name(match)) for match in found)


def _name(match: re.Match[str]) -> str:
    name = match.lastgroup or "variable"
    # A group inside of another one closes before it.
    return "string" if name == "ticks" else name


def _sql(line: str, inside: bool) -> tuple[Span, ...]:
    if not inside:
        return _spans(_sql_pattern(), line)
    end = line.find("*/")
    if end < 0:
        return (Span(0, min(len(line), MAX_COLUMNS), "comment"),) if line else ()
    return (Span(0, end + 2, "comment"), *_spans(_sql_pattern(), line, end + 2))


def _markdown(line: str, inside: bool) -> tuple[Span, ...]:
    if inside or _FENCE.match(line):
        kind = "comment" if _FENCE.match(line) else "string"
        return (Span(0, min(len(line), MAX_COLUMNS), kind),) if line else ()
    return _spans(_markdown_pattern(), line)


def _json(line: str, inside: bool) -> tuple[Span, ...]:
    return json_spans(line)


READERS: Mapping[str, LineReader] = {"json": _json, "sql": _sql, "markdown": _markdown}
