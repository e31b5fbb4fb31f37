"""What the log is made of: calls, and the lines beneath them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from clowdy_tui.tui.text import flat, symbols

LONGEST: Final = 8_192
"""Characters of a printed line that are kept."""

LEVELS: Final = ("trace", "debug", "info", "warn", "error", "fatal")
_ALIKE: Final = {
    "notice": "info",
    "warning": "warn",
    "err": "error",
    "critical": "fatal",
    "crit": "fatal",
    "panic": "fatal",
    "emerg": "fatal",
    "alert": "fatal",
}
_NAMES: Final = "|".join(sorted((*LEVELS, *_ALIKE), key=len, reverse=True))
# In capitals anywhere near the beginning, as loggers write it; in small letters only where it is named as the level.
_LEVEL: Final = re.compile(
    rf"\b({_NAMES.upper()})\b|(?i:\"?\b(?:level|severity|levelname|lvl)\"?\s*[=:]\s*\"?({_NAMES})\b)|(?i:\[({_NAMES})\])"
)
_LOOKED_AT: Final = 120
"""Characters at a line's beginning where its level is looked for."""


@dataclass(slots=True)
class Call:
    """One invocation, as far as it is known yet. `status` is None while it runs. `began` is local time.

    `whole`: it came from the log of calls with all that it printed, and its events say nothing more.
    """

    id: str
    function_id: str
    function_name: str
    source: str
    method: str
    path: str
    began: datetime | None
    status: str | None = None
    duration_us: int = 0
    cold: bool = False
    error: str = ""
    version: int | None = None
    revision: int = 0
    whole: bool = False

    @property
    def running(self) -> bool:
        """Whether its end is still to come."""
        return self.status is None


@dataclass(slots=True, eq=False)
class Line:
    """One line of the log. `kind` is `header`, `more` (a call's lines go on here), `stdout`, `stderr` or `error`."""

    number: int
    kind: str
    call: Call
    text: str = ""
    owner: Line | None = None
    level: str = ""

    @property
    def leads(self) -> bool:
        """Whether it says which call the lines beneath it are from."""
        return self.owner is None


def find_level(text: str) -> tuple[str, int, int]:
    """The level that a line was logged with (one of `LEVELS`, or ""), and from where to where it stands there."""
    found = _LEVEL.search(text, 0, _LOOKED_AT)
    if found is None:
        return "", 0, 0
    number = found.lastindex or 1
    name = found[number].lower()
    return _ALIKE.get(name, name), found.start(number), found.end(number)


def printed_line(number: int, kind: str, text: str, owner: Line) -> Line:
    """A line beneath a header; `kind` is `stdout`, `stderr` or `error`."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}… ({len(text) - LONGEST:,} more characters)"
    level = "error" if kind == "error" else find_level(text)[0]
    return Line(number, kind, owner.call, flat(text), owner, level)


def error_rows(error: str, message: str | None) -> list[str]:
    """What a call failed with, a row each; none where it did not."""
    text = ": ".join(part for part in (error, message or "") if part)
    return text.split("\n") if text else []


def searched(line: Line) -> str:
    """What a filter looks through."""
    if not line.leads:
        return line.text
    call = line.call
    return f"{call.function_name} {call.source} {call.method} {call.path} {call.status or 'running'} {call.error}"


def plain(line: Line) -> str:
    """The line as text, for a file or the clipboard."""
    if not line.leads:
        return f"{'err ' if line.kind == 'stderr' else ''}{line.text}"
    call = line.call
    when = f"{call.began:%Y-%m-%d %H:%M:%S} " if call.began else ""
    what = " ".join(part for part in (call.method, call.path) if part) or call.source
    if line.kind == "more":
        return symbols(f"{when}{call.function_name} {what} goes on")
    how = "running" if call.running else f"{call.status} {call.duration_us / 1000:.1f} ms"
    version = f" v{call.version}" if call.version is not None else ""
    return symbols(f"{when}{call.function_name} {what} {how}{version} {call.id}")
