"""Calls: looked at, made, made again."""

import json
from typing import Any, Final

from clowdy_tui.domain import names
from clowdy_tui.domain.errors import FunctionInactive, InvalidInput, NotFound
from clowdy_tui.domain.schemas import InvocationDetail
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.services.assistant.arguments import Arguments
from clowdy_tui.services.assistant.tools.base import Plan, Tool, Workplace, cut
from clowdy_tui.services.assistant.tools.functions import OneFunction

MAX_BODY_CHARS: Final = 6_000
MAX_LOG_LINES: Final = 100
_MAX_SHOWN_INPUT: Final = 2_000

NOT_SHARED: Final = "What it carried and printed is left out: the person has not allowed that to be sent."


class Invoke(Arguments):
    function_id: str
    input: Any = None


class ViewLogs(OneFunction):
    limit: int = 20


class OneInvocation(Arguments):
    invocation_id: str


class Replay(OneInvocation):
    version: int | None = None


class Figures(Arguments):
    project_id: str | None = None
    function_id: str | None = None


async def view_logs(place: Workplace, wanted: ViewLogs) -> Any:
    function = await place.function(wanted.function_id)
    limit = max(1, min(wanted.limit, 50))
    calls = await place.services.invocations.list(place.actor, function.id, limit=limit)
    found = []
    shared = bool(calls) and await place.may_share()
    for call in calls:
        entry: dict[str, Any] = {
            "invocation_id": call.id,
            "at": call.created_at,
            "status": call.status,
            "duration_ms": call.duration_ms,
            "version": call.version,
            "source": call.source,
            "error_type": call.error_type,
        }
        if shared:
            entry |= {"input": cut(call.input or "", 500), "output": cut(call.output or "", 500)}
        found.append(entry)
    return {"calls": found} | ({} if shared or not calls else {"note": NOT_SHARED})


async def get_invocation(place: Workplace, wanted: OneInvocation) -> Any:
    call = await place.services.invocations.get(place.actor, wanted.invocation_id)
    return described(call, shared=await place.may_share())


async def invoke_function(place: Workplace, wanted: Invoke) -> Plan:
    function = await place.function(wanted.function_id)
    event = json.dumps(wanted.input, ensure_ascii=False).encode()
    place.actor.require("invoke")

    async def carry_out() -> Any:
        target = place.services.directory.function(function.id)
        if target is None or target.owner != place.actor.user:
            raise NotFound("Function not found")
        if target.status != "active":
            raise FunctionInactive("Function is not active")
        number = names.new_invocation_id()
        outcome = await place.services.invocations.invoke(
            target, event, source="assistant", actor_owns=True, invocation_id=number
        )
        return ended(outcome) | {"invocation_id": names.format_invocation_id(number)}

    title = f"Run {function.name} (version {function.active_version})"
    return Plan(
        title, carry_out, f"{_reach(function.network_enabled, place)}\nInput: {cut(event.decode(), _MAX_SHOWN_INPUT)}"
    )


async def replay_invocation(place: Workplace, wanted: Replay) -> Plan:
    call = await place.services.invocations.get(place.actor, wanted.invocation_id)
    function = await place.function(call.function_id)
    version = wanted.version or function.active_version

    async def carry_out() -> Any:
        done = await place.services.replay.run(place.actor, call.id, version=wanted.version)
        return ended(done.outcome) | {"invocation_id": done.invocation_id, "masked": done.masked}

    title = f"Run the call {call.id} of {function.name} again, by version {version}"
    detail = f"{_reach(function.network_enabled, place)}\nInput: {cut(call.input or 'not kept', _MAX_SHOWN_INPUT)}"
    return Plan(title, carry_out, detail)


async def get_stats(place: Workplace, wanted: Figures) -> Any:
    if wanted.project_id and wanted.function_id:
        raise InvalidInput.of("function_id", "is for one function, project_id for one project: give one of them")
    project = await place.project(wanted.project_id) if wanted.project_id else None
    function = await place.function(wanted.function_id) if wanted.function_id else None
    stats = await place.services.stats.get(
        place.actor, project_id=project.id if project else None, function_id=function.id if function else None
    )
    return stats.model_dump(mode="json", exclude={"series"})


def described(call: InvocationDetail, *, shared: bool) -> dict[str, Any]:
    """A call as the model gets it; what it carried only where that is shared."""
    fields = {
        "id",
        "function_id",
        "status",
        "duration_ms",
        "version",
        "source",
        "http_method",
        "cold_start",
        "error_type",
    }
    found = call.model_dump(mode="json", include=fields)
    if not shared:
        return found | {"note": NOT_SHARED}
    return found | {
        "input": cut(call.input or "", MAX_BODY_CHARS),
        "output": cut(call.output or "", MAX_BODY_CHARS),
        "error": cut(call.error_message or "", MAX_BODY_CHARS),
        "trace": cut(call.stack_trace or "", MAX_BODY_CHARS),
        "printed": cut("\n".join(line.text for line in call.logs[-MAX_LOG_LINES:]), MAX_BODY_CHARS),
    }


def ended(outcome: Outcome) -> dict[str, Any]:
    """How a call ended, as the model gets it."""
    found: dict[str, Any] = {"status": outcome.status.value, "duration_ms": outcome.run_us / 1000}
    if outcome.output is not None:
        text = outcome.output.decode(errors="replace")
        found["output"] = json.loads(text) if len(text) <= MAX_BODY_CHARS else cut(text, MAX_BODY_CHARS)
    if outcome.error_message or outcome.error_type:
        found |= {"error_type": outcome.error_type, "error": cut(outcome.error_message or "", MAX_BODY_CHARS)}
    if outcome.stack_trace:
        found["trace"] = cut(outcome.stack_trace, MAX_BODY_CHARS)
    if outcome.logs:
        found["printed"] = cut("\n".join(line.text for line in outcome.logs[-MAX_LOG_LINES:]), MAX_BODY_CHARS)
    return found


def _reach(network: bool, place: Workplace) -> str:
    net = "with the network on" if network else "with the network off"
    return f"Its code runs with the project's variables, {net}; what it answers goes to {place.server}."


TOOLS = (
    Tool("view_logs", "A function's last calls, newest first: how each ended and, where the person allows it, what it "
         "carried.", ViewLogs, "read", read=view_logs),
    Tool("get_invocation", "One call in full: input, output, error, trace and what it printed.", OneInvocation, "read",
         read=get_invocation),
    Tool("invoke_function", "Run a function with any JSON input. The person is asked.", Invoke, "run",
         prepare=invoke_function),
    Tool("replay_invocation", "Run an earlier call's input again, by the active version unless another is given. The "
         "person is asked.", Replay, "run", prepare=replay_invocation),
    Tool("get_stats", "Figures of the calls of all functions, of one project's or of one function's.", Figures, "read",
         read=get_stats),
)  # fmt: skip
