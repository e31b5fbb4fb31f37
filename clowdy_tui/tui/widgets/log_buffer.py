"""What the log pane holds: a ring of lines, each invocation's beneath its header, and which of them pass the filter."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from clowdy_tui.tui.widgets.log_call import Call, Line, error_rows, printed_line
from clowdy_tui.tui.widgets.log_past import numbered, past_call, past_lines, take_end
from clowdy_tui.tui.widgets.log_query import Filter
from clowdy_tui.tui.widgets.log_selection import Selection

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import EventOut, InvocationOut

CAPACITY: Final = 20_000


@dataclass(slots=True)
class Change:
    """What a batch did to the lines that are shown: how many came at the end, how many went at the start.

    `anew`: something came in the middle, or went from the end.
    """

    added: int = 0
    dropped: int = 0
    anew: bool = False


class LogBuffer:
    """At most `capacity` lines, the newest.

    While somebody reads the oldest (`keep_from` is the number of the first that must stay) it is the newest that go
    where there are too many: it is `cut_off` then, takes no more in, and counts in `missed` what it did not.
    `names` (function id → name) is for calls whose beginning was not seen. `reached` is the id of the call from which
    on everything that passes the filter is here, where that is not the first line's.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.lines: list[Line] = []
        self.reached: str | None = None
        self.keep_from: int | None = None
        self.cut_off = False
        self.missed = 0
        self.dropped = 0
        self.names: dict[str, str] = {}
        self._numbers = count(1)
        self._calls: dict[str, Call] = {}
        # Lines below this number were fetched for one filter: other calls of their time are not here.
        self._narrow_below: int | None = None
        # The newest call that was here when events began to be missing; None where none are.
        self._gap_after: str | None = None
        # Up to this call all lines were cleared away.
        self._cleared_to = ""
        self._selection = Selection(Filter())

    # What is shown.

    @property
    def shown(self) -> list[Line]:
        """The lines that pass the filter, with what belongs to them."""
        return self._selection.shown

    @property
    def filter(self) -> Filter:
        """What they pass."""
        return self._selection.filter

    @property
    def context(self) -> int:
        """How many lines of the same call are shown before and after each that passes."""
        return self._selection.context

    def set_filter(self, wanted: Filter, context: int | None = None) -> None:
        """Show what passes this, of all that is held; what was fetched for another filter is let go of."""
        context = self.context if context is None else context
        if self._narrow_below is not None and (wanted, context) != (self.filter, self.context):
            first = bisect_left(self.lines, self._narrow_below, key=lambda line: line.number)
            self._forget(self.lines[:first])
            del self.lines[:first]
            self._narrow_below = None
        self.reached = None
        self._select(Selection(wanted, context))

    def _select(self, selection: Selection | None = None) -> None:
        self._selection = selection or Selection(self.filter, self.context)
        self._selection.take_all(self.lines)

    def set_names(self, names: Mapping[str, str]) -> None:
        """Function id → name, also for calls that could only be named by the id."""
        self.names = dict(names)
        for call in self._calls.values():
            if call.function_name == call.function_id and call.function_id in names:
                call.function_name = names[call.function_id]
                call.revision += 1

    # What was before.

    @property
    def oldest(self) -> str | None:
        """The id of the call before which there may be others that are not here."""
        return self.reached or (self.lines[0].call.id if self.lines else None)

    def prime(self, invocations: Iterable[InvocationOut]) -> Change:
        """Calls from before, in any order: put in front, as far as there is room.

        A call that is here already is left where it is; one that seemed to run still is told its end. One that is newer
        than all that are here, or were before the gap, was missed: it goes to the end. What was cleared stays away.
        """
        newest = max((line.call.id for line in self.lines), default=None)
        if self._gap_after is not None:
            newest, self._gap_after = self._gap_after, None
        fresh: list[InvocationOut] = []
        for past in sorted(invocations, key=lambda invocation: invocation.created_at):
            known = self._calls.get(past.id)
            if known is None and past.id > self._cleared_to:
                fresh.append(past)
            elif known is None:
                continue
            elif known.running:
                take_end(known, past)
        # By the ids, which sort by the gateway's time: its clock need not be that of this machine.
        missed = [past for past in fresh if newest is not None and past.id > newest]
        self._put_before(
            [past for past in fresh if newest is None or past.id < newest], self.capacity - len(self.lines)
        )
        if self.cut_off:
            self.missed += len(missed)
            missed = []
        for past in missed:
            call = self._calls[past.id] = past_call(past, self.names)
            for line in past_lines(call, past):
                line.number = next(self._numbers)
                self.lines.append(line)
        self._select()
        return self._trim(Change(anew=True))

    def put_older(self, invocations: Iterable[InvocationOut], *, keep: bool) -> Change:
        """Calls that are older than all that are here, put in front: of them only what passes the filter.

        `keep`: somebody reads them, so where there are too many lines it is the newest that go; else there is no more
        room for these than is left.
        """
        fresh = sorted((past for past in invocations if past.id not in self._calls), key=lambda past: past.id)
        narrow = not self.filter.empty
        if narrow and self._narrow_below is None:
            self._narrow_below = self.lines[0].number if self.lines else next(self._numbers)
        self.reached = self._put_before(fresh, self.capacity // 2 if keep else self.capacity - len(self.lines))
        if keep and self.lines:
            self.keep_from = self.lines[0].number
        self._select()
        return self._trim(Change(anew=True))

    @property
    def has_gap(self) -> bool:
        """Whether calls may be missing that `prime` is to bring."""
        return self._gap_after is not None

    def note_gap(self) -> None:
        """From here on calls may be missing, until `prime` brings them."""
        if self._gap_after is None:
            self._gap_after = max((line.call.id for line in self.lines), default=self._cleared_to)

    def clear(self, *, for_good: bool = False) -> None:
        """Forget all lines; calls that still run are known when they end. `for_good`: nor does `prime` bring them."""
        if for_good:
            self._cleared_to = max((line.call.id for line in self.lines), default=self._cleared_to)
        self.lines, self.reached = [], None
        self.cut_off, self.missed, self.keep_from, self._narrow_below = False, 0, None, None
        self._select()
        self._calls = {id_: call for id_, call in self._calls.items() if call.running}

    def _put_before(self, invocations: list[InvocationOut], room: int) -> str | None:
        """Calls, oldest first; the oldest are left out where there are more lines than there is room for.

        The id of the oldest that was looked at.
        """
        reached: str | None = None
        blocks: list[list[Line]] = []
        # Numbers go down from the oldest line's, so that they stay in order.
        end = self.lines[0].number if self.lines else self._narrow_below or next(self._numbers)
        for past in reversed(invocations):
            call = past_call(past, self.names)
            block = past_lines(call, past)
            if self._narrow_below is not None:
                block = Selection(self.filter, self.context).take_all(numbered(block, 0))
            if len(block) > room:
                if blocks or room < 2:
                    break
                # Of a call that alone is too much: how it went, and its last lines.
                block = [block[0], *block[1 - room :]]
            reached = past.id
            if not block:
                continue
            room -= len(block)
            end -= len(block)
            blocks.append(numbered(block, end))
            self._calls[call.id] = call
        self.lines[:0] = [line for block in reversed(blocks) for line in block]
        return reached

    # What comes.

    def apply(self, events: Iterable[tuple[EventOut, datetime]]) -> Change:
        """Take in events, each with the local time it came at. Of one batch, each call's lines are kept together."""
        change = Change()
        by_call: dict[str, list[tuple[EventOut, datetime]]] = {}
        for event, at in events:
            by_call.setdefault(str(event.data.get("invocation_id", "")), []).append((event, at))
        for batch in by_call.values():
            for event, at in batch:
                self._take(event, at, change)
        if change.anew:
            self._select()
        return self._trim(change)

    def _take(self, event: EventOut, at: datetime, change: Change) -> None:
        data = event.data
        call = self._call(event, at, change)
        if call.whole:
            return
        if event.type == "invocation.log":
            for printed in data.get("lines", ()):
                kind = "stderr" if printed.get("stream") == "stderr" else "stdout"
                self._print(call, kind, str(printed.get("text", "")), change)
        elif event.type == "invocation.finished":
            taken = self.filter.takes(call)
            call.status = str(data.get("status") or "")
            call.duration_us = int(data.get("duration_us") or 0)
            call.cold = bool(data.get("cold_start"))
            call.error = str(data.get("error_type") or "")
            call.revision += 1
            for row in error_rows(call.error, data.get("error_message")):
                self._print(call, "error", row, change)
            self._reconsider(call, change, taken=taken)

    def _call(self, event: EventOut, at: datetime, change: Change) -> Call:
        data: dict[str, Any] = event.data
        id_ = str(data.get("invocation_id", ""))
        call = self._calls.get(id_)
        if call is None:
            function_id = str(data.get("function_id", ""))
            call = Call(
                id=id_,
                function_id=function_id,
                function_name=str(data.get("function_name") or self.names.get(function_id, function_id)),
                source=str(data.get("source") or ""),
                method=str(data.get("http_method") or ""),
                path=str(data.get("http_path") or ""),
                began=at,
                version=data.get("version"),
            )
            if not self.cut_off:
                self._calls[id_] = call
                self._append(Line(next(self._numbers), "header", call), change)
            elif event.type == "invocation.started":
                self.missed += 1
        return call

    def _print(self, call: Call, kind: str, text: str, change: Change) -> None:
        if self.cut_off:
            self.missed += 1
            return
        last = self.lines[-1] if self.lines else None
        if last is None or last.call is not call:
            last = Line(next(self._numbers), "more", call)
            self._append(last, change)
        self._append(printed_line(next(self._numbers), kind, text, last.owner or last), change)

    def _append(self, line: Line, change: Change) -> None:
        self.lines.append(line)
        change.added += self._selection.take(self.lines, len(self.lines) - 1)

    def _reconsider(self, call: Call, change: Change, *, taken: bool) -> None:
        """A call reads differently now: it, or its header, may pass where it did not."""
        if self.filter.empty:
            return
        if self.filter.takes(call) is not taken:
            # All of its lines come or go: when the batch is through.
            change.anew = True
            return
        if not taken:
            return
        for line in reversed(self.lines[-2_000:]):
            if line.call is call and line.kind == "header":
                place = bisect_left(self.shown, line.number, key=lambda shown: shown.number)
                there = place < len(self.shown) and self.shown[place] is line
                change.anew |= self.filter.hits(line) and not there
                return

    # What goes.

    def _trim(self, change: Change) -> Change:
        over = len(self.lines) - self.capacity
        if over <= 0:
            return change
        first = over
        if self.keep_from is not None:
            first = min(over, bisect_left(self.lines, self.keep_from, key=lambda line: line.number))
        if first:
            self._forget(self.lines[:first])
            del self.lines[:first]
            self.dropped += first
            oldest = self.lines[0].number if self.lines else 0
            gone = bisect_left(self.shown, oldest, key=lambda shown: shown.number)
            del self.shown[:gone]
            change.dropped += gone
            self.reached = None
            if self._narrow_below is not None and oldest >= self._narrow_below:
                self._narrow_below = None
        if over > first:
            self.missed += over - first
            self._forget(self.lines[self.capacity :])
            del self.lines[self.capacity :]
            self.cut_off = True
            self._select()
            change.anew = True
        return change

    def _forget(self, lines: list[Line]) -> None:
        for line in lines:
            # One that still runs may print more: its lines then go on under a header that says so.
            if line.kind == "header" and not line.call.running:
                self._calls.pop(line.call.id, None)
