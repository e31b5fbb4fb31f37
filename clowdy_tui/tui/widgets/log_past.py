"""Calls from the gateway's log of calls, as the log pane has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clowdy_tui.tui.widgets.log_call import Call, Line, error_rows, printed_line

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut


def past_call(past: InvocationOut, names: Mapping[str, str]) -> Call:
    """A call that has ended; `names` is function id → name."""
    call = Call(
        id=past.id,
        function_id=past.function_id,
        function_name=names.get(past.function_id, past.function_id),
        source=past.source,
        method=past.http_method or "",
        path=past.http_path or "",
        began=past.created_at.astimezone(),
        version=past.version,
        whole=True,
    )
    take_end(call, past)
    return call


def take_end(call: Call, past: InvocationOut) -> None:
    """Tell a call that seemed to run still how it ended."""
    call.status = past.status.value
    call.duration_us = past.duration_us
    call.cold = past.cold_start
    call.error = past.error_type or ""
    call.revision += 1


def past_lines(call: Call, past: InvocationOut) -> list[Line]:
    """Its header and what it printed, as far as that was asked for; their numbers are still to be given."""
    owner = Line(0, "header", call)
    printed = [printed_line(0, line.stream, line.text, owner) for line in past.logs or ()]
    failed = [printed_line(0, "error", row, owner) for row in error_rows(call.error, past.error_message)]
    return [owner, *printed, *failed]


def numbered(lines: list[Line], first: int) -> list[Line]:
    """The same lines, numbered from `first` on."""
    for number, line in enumerate(lines, first):
        line.number = number
    return lines
