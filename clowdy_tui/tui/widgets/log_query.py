"""What one types to narrow the log down: `refund status:failed since:10m`, `!health`, `/order \\d+/ level:warn`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Final

from clowdy_tui.tui.widgets.log_call import LEVELS, Call, Line, searched
from clowdy_tui.tui.widgets.sought import BadPattern, Sought

SYNTAX: Final = "text · !text · /regex/ · status:failed · level:warn · since:10m · until:14:30"
SOURCES: Final = ("api", "gateway", "test", "demo", "replay")

_WORD: Final = re.compile(r"(?:^|(?<=\s))(status|level|since|until|source):(\S*)(?:\s|$)")
_SPAN: Final = re.compile(r"(\d+)(s|m|h|d|w)")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class BadQuery(Exception):
    """What was typed means nothing; says what of it, and what would."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines to show.

    Those that `pattern` finds (those that it does not, where `inverse`), from `level` on, of calls of the functions
    named, with one of the statuses, from the source, begun from `since` on and before `until`.
    """

    pattern: Sought | None = None
    inverse: bool = False
    level: str = ""
    function_ids: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset()
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def parse(cls, typed: str, function_ids: Iterable[str] = (), *, now: datetime | None = None) -> Filter:
        """From what was typed; `now` is what `since:10m` counts back from.

        Raises:
            BadQuery: a word of it cannot be.
        """
        now = now or datetime.now().astimezone()
        words = {found[1]: found[2] for found in _WORD.finditer(typed)}
        text = _WORD.sub("", typed).strip()
        statuses = words.get("status", "").split(",")
        inverse = text.startswith("!") and len(text) > 1
        return cls(
            pattern=_pattern(text.removeprefix("!")),
            inverse=inverse,
            level=_one_of("level", words.get("level", ""), LEVELS),
            function_ids=frozenset(function_ids),
            statuses=frozenset(_one_of("status", word, _statuses()) for word in statuses if word),
            source=_one_of("source", words.get("source", ""), SOURCES),
            since=_moment("since", words.get("since", ""), now),
            until=_moment("until", words.get("until", ""), now),
        )

    @property
    def empty(self) -> bool:
        """Whether it lets everything through."""
        return not self.by_line and not self.by_call

    @property
    def problem(self) -> str:
        """Why nothing is found any more; an empty text where that is not so."""
        spent = self.pattern is not None and self.pattern.spent
        return "This regular expression takes too long; its search was given up" if spent else ""

    @property
    def by_line(self) -> bool:
        """Whether it tells lines of one call apart."""
        return self.pattern is not None or bool(self.level)

    @property
    def by_call(self) -> bool:
        """Whether it leaves whole calls out."""
        return bool(self.function_ids or self.statuses or self.source or self.since or self.until)

    def takes(self, call: Call) -> bool:
        """Whether the call is one of those asked for."""
        if self.function_ids and call.function_id not in self.function_ids:
            return False
        if self.statuses:
            status = call.status or "running"
            failed = status not in ("running", "success")
            if status not in self.statuses and not (failed and "failed" in self.statuses):
                return False
        if self.source and call.source and call.source != self.source:
            return False
        if call.began is None:
            return True
        return (self.since is None or call.began >= self.since) and (self.until is None or call.began < self.until)

    def hits(self, line: Line) -> bool:
        """Whether the line itself is one of those asked for, whatever its call."""
        if self.level and (not line.level or LEVELS.index(line.level) < LEVELS.index(self.level)):
            return False
        if self.pattern is None:
            return True
        if self.pattern.spent:
            return False
        return self.pattern.finds(searched(line)) is not self.inverse

    def passes(self, line: Line) -> bool:
        """Whether the line is to be shown for its own sake."""
        return self.takes(line.call) and self.hits(line)

    @property
    def api(self) -> Mapping[str, object]:
        """The part of it that the gateway can do, as its list of calls takes it."""
        status = next(iter(self.statuses)) if len(self.statuses) == 1 else None
        wanted = {
            "function_id": next(iter(self.function_ids)) if len(self.function_ids) == 1 else None,
            "status": None if status == "running" else status,
            "source": self.source or None,
            "since": self.since,
            "until": self.until,
        }
        return {name: value for name, value in wanted.items() if value is not None}


def api_query(typed: str, *, now: datetime | None = None) -> Mapping[str, object]:
    """The same words, for a list that the gateway narrows down by itself: it looks for plain text.

    Raises:
        BadQuery: a word cannot be, or not there.
    """
    wanted = Filter.parse(typed, now=now)
    text = _WORD.sub("", typed).strip()
    if wanted.level:
        raise BadQuery("level: is for the log; the history knows status:")
    if wanted.inverse or (len(text) > 2 and text.startswith("/") and text.endswith("/")):
        raise BadQuery("The gateway looks for plain text; !text and /regex/ are for the log")
    if wanted.statuses and "status" not in wanted.api:
        raise BadQuery("One status at a time, of a call that has ended")
    return dict(wanted.api) | ({"q": text} if text else {})


def _pattern(text: str) -> Sought | None:
    if not text:
        return None
    if len(text) > 2 and text.startswith("/") and text.endswith("/"):
        try:
            return Sought(text[1:-1], is_regex=True)
        except BadPattern as error:
            raise BadQuery(f"{text} is no regular expression: {error}") from error
    return Sought(text)


def _statuses() -> tuple[str, ...]:
    # The schemas are dear to import, and the first frame needs none of them.
    from clowdy_tui.domain.schemas import OutcomeStatus

    return ("failed", "running", *(status.value for status in OutcomeStatus))


def _one_of(name: str, word: str, known: Iterable[str]) -> str:
    known = [*known]
    if not word or word in known:
        return word
    begun = [other for other in known if other.startswith(word)]
    near = begun or get_close_matches(word, known, n=1)
    raise BadQuery(f"{name}:{word} is none; " + (f"{name}:{near[0]}?" if near else f"there is {', '.join(known)}"))


def _moment(name: str, word: str, now: datetime) -> datetime | None:
    """`10m` ago, a time of today (`14:30`, `14:30:05`), a day, or a day with a time."""
    if not word:
        return None
    if span := _SPAN.fullmatch(word):
        try:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        except OverflowError as error:
            raise BadQuery(f"{name}:{word} is further back than there are dates") from error
    try:
        if re.match(r"\d{1,2}:", word):
            clock = datetime.strptime(word, "%H:%M:%S" if word.count(":") == 2 else "%H:%M")  # noqa: DTZ007 - of today
            return now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
        moment = datetime.fromisoformat(word)
    except ValueError as error:
        raise BadQuery(f"{name}:{word} is no time; {name}:10m, {name}:14:30, {name}:2026-05-04T14:30") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
