"""How the command line speaks: for people aligned and restrained, with `--json` for programs, errors on stderr.

Whatever comes from outside (names, logs, what a function answers) is shown and never interpreted: control
characters, escape sequences and marks that turn the reading direction around appear as `\\x1b`.
"""

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import click

_DIRECTION_MARKS: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str, *, keep: str = "") -> str:
    """Text from outside, harmless on any terminal. `keep` names control characters that may stay (`"\\n\\t"`)."""
    if text.isprintable() and not _DIRECTION_MARKS.intersection(text):
        return text
    return "".join(
        character if character in keep or _is_harmless(character) else _shown(character) for character in text
    )


def _is_harmless(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") and character not in _DIRECTION_MARKS


def _shown(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def width(text: str) -> int:
    """How many columns a terminal gives this text."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def has_colour(stream: TextIO) -> bool:
    """Colour is for terminals, and not where NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def style(text: str, *, stream: TextIO | None = None, **attributes: Any) -> str:
    """Text in colour where the stream shows it."""
    return click.style(text, **attributes) if has_colour(stream or sys.stdout) else text


STATUS_COLOURS: Final = {
    "success": "green",
    "active": "green",
    "ok": "green",
    "error": "red",
    "failed": "red",
    "crashed": "red",
    "out_of_memory": "red",
    "timeout": "yellow",
    "throttled": "yellow",
    "unavailable": "yellow",
    "inactive": "yellow",
    "warning": "yellow",
}


def status(word: str, *, stream: TextIO | None = None) -> str:
    """A status in its colour; the word itself always stands there."""
    colour = STATUS_COLOURS.get(word)
    return style(word.replace("_", " "), stream=stream, fg=colour) if colour else plain(word)


def say(text: str = "") -> None:
    """One line for a person."""
    click.echo(text, color=True)


def hint(text: str) -> None:
    """What goes beside the answer: to stderr, so that a pipe carries the answer alone."""
    click.echo(text, err=True, color=True)


def dump(value: Any) -> None:
    """One answer for a program: schemas, lists and plain values as JSON."""
    click.echo(json.dumps(_json_able(value), ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def dump_line(value: Any) -> None:
    """One answer of many, as a JSON line."""
    click.echo(json.dumps(_json_able(value), ensure_ascii=False))
    sys.stdout.flush()


def _json_able(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {key: _json_able(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_able(item) for item in value]
    return value


WIDEST: Final = 100
"""The widest cell that a column is made as wide as."""


def table(rows: Iterable[Sequence[str]], head: Sequence[str], *, right: Iterable[int] = ()) -> None:
    """Columns, aligned; `right` are the numbers of those that hold figures. Cells are text from outside."""
    cells = [[plain(cell) for cell in row] for row in rows]
    figures = frozenset(right)
    lengths = [[width(row[column]) for row in [list(head), *cells]] for column in range(len(head))]
    # A very long cell moves the rest of its own line, not that of all others.
    widths = [max(length for length in column if length <= max(WIDEST, column[0])) for column in lengths]

    def line(row: Sequence[str], paint: bool) -> str:
        parts = []
        for column, cell in enumerate(row):
            gap = " " * (widths[column] - width(cell))
            shown = status(cell) if paint and cell in STATUS_COLOURS else cell
            parts.append(gap + shown if column in figures else shown + gap)
        return "  ".join(parts).rstrip()

    say(style(line(list(head), False), dim=True))
    for row in cells:
        say(line(row, True))


def value_text(value: Any, *, indent: int | None = 2) -> str:
    """A JSON value for a person: indented, letters as they are, nothing that a terminal would obey."""
    return plain(json.dumps(value, ensure_ascii=False, indent=indent), keep="\n")


def duration(milliseconds: float) -> str:
    """A duration in three digits or so: `0.42 ms`, `12 ms`, `1.3 s`."""
    if milliseconds < 1:
        return f"{milliseconds:.2f} ms"
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s"


def ago(moment: datetime) -> str:
    """How long ago, in one unit."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def clock(moment: datetime) -> str:
    """The time of day, local, to the millisecond."""
    return moment.astimezone().strftime("%H:%M:%S.%f")[:-3]


def plural(count: int, noun: str) -> str:
    """`1 function`, `2 functions`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
