"""Calls to functions, by id and by route: the hot path. It reads no database and builds no model.

What the caller sent and what the function returned pass through as bytes wherever nothing has to be read in them.
"""

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from clowdy_tui.domain.errors import ClowdyError, FunctionInactive, InvalidAnswer, NotFound
from clowdy_tui.domain.errors import MethodNotAllowed as MethodRefused
from clowdy_tui.domain.names import format_invocation_id, new_invocation_id
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.gateway import auth, problems
from clowdy_tui.gateway.answer import Answer, read_answer
from clowdy_tui.gateway.bodies import invoke_input
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.endpoint import read_query
from clowdy_tui.gateway.operations import InvokeQuery
from clowdy_tui.gateway.route_event import clean, make_event
from clowdy_tui.gateway.signature import SERVER, request_id_of
from clowdy_tui.gateway.streamed import StreamedAnswer
from clowdy_tui.gateway.uploads import read_body, read_plain_body
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.directory import ProjectEntry, Target
from clowdy_tui.services.routing import Match, MethodNotAllowed

GATEWAY_PREFIX: Final = "/api/gateway/"

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode

# How a call that gave no answer reads over a route: HTTP status, problem type, title, and a detail where the
# outcome has none.
_FAILURES: Final = {
    OutcomeStatus.ERROR: (500, "function-error", "The function raised an error", "The function raised an error"),
    OutcomeStatus.TIMEOUT: (504, "function-timeout", "The function took too long", "The function took too long"),
    OutcomeStatus.OUT_OF_MEMORY: (502, "function-out-of-memory", "Out of memory", "The function ran out of memory"),
    OutcomeStatus.CRASHED: (502, "function-crashed", "The function crashed", "The function ended before it answered"),
    OutcomeStatus.THROTTLED: (429, "throttled", "Too many calls", "Too many calls of this function at once"),
    OutcomeStatus.UNAVAILABLE: (503, "unavailable", "Not available now", "The function cannot be run now"),
    OutcomeStatus.CANCELLED: (503, "cancelled", "The call was broken off", "The call was broken off before it ended"),
}

# By id, a function that ran is answered with 200 whatever came of it; these two did not run.
NOT_RUN: Final = frozenset({OutcomeStatus.THROTTLED, OutcomeStatus.UNAVAILABLE})


async def invoke(gateway: Context, door: auth.Door, request: web.Request) -> web.Response:
    """POST /api/invoke/{id}: call a function with `input`, and get what came of it."""
    platform = gateway.platform
    invocation_id = new_invocation_id()
    request_id = request_id_of(request.headers, invocation_id)
    try:
        target = platform.directory.function(request.match_info["id"])
        if target is None:
            raise NotFound("Function not found")
        actor = await door.actor(request)
        owns = actor is not None and actor.user == target.owner
        if target.visibility == "private":
            _admit(actor, owns)
        if target.status != "active":
            raise FunctionInactive("Function is not active")
        query = read_query(InvokeQuery, request)
        if query.version is not None and actor is None:
            raise auth.stranger()
        event = invoke_input(await read_plain_body(request, gateway.config.body_timeout_s))
        outcome = await platform.invocations.invoke(
            target, event, source="api", actor_owns=owns, version=query.version, invocation_id=invocation_id
        )
        if outcome.status in NOT_RUN:
            return failure(request, outcome, invocation_id, request_id)
    except ClowdyError as error:
        return identified(problems.refusal(request, error), request_id)
    answer = invoke_answer(
        outcome,
        invocation_id=format_invocation_id(invocation_id),
        version=query.version or target.deployment.version,
        with_logs=query.logs,
        for_owner=owns,
    )
    headers = {
        "Content-Type": "application/json",
        "Server": SERVER,
        "X-Request-Id": request_id,
        "Server-Timing": server_timing(outcome),
    }
    return web.Response(body=answer, headers=headers)


async def route(gateway: Context, door: auth.Door, request: web.Request) -> web.StreamResponse:
    """ANY /api/gateway/{slug}[/{path}]: call the function behind a project's route."""
    invocation_id = new_invocation_id()
    request_id = request_id_of(request.headers, invocation_id)
    try:
        project, target, match, raw_path = find(gateway, request.method, request.rel_url)
        actor, actor_owns = None, False
        if match.route.auth == "token":
            actor = await door.actor(request)
            actor_owns = actor is not None and actor.user == target.owner
            _admit(actor, actor_owns)
        elif match.route.auth == "api_key":
            door.check_key(request, project.key_hashes)
        if target.status != "active":
            raise RouteInactive("Function is not active")
        body = await read_body(request, gateway.config.body_timeout_s)
        event = make_event(
            gateway,
            request,
            match,
            project_id=target.project_id,
            raw_path=raw_path,
            body=body,
            request_id=request_id,
            actor=actor,
        )
        with StreamedAnswer(request, request_id) as stream:
            outcome = await gateway.platform.invocations.invoke(
                target,
                event,
                source="gateway",
                actor_owns=actor_owns,
                http_method=request.method,
                http_path=raw_path,
                invocation_id=invocation_id,
                receiver=stream,
            )
            if stream.begun:
                return await stream.finish(outcome)
        if stream.fault is not None:
            raise stream.fault
        if outcome.status is not OutcomeStatus.SUCCESS:
            return failure(request, outcome, invocation_id, request_id)
        answer = read_answer(outcome.output or b"null")
    except InvalidAnswer as error:
        return invalid(request, target, error, invocation_id, request_id)
    except ClowdyError as error:
        return identified(problems.refusal(request, error), request_id)
    return response_of(answer, outcome, request_id)


def response_of(answer: Answer, outcome: Outcome, request_id: str) -> web.Response:
    """What goes out for what a function answered."""
    headers = CIMultiDict(answer.headers)
    headers.setdefault("Server", SERVER)
    headers["X-Request-Id"] = request_id
    headers.add("Server-Timing", server_timing(outcome))
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def find(gateway: Context, method: str, url: URL) -> tuple[ProjectEntry, Target, Match, str]:
    """The function that answers a path, how the path matched, and the part of it that is the project's own."""
    directory = gateway.platform.directory
    # Raw, as it was sent: a %2F must not become the border of a segment.
    raw = clean(url.raw_path).removeprefix(GATEWAY_PREFIX)
    slug, _, rest = raw.partition("/")
    raw_path = f"/{rest}"
    project = directory.project(unquote(slug))
    if project is None:
        raise NotFound("Project not found")
    match = project.router.match(method, raw_path)
    if isinstance(match, MethodNotAllowed):
        raise _method_not_allowed(method, raw_path, match.allow)
    if not isinstance(match, Match):
        known = f"No route matches {method} {raw_path}"
        raise NotFound(known if project.router.count else "No routes configured for this project")
    target = directory.function(match.route.function_id)
    if target is None:
        raise NotFound("Function not found")
    return project, target, match, raw_path


def _admit(actor: Actor | None, owns: bool) -> None:
    if actor is None:
        raise auth.stranger()
    actor.require("invoke")
    if not owns:
        raise NotFound("Function not found")


class RouteInactive(FunctionInactive):
    """Over a route an inactive function is a service that is not there now."""

    status = 503


def _method_not_allowed(method: str, path: str, allow: Sequence[str]) -> ClowdyError:
    allowed = ", ".join(allow)
    return MethodRefused(f"{path} does not take {method}, but {allowed}", headers={hdrs.ALLOW: allowed})


def identified(response: web.Response, request_id: str) -> web.Response:
    response.headers["X-Request-Id"] = request_id
    return response


def invalid(
    request: web.BaseRequest, target: Target, fault: InvalidAnswer, invocation_id: int, request_id: str
) -> web.Response:
    if target.redactor is not None:
        # It quotes what the function returned.
        fault.detail = target.redactor.text(fault.detail)
    fault.extra["invocation_id"] = format_invocation_id(invocation_id)
    return identified(problems.refusal(request, fault), request_id)


def failure(request: web.BaseRequest, outcome: Outcome, invocation_id: int, request_id: str) -> web.Response:
    status, type_, title, detail = _FAILURES[outcome.status]
    headers = {"X-Request-Id": request_id, "Server-Timing": server_timing(outcome)}
    if status == 429:
        headers["Retry-After"] = "1"
    return problems.problem(
        request,
        status=status,
        type_=type_,
        title=title,
        detail=outcome.error_message or detail,
        extra={"invocation_id": format_invocation_id(invocation_id)},
        headers=headers,
    )


def server_timing(outcome: Outcome) -> str:
    """What a call's time went to, in milliseconds: waiting for an instance, making one ready, running."""
    if not outcome.queue_us and not outcome.init_us:
        return f"queue;dur=0, init;dur=0, run;dur={outcome.run_us / 1000}"
    return f"queue;dur={outcome.queue_us / 1000}, init;dur={outcome.init_us / 1000}, run;dur={outcome.run_us / 1000}"


def invoke_answer(outcome: Outcome, *, invocation_id: str, version: int, with_logs: bool, for_owner: bool) -> bytes:
    """`schemas.InvokeOut` as JSON, with the output's bytes in it as they are."""
    memory = "null" if outcome.memory_kb is None else f"{outcome.memory_kb / 1024:.1f}"
    # Written out: three times faster than the encoder, on every call.
    rest = (
        f'"duration_ms":{outcome.run_us / 1000},"invocation_id":"{invocation_id}",'
        f'"cold_start":{"true" if outcome.cold_start else "false"},"status":"{outcome.status}",'
        f'"version":{version},"duration_us":{outcome.run_us},"queue_us":{outcome.queue_us},'
        f'"init_us":{outcome.init_us},"memory_mb":{memory}'
    )
    if outcome.status is OutcomeStatus.SUCCESS and not with_logs:
        return b'{"success":true,"output":%b,%b}' % (outcome.output or b"null", rest.encode())
    more: dict[str, Any] = {}
    if outcome.status is not OutcomeStatus.SUCCESS:
        more["error"] = outcome.error_message or _FAILURES[outcome.status][3]
        if for_owner:
            more["error_type"] = outcome.error_type
            more["stack_trace"] = outcome.stack_trace
    if with_logs:
        more["logs"] = [{"stream": line.stream, "text": line.text, "at_us": line.at_us} for line in outcome.logs]
        more["logs_truncated"] = outcome.logs_truncated
    tail = f"{rest},{_encode(more)[1:]}".encode()
    if outcome.status is OutcomeStatus.SUCCESS:
        return b'{"success":true,"output":%b,%b' % (outcome.output or b"null", tail)
    return b'{"success":false,%b' % tail
