"""The lane: the short way for calls that are like nearly all calls, from their request's bytes to their answer's.

Whether a request may take it is decided by its head and what is known of the function, before anything is begun; all
others take the long way through the application, which knows everything. Both ways share what makes an answer.
"""

import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http import RawRequestMessage

from clowdy_tui.domain.errors import ClowdyError, InvalidAnswer
from clowdy_tui.domain.names import format_invocation_id, new_invocation_id
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.streaming import Flow
from clowdy_tui.gateway import problems
from clowdy_tui.gateway.answer import EMPTY, JSON, read_answer
from clowdy_tui.gateway.bodies import invoke_input
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.payload import EventHead
from clowdy_tui.gateway.proxies import origin_of
from clowdy_tui.gateway.public import (
    GATEWAY_PREFIX,
    NOT_RUN,
    failure,
    find,
    identified,
    invalid,
    invoke_answer,
    response_of,
    server_timing,
)
from clowdy_tui.gateway.route_event import AWS, clean
from clowdy_tui.gateway.signature import SERVER, request_id_of
from clowdy_tui.gateway.streamed import StreamedAnswer
from clowdy_tui.services.directory import Directory, ProjectEntry, Target
from clowdy_tui.services.routing import Match
from clowdy_tui.services.running import Running

logger = logging.getLogger(__name__)

INVOKE_PREFIX: Final = "/api/invoke/"

_INVOKE_LENGTH: Final = len(INVOKE_PREFIX) + 12
_EXPECT: Final = hdrs.EXPECT
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class Line(Protocol):
    """The connection that a request came by, for what answers it."""

    known: "KnownRoute | None"
    """Where the last request by a route led."""

    @property
    def remote(self) -> str:
        """The address of the other end."""

    def answer(self, data: bytes) -> None:
        """The whole answer to the request that takes the lane now."""

    def answer_by(self, response: web.StreamResponse | Coroutine[Any, Any, web.StreamResponse]) -> None:
        """The same where it is to be written as the application's are, now or when it has been made."""

    def request(self) -> web.Request:
        """The request that takes the lane now, as the application would see it; its body cannot be read."""


class Lane:
    """Begins calls for the connections of one door, through which strangers come."""

    def __init__(self, gateway: Context) -> None:
        self._gateway = gateway

    def takes(self, message: RawRequestMessage) -> bool:
        """Whether this may be a request for it, by what can be seen without looking anything up."""
        path = message.path
        return (
            (path.startswith(GATEWAY_PREFIX) or (len(path) == _INVOKE_LENGTH and path.startswith(INVOKE_PREFIX)))
            and message.version == HttpVersion11
            and not (message.should_close or message.upgrade or message.chunked)
            and _EXPECT not in message.headers
        )

    def begin(self, message: RawRequestMessage, body: bytes, line: Line) -> "Lap | None":
        """Begin the call that a request asks for; None where it is one for the long way, and nothing has happened."""
        if len(body) > self._gateway.config.max_body_bytes:
            return None
        path = message.path
        if path.startswith(INVOKE_PREFIX):
            return self._invoke(message, body, line) if message.method == hdrs.METH_POST else None
        return self._route(message, body, line)

    def _invoke(self, message: RawRequestMessage, body: bytes, line: Line) -> "Lap | None":
        platform, headers = self._gateway.platform, message.headers
        target = platform.directory.function(message.path[len(INVOKE_PREFIX) :])
        if (
            target is None
            or target.visibility != "public"
            or target.status != "active"
            or hdrs.AUTHORIZATION in headers
            or hdrs.CONTENT_ENCODING in headers
        ):
            return None
        if target.project_id is not None and platform.directory.rules(target.project_id) is not None:
            return None
        try:
            event = invoke_input(body)
        except ClowdyError:
            return None
        lap = InvokeLap(line, target, new_invocation_id(), message)
        lap.running = platform.invocations.begin(
            target, event, source="api", invocation_id=lap.invocation_id, done=lap.ended
        )
        return lap

    def _route(self, message: RawRequestMessage, body: bytes, line: Line) -> "Lap | None":
        gateway = self._gateway
        directory = gateway.platform.directory
        known = line.known
        if known is None or known.message is not message or not known.stands(directory):
            if message.method == hdrs.METH_HEAD:
                return None
            try:
                known = line.known = self._find(message, line)
            except ClowdyError:
                return None
        match = known.match
        target = directory.function(match.route.function_id)
        if (
            target is None
            or match.route.auth != "none"
            or match.route.payload_format == AWS
            or target.status != "active"
            or directory.rules(known.project.id) is not None
        ):
            return None
        lap = RouteLap(line, target, new_invocation_id(), message)
        lap.running = gateway.platform.invocations.begin(
            target,
            known.event.event(lap.request_id, body),
            source="gateway",
            invocation_id=lap.invocation_id,
            done=lap.ended,
            http_method=message.method,
            http_path=known.raw_path,
            receiver=lap,
        )
        return lap

    def _find(self, message: RawRequestMessage, line: Line) -> "KnownRoute":
        gateway = self._gateway
        project, _, match, raw_path = find(gateway, message.method, message.url)
        event = EventHead.of(
            method=message.method,
            raw_path=raw_path,
            params=match.params,
            raw_query=clean(message.url.raw_query_string),
            headers=message.headers.items(),
            source_ip=origin_of(line.remote, message.headers, gateway.trusted),
        )
        return KnownRoute(message, project, match, raw_path, event)


@dataclass(frozen=True, slots=True)
class KnownRoute:
    """Where a request's head leads, and its part of the event: for the next request of the same connection, which
    often has the same head.
    """

    message: RawRequestMessage
    project: ProjectEntry
    match: Match
    raw_path: str
    event: EventHead

    def stands(self, directory: Directory) -> bool:
        """Whether the project and its routes are the same still: what changes in one is another entry."""
        return directory.project(self.project.slug) is self.project


class Lap:
    """One request on the lane."""

    __slots__ = ("invocation_id", "line", "request_id", "running", "target")

    def __init__(self, line: Line, target: Target, invocation_id: int, message: RawRequestMessage) -> None:
        self.line = line
        self.target = target
        self.invocation_id = invocation_id
        self.request_id = request_id_of(message.headers, invocation_id)
        self.running: Running | None = None

    def cancel(self) -> None:
        """The caller went away."""
        running, self.running = self.running, None
        if running is not None:
            running.cancel()

    def ended(self, outcome: Outcome) -> None:
        """The call is over: answer."""
        try:
            self._answer(outcome)
        except Exception:
            # Whoever tells this goes on with other calls.
            logger.exception("Error in the answer to the call %s", format_invocation_id(self.invocation_id))
            self.line.answer_by(identified(problems.internal(self.line.request()), self.request_id))
        finally:
            # Each holds the other: what reference counts free needs no look for garbage, which stops every call.
            self.running = None

    def _answer(self, outcome: Outcome) -> None:
        raise NotImplementedError

    def _answer_json(self, body: bytes, outcome: Outcome) -> None:
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: clowdy\r\n"
            f"X-Request-Id: {self.request_id}\r\nServer-Timing: {server_timing(outcome)}\r\n"
            f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
        )
        self.line.answer(head.encode() + body)

    def _failed(self, outcome: Outcome) -> None:
        self.line.answer_by(failure(self.line.request(), outcome, self.invocation_id, self.request_id))


class InvokeLap(Lap):
    """A call by the function's id."""

    __slots__ = ()

    def _answer(self, outcome: Outcome) -> None:
        if outcome.status in NOT_RUN:
            self._failed(outcome)
            return
        body = invoke_answer(
            outcome,
            invocation_id=format_invocation_id(self.invocation_id),
            version=self.target.deployment.version,
            with_logs=False,
            for_owner=False,
        )
        self._answer_json(body, outcome)


class RouteLap(Lap):
    """A call by a route. It takes the handler's stream, too, where there comes one."""

    __slots__ = ("_stream",)

    def __init__(self, line: Line, target: Target, invocation_id: int, message: RawRequestMessage) -> None:
        super().__init__(line, target, invocation_id, message)
        self._stream: StreamedAnswer | None = None

    def cancel(self) -> None:
        super().cancel()
        if self._stream is not None:
            self._stream.close()

    def _answer(self, outcome: Outcome) -> None:
        stream = self._stream
        if stream is not None:
            if stream.begun:
                self.line.answer_by(stream.finish(outcome))
                return
            if stream.fault is not None:
                self._refused(stream.fault)
                return
        if outcome.status is not OutcomeStatus.SUCCESS:
            self._failed(outcome)
            return
        try:
            answer = read_answer(outcome.output or b"null")
        except InvalidAnswer as fault:
            self._refused(fault)
            return
        if answer.status in EMPTY:
            self.line.answer_by(response_of(answer, outcome, self.request_id))
            return
        if answer.headers is JSON:
            self._answer_json(answer.body, outcome)
            return
        names = {name.lower() for name, _ in answer.headers}
        more = "" if "server" in names else f"Server: {SERVER}\r\n"
        if "date" not in names:
            more += f"Date: {rfc822_formatted_time()}\r\n"
        if answer.body and "content-type" not in names:
            more += "Content-Type: application/octet-stream\r\n"
        given = "".join([f"{name}: {value}\r\n" for name, value in answer.headers])
        head = (
            f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, '')}\r\n{given}{more}"
            f"X-Request-Id: {self.request_id}\r\nServer-Timing: {server_timing(outcome)}\r\n"
            f"Content-Length: {len(answer.body)}\r\n\r\n"
        )
        self.line.answer(head.encode() + answer.body)

    def _refused(self, fault: InvalidAnswer) -> None:
        request = self.line.request()
        self.line.answer_by(invalid(request, self.target, fault, self.invocation_id, self.request_id))

    # What the engine tells of a handler that streams.

    def begin(self, head: bytes, flow: Flow, *, binary: bool) -> None:
        self._stream = StreamedAnswer(self.line.request(), self.request_id)
        self._stream.begin(head, flow, binary=binary)

    def feed(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.feed(data)

    def kept(self) -> bytes:
        return b"null"
