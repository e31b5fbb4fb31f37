"""What the log pane holds: a ring of lines, each invocation's beneath its header, and which of them pass the filter."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from clowdy_tui.tui.text import flat, symbols

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import EventOut, InvocationOut

CAPACITY: Final = 20_000
LONGEST: Final = 8_192
"""Characters of a printed line that are kept."""


@dataclass(slots=True)
class Call:
    """One invocation, as far as it is known yet. `status` is None while it runs. `began` is local time."""

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

    @property
    def leads(self) -> bool:
        """Whether it says which call the lines beneath it are from."""
        return self.owner is None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines to show: those with `text` in them (those without, where `inverse`), of the functions named."""

    text: str = ""
    inverse: bool = False
    function_ids: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, typed: str, function_ids: Iterable[str] = ()) -> Filter:
        """`text`, or `!text` for all but those."""
        inverse = typed.startswith("!")
        return cls(typed.removeprefix("!").casefold(), inverse and len(typed) > 1, frozenset(function_ids))

    def passes(self, line: Line) -> bool:
        """Whether the line itself is one of those asked for."""
        if self.function_ids and line.call.function_id not in self.function_ids:
            return False
        if not self.text:
            return True
        return (self.text in _searched(line)) is not self.inverse

    @property
    def empty(self) -> bool:
        """Whether it lets everything through."""
        return not self.text and not self.function_ids


def _searched(line: Line) -> str:
    if not line.leads:
        return line.text.casefold()
    call = line.call
    status = call.status or "running"
    return f"{call.function_name} {call.source} {call.method} {call.path} {status} {call.error}".casefold()


@dataclass(slots=True)
class Change:
    """What a batch did to the lines that are shown: how many came at the end, how many went at the start.

    `anew`: something came in the middle.
    """

    added: int = 0
    dropped: int = 0
    anew: bool = False


class LogBuffer:
    """The newest `capacity` lines. `shown` are those that pass the filter, in order, each with its header before it.

    `names` (function id → name) is for calls whose beginning was not seen.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.lines: list[Line] = []
        self.shown: list[Line] = []
        self.filter = Filter()
        self.dropped = 0
        self.names: dict[str, str] = {}
        self._numbers = count(1)
        self._calls: dict[str, Call] = {}

    def set_filter(self, wanted: Filter) -> None:
        """Show what passes this, of all that is held."""
        self.filter = wanted
        if wanted.empty:
            self.shown = list(self.lines)
            return
        self.shown = []
        for line in self.lines:
            self._show(line)

    def set_names(self, names: Mapping[str, str]) -> None:
        """Function id → name, also for calls that could only be named by the id."""
        self.names = dict(names)
        for call in self._calls.values():
            if call.function_name == call.function_id and call.function_id in names:
                call.function_name = names[call.function_id]
                call.revision += 1

    def clear(self) -> None:
        """Forget all lines; calls that still run are known when they end."""
        self.lines, self.shown = [], []
        self._calls = {id_: call for id_, call in self._calls.items() if call.running}

    def prime(self, invocations: Iterable[InvocationOut]) -> Change:
        """Headers for calls from before, in any order: put in front, as far as there is room.

        A call that is here already is left where it is; one that seemed to run still is told its end. One that is newer
        than all that are here was missed while the connection was gone: it goes to the end.
        """
        newest = max((line.call.id for line in self.lines), default=None)
        fresh: list[Call] = []
        for past in sorted(invocations, key=lambda invocation: invocation.created_at):
            known = self._calls.get(past.id)
            call = known or Call(
                id=past.id,
                function_id=past.function_id,
                function_name=self.names.get(past.function_id, past.function_id),
                source=past.source,
                method=past.http_method or "",
                path=past.http_path or "",
                began=past.created_at.astimezone(),
                version=past.version,
            )
            if call.running:
                call.status = past.status.value
                call.duration_us = past.duration_us
                call.cold = past.cold_start
                call.error = past.error_type or ""
                call.revision += 1
            if known is None:
                fresh.append(call)
        # By the ids, which sort by the gateway's time: its clock need not be that of this machine.
        missed = [call for call in fresh if newest is not None and call.id > newest]
        fresh = [call for call in fresh if newest is None or call.id < newest]
        fresh = fresh[max(0, len(fresh) - (self.capacity - len(self.lines))) :]
        # Numbers go down from the oldest line's, so that they stay in order.
        first = (self.lines[0].number if self.lines else next(self._numbers)) - len(fresh)
        self.lines[:0] = [Line(first + place, "header", call) for place, call in enumerate(fresh)]
        self.lines.extend(Line(next(self._numbers), "header", call) for call in missed)
        self._calls.update((call.id, call) for call in (*fresh, *missed))
        self.set_filter(self.filter)
        return self._trim(Change(anew=True))

    def apply(self, events: Iterable[tuple[EventOut, datetime]]) -> Change:
        """Take in events, each with the local time it came at. Of one batch, each call's lines are kept together."""
        change = Change()
        by_call: dict[str, list[tuple[EventOut, datetime]]] = {}
        for event, at in events:
            by_call.setdefault(str(event.data.get("invocation_id", "")), []).append((event, at))
        for batch in by_call.values():
            for event, at in batch:
                self._take(event, at, change)
        return self._trim(change)

    def _take(self, event: EventOut, at: datetime, change: Change) -> None:
        data = event.data
        call = self._call(data, at, change)
        if event.type == "invocation.log":
            for printed in data.get("lines", ()):
                kind = "stderr" if printed.get("stream") == "stderr" else "stdout"
                self._print(call, kind, str(printed.get("text", "")), change)
        elif event.type == "invocation.finished":
            call.status = str(data.get("status") or "")
            call.duration_us = int(data.get("duration_us") or 0)
            call.cold = bool(data.get("cold_start"))
            call.error = str(data.get("error_type") or "")
            call.revision += 1
            message = data.get("error_message")
            if message or call.error:
                text = ": ".join(part for part in (call.error, str(message or "")) if part)
                for row in text.split("\n"):
                    self._print(call, "error", row, change)
            self._reconsider(call, change)

    def _call(self, data: dict[str, Any], at: datetime, change: Change) -> Call:
        id_ = str(data.get("invocation_id", ""))
        call = self._calls.get(id_)
        if call is None:
            function_id = str(data.get("function_id", ""))
            call = self._calls[id_] = Call(
                id=id_,
                function_id=function_id,
                function_name=str(data.get("function_name") or self.names.get(function_id, function_id)),
                source=str(data.get("source") or ""),
                method=str(data.get("http_method") or ""),
                path=str(data.get("http_path") or ""),
                began=at,
                version=data.get("version"),
            )
            self._append(Line(next(self._numbers), "header", call), change)
        return call

    def _print(self, call: Call, kind: str, text: str, change: Change) -> None:
        if len(text) > LONGEST:
            text = f"{text[:LONGEST]}… ({len(text) - LONGEST:,} more characters)"
        last = self.lines[-1] if self.lines else None
        if last is None or last.call is not call:
            self._append(Line(next(self._numbers), "more", call), change)
            last = self.lines[-1]
        owner = last if last.leads else last.owner
        self._append(Line(next(self._numbers), kind, call, flat(text), owner), change)

    def _append(self, line: Line, change: Change) -> None:
        self.lines.append(line)
        if self.filter.empty:
            self.shown.append(line)
            change.added += 1
        else:
            change.added += self._show(line)

    def _show(self, line: Line) -> int:
        """Add the line to those shown, if it passes, and its header if that is not there yet; how many were added."""
        if not self.filter.passes(line):
            return 0
        added = 1
        owner = line.owner if line.owner and line.owner.number >= self.lines[0].number else None
        last = self.shown[-1] if self.shown else None
        if owner is not None and (last is None or (last is not owner and last.owner is not owner)):
            self.shown.append(owner)
            added += 1
        self.shown.append(line)
        return added

    def _reconsider(self, call: Call, change: Change) -> None:
        """A header reads differently now: it may pass where it did not."""
        if self.filter.empty:
            return
        for line in reversed(self.lines[-2_000:]):
            if line.call is call and line.kind == "header":
                place = bisect_left(self.shown, line.number, key=lambda shown: shown.number)
                there = place < len(self.shown) and self.shown[place] is line
                if self.filter.passes(line) and not there:
                    self.shown.insert(place, line)
                    change.anew = True
                return

    def _trim(self, change: Change) -> Change:
        over = len(self.lines) - self.capacity
        if over > 0:
            for line in self.lines[:over]:
                # One that still runs may print more: its lines then go on under a header that says so.
                if line.kind == "header" and not line.call.running:
                    self._calls.pop(line.call.id, None)
            del self.lines[:over]
            self.dropped += over
            oldest = self.lines[0].number if self.lines else 0
            gone = bisect_left(self.shown, oldest, key=lambda shown: shown.number)
            del self.shown[:gone]
            change.dropped += gone
        return change


def plain(line: Line) -> str:
    """The line as text, for copying."""
    if not line.leads:
        return line.text
    call = line.call
    when = f"{call.began:%H:%M:%S} " if call.began else ""
    what = " ".join(part for part in (call.source, call.method, call.path) if part)
    status = call.status or "running"
    return symbols(f"{when}{call.function_name} {what} {status} {call.duration_us / 1000:.1f} ms")
