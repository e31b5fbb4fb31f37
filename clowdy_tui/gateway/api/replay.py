"""Running a call's input again."""

import json
from typing import Annotated

from pydantic import Field

from clowdy_tui.domain.errors import Throttled, Unavailable
from clowdy_tui.domain.schemas import LogLine, OutcomeStatus, ReplayOut
from clowdy_tui.gateway.endpoint import Call, Parameters, endpoint


class ReplayOf(Parameters):
    """The version to run; the active one unless given."""

    version: Annotated[int, Field(ge=1, lt=1_000_000_000)] | None = None


@endpoint(
    "POST",
    "/api/invocations/{id}/replay",
    scope="invoke",
    query=ReplayOf,
    answer=ReplayOut,
    statuses=(400, 404, 409, 429, 503),
)
async def replay_invocation(call: Call[None, ReplayOf]) -> ReplayOut:
    """Run the same input again; `masked` says what of it had been hidden in the log and so was not the same."""
    original = call.invocation_id("id")
    done = await call.platform.replay.run(call.actor, original, version=call.query.version)
    outcome = done.outcome
    if outcome.status is OutcomeStatus.THROTTLED:
        raise Throttled(outcome.error_message or "Too many calls of this function", headers={"Retry-After": "1"})
    if outcome.status is OutcomeStatus.UNAVAILABLE:
        raise Unavailable(outcome.error_message or "The function cannot be run now")
    return ReplayOut(
        success=outcome.status is OutcomeStatus.SUCCESS,
        output=json.loads(outcome.output) if outcome.output is not None else None,
        error=outcome.error_message,
        duration_ms=outcome.run_us / 1000,
        invocation_id=done.invocation_id,
        cold_start=outcome.cold_start,
        status=outcome.status,
        version=done.version,
        duration_us=outcome.run_us,
        queue_us=outcome.queue_us,
        init_us=outcome.init_us,
        memory_mb=None if outcome.memory_kb is None else round(outcome.memory_kb / 1024, 1),
        logs=[LogLine(stream=line.stream, text=line.text, at_us=line.at_us) for line in outcome.logs],
        logs_truncated=outcome.logs_truncated,
        error_type=outcome.error_type,
        stack_trace=outcome.stack_trace,
        replay_of=original,
        masked=done.masked,
    )


ENDPOINTS = (replay_invocation,)
