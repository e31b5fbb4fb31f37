"""Connections of clients that speak HTTP badly, slowly or not at all."""

import asyncio
import json
import logging
import resource
import socket
import struct
from typing import Any, Final

from aiohttp import web
from aiohttp.http import RawRequestMessage
from aiohttp.http_exceptions import HttpProcessingError, InvalidURLError, LineTooLong

from clowdy_tui.gateway import problems

logger = logging.getLogger(__name__)

MAX_LINE_BYTES: Final = 8190
MAX_HEADERS: Final = 128
KEEP_ALIVE_S: Final = 75.0

# How often within its time a connection that takes nothing is looked at.
_LOOKS: Final = 4

_MOST_DESCRIPTORS: Final = 65_536


def _unasked(status: int, reason: str, type_: str, detail: str) -> bytes:
    """A problem for a connection that has sent no request."""
    problem = {"type": type_, "title": reason, "status": status, "detail": detail}
    body = json.dumps(problem).encode()
    return (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nServer: {problems.SERVER}\r\n"
        f"Content-Type: {problems.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


_LATE: Final = _unasked(408, "Request Timeout", "request-timeout", "No request came within the time for it")
_FULL: Final = _unasked(503, "Service Unavailable", "unavailable", "There are too many connections")


def make_room() -> int:
    """How many connections each door may have: half of the files that this process may open, as many as it can get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft // 2


class Connection(web.RequestHandler):
    """One connection. A first request that does not come in time ends it; one that is no HTTP gets a problem."""

    __slots__ = ("_head_timeout_s", "_head_timer")

    def __init__(self, manager: "Connections", *, head_timeout_s: float, **options: Any) -> None:
        super().__init__(manager, **options)
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._head_timer = self._loop.call_later(self._head_timeout_s, self._head_late)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages and self._current_request is not None:
            last, _ = self._messages[-1]
            content = self._current_request.content
            if not isinstance(last, RawRequestMessage) and not content.is_eof():
                # Whoever reads this body waits for something that cannot come any more.
                content.set_exception(web.RequestPayloadError("The body cannot be read any further"))
                self._lingering_time = 0.0

    def _head_late(self) -> None:
        # Later ones are bounded by how long an idle connection is kept.
        if not self._request_count:
            self.refuse(_LATE)

    def refuse(self, answer: bytes) -> None:
        """Say this, and close."""
        if self.transport is not None:
            self.transport.write(answer)
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What to say to a request that could not be read, or where the gateway failed."""
        if not isinstance(exc, HttpProcessingError):
            logger.error("Error in %s %s", request.method, request.rel_url.raw_path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("An answer has begun: there is no place for another")
        if not isinstance(exc, HttpProcessingError):
            said = (status, "internal", "Internal error", "Something went wrong inside Clowdy")
        elif isinstance(exc, LineTooLong):
            detail = f"A line of the request's head is longer than {MAX_LINE_BYTES} bytes"
            said = (431, "head-too-large", "Head too large", detail)
        elif exc.message.startswith("Too many headers"):
            said = (431, "head-too-large", "Head too large", f"The request has more than {MAX_HEADERS} headers")
        else:
            said = (400, "bad-request", "Bad request", f"This is not HTTP: {_reason(exc)}")
        status, type_, title, detail = said
        response = problems.problem(request, status=status, type_=type_, title=title, detail=detail)
        response.force_close()
        return response


class Connections(web.Server):
    """Makes a `Connection` of each that is accepted, and ends those whose other end takes nothing of what it is sent.

    That is looked at now and then for all of them together: a request costs nothing more.
    """

    def __init__(self, *given: Any, head_timeout_s: float, send_timeout_s: float, most: int, **options: Any) -> None:
        super().__init__(*given, **options)
        self._most = most
        self._head_timeout_s = head_timeout_s
        self._look_every_s = send_timeout_s / _LOOKS
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[web.RequestHandler, tuple[tuple[int, int], int]] = {}

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, head_timeout_s=self._head_timeout_s, **self._kwargs)

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self._most and isinstance(handler, Connection):
            handler.refuse(_FULL)
        if self._timer is None:
            self._timer = self._loop.call_later(self._look_every_s, self._look)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  aiohttp's signature
        await super().shutdown(timeout)
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        waiting: dict[web.RequestHandler, tuple[tuple[int, int], int]] = {}
        for handler, transport in list(self._connections.items()):
            if not (size := transport.get_write_buffer_size()):
                continue
            request = handler._current_request
            mark = (size, request.writer.output_size if request is not None else 0)
            before, looks = self._waiting.get(handler, (mark, 0))
            if before != mark:
                looks = 0
            elif looks >= _LOOKS:
                reset(transport)
                continue
            waiting[handler] = (mark, looks + 1)
        self._waiting = waiting
        self._timer = self._loop.call_later(self._look_every_s, self._look) if self._connections else None


class Runner(web.AppRunner):
    """Serves an application over connections of ours."""

    __slots__ = ("_limits",)

    def __init__(
        self, app: web.Application, *, head_timeout_s: float, send_timeout_s: float, most: int, **options: Any
    ) -> None:
        super().__init__(
            app,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            keepalive_timeout=KEEP_ALIVE_S,
            **options,
        )
        self._limits: dict[str, Any] = {
            "head_timeout_s": head_timeout_s,
            "send_timeout_s": send_timeout_s,
            "most": most,
        }

    async def _make_server(self) -> Connections:
        made = await super()._make_server()
        return Connections(
            made.request_handler,
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=asyncio.get_running_loop(),
            **self._limits,
            **made._kwargs,
        )


def reset(transport: asyncio.Transport) -> None:
    """Close a connection so that the other end sees an error and no end; what was not sent yet is dropped."""
    wrapped = transport.get_extra_info("socket")
    if wrapped is not None and wrapped.family != socket.AF_UNIX:
        # uvloop's hides setsockopt; another object over the same descriptor has it, and must not close it.
        borrowed = socket.socket(fileno=wrapped.fileno())
        try:
            borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        finally:
            borrowed.detach()
    transport.abort()


def _reason(error: HttpProcessingError) -> str:
    """The parser's words, without the piece of the request that it shows below them."""
    if isinstance(error, InvalidURLError):
        return "the address cannot be read"
    lines = [line.strip() for line in error.message.splitlines()]
    told = next((line for line in lines if line and line != "Bad status line:"), "it cannot be read")
    return told.rstrip(":")
