"""Connections of clients that speak HTTP badly, slowly or not at all."""

import asyncio
import json
import logging
import resource
import socket
import struct
from collections.abc import Coroutine
from typing import Any, Final, Protocol, cast

from aiohttp import HttpVersion, HttpVersion10, HttpVersion11, StreamReader, hdrs, web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.http_exceptions import HttpProcessingError, InvalidURLError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from clowdy_tui.gateway import problems
from clowdy_tui.gateway.signature import SERVER, sign

logger = logging.getLogger(__name__)

MAX_LINE_BYTES: Final = 8190
MAX_HEADERS: Final = 128
KEEP_ALIVE_S: Final = 75.0

# How often within its time a connection that takes nothing is looked at.
_LOOKS: Final = 4

_MOST_DESCRIPTORS: Final = 65_536

_VERSIONS: Final = (HttpVersion11, HttpVersion10)

_LONGEST_KNOWN: Final = 4096
"""Of a request's head, in bytes: longer ones are parsed each time, and not kept."""


def _unasked(status: int, reason: str, type_: str, detail: str) -> bytes:
    """A problem for a connection that has sent no request."""
    problem = {"type": type_, "title": reason, "status": status, "detail": detail}
    body = json.dumps(problem).encode()
    return (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nServer: {SERVER}\r\n"
        f"Content-Type: {problems.CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


_LATE: Final = _unasked(408, "Request Timeout", "request-timeout", "No request came within the time for it")
_FULL: Final = _unasked(503, "Service Unavailable", "unavailable", "There are too many connections")


class VersionRefused(HttpProcessingError):
    """A request in a version of HTTP that is not spoken in these lines."""

    def __init__(self, version: HttpVersion) -> None:
        super().__init__(code=505, message=f"HTTP/{version.major}.{version.minor}")


def make_room() -> int:
    """How many connections each door may have: half of the files that this process may open, as many as it can get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return soft // 2


class Lap(Protocol):
    """A request that is answered past the application."""

    def cancel(self) -> None:
        """The caller went away."""


class _Taken:
    """In a lap's place while the lane looks at the request."""

    def cancel(self) -> None:
        """Nothing has begun."""


_TAKEN: Final = _Taken()


class Lane(Protocol):
    """Who answers requests past the application."""

    def takes(self, message: RawRequestMessage) -> bool:
        """Whether this may be such a request."""

    def begin(self, message: RawRequestMessage, body: bytes, line: Any) -> Lap | None:
        """Begin to answer it, never before this returns; None where it is none after all, and nothing was done."""


class Connection(web.RequestHandler):
    """One connection. A first request that does not come in time ends it; one that is no HTTP gets a problem.

    A request that came whole, while no other was being answered, may be taken past aiohttp's handler and the
    application, by the lane; aiohttp has read it all the same, and for whatever else comes meanwhile its handler waits.

    Clients send the same head again and again. What aiohttp's parser made of the last one that the lane took is kept,
    and stands for each request on this connection whose head is that one byte for byte.
    """

    __slots__ = (
        "_head_timeout_s",
        "_head_timer",
        "_known_head",
        "_known_message",
        "_known_size",
        "_lane",
        "_lap",
        "_lap_by",
        "_lap_message",
        "_parser_at_start",
        "known",
    )

    def __init__(
        self, manager: "Connections", *, head_timeout_s: float, lane: Lane | None = None, **options: Any
    ) -> None:
        super().__init__(manager, **options)
        self._head_timeout_s = head_timeout_s
        self._head_timer: asyncio.TimerHandle | None = None
        self._lane = lane
        self._lap: Lap | None = None
        self._lap_message: RawRequestMessage | None = None
        self._lap_by: asyncio.Task[None] | None = None
        self._parser_at_start = True
        """The parser has seen whole requests only: what comes next begins one."""
        self._known_head = b""
        self._known_size = 0
        self._known_message: RawRequestMessage | None = None
        self.known: Any = None
        """What the lane keeps of the last head that it took; not longer than the head itself is kept."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._head_timer = self._loop.call_later(self._head_timeout_s, self._head_late)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        super().connection_lost(exc)
        lap, self._lap = self._lap, None
        if lap is not None:
            if self._lap_by is not None:
                self._lap_by.cancel()
            lap.cancel()

    def data_received(self, data: bytes) -> None:
        at_start = self._parser_at_start
        if (waiter := self._waiter) is not None:
            if (
                len(data) == self._known_size
                and at_start
                and data.startswith(self._known_head)
                and self._lap is None
                and not (self._messages or self._paused or self._close or self._force_close or waiter.done())
                and self._by_lane(self._known_message, data[len(self._known_head) :])
            ):
                self._request_count += 1
                return
            # Hidden, so that what comes does not wake aiohttp's handler before it is known whether the lane takes it.
            self._waiter = None
            self._parse(data)
            self._waiter = waiter
            self._parser_at_start = at_start and self._at_start_after(data)
            if self._lap is None:
                self._next(waiter, data)
            return
        self._parse(data)
        self._parser_at_start = at_start and self._at_start_after(data)
        if self._messages and self._current_request is not None:
            last, _ = self._messages[-1]
            content = self._current_request.content
            if not isinstance(last, RawRequestMessage) and not content.is_eof():
                # Whoever reads this body waits for something that cannot come any more.
                content.set_exception(web.RequestPayloadError("The body cannot be read any further"))
                self._lingering_time = 0.0

    def _at_start_after(self, data: bytes) -> bool:
        """Whether a parser that was at a request's start before this is at one again: it was one request and no more,
        or nothing, as aiohttp says when it goes on to read.
        """
        if not data:
            return True
        if len(self._messages) != 1:
            return False
        message, _ = self._messages[0]
        if not isinstance(message, RawRequestMessage) or message.chunked or message.upgrade:
            return False
        size = data.find(b"\r\n\r\n") + 4
        # The parser takes nothing but digits here.
        return size >= 4 and size + int(message.headers.get(hdrs.CONTENT_LENGTH, "0")) == len(data)

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        for index, (message, _) in enumerate(self._messages):
            # The parser takes others, too, and aiohttp would answer in them.
            if isinstance(message, RawRequestMessage) and message.version not in _VERSIONS:
                self._messages[index] = (_ErrInfo(505, VersionRefused(message.version), ""), EMPTY_PAYLOAD)

    def _next(self, waiter: "asyncio.Future[None]", data: bytes = b"") -> None:
        """Have the first request that waits answered, by the lane or else by aiohttp's handler. `data`: what it was
        parsed from, where it is known.
        """
        if self._messages and not waiter.done() and not self._parsed_by_lane(data):
            waiter.set_result(None)

    def _parsed_by_lane(self, data: bytes) -> bool:
        lane, (message, payload) = self._lane, self._messages[0]
        if (
            lane is None
            or not isinstance(message, RawRequestMessage)
            or len(self._messages) > 1
            or self._upgraded
            or self._paused
            or not payload.is_eof()
            or payload.exception() is not None
            or not lane.takes(message)
        ):
            return False
        self._messages.popleft()
        # Reading a body may bring what was held back behind it: that must wait.
        self._lap = _TAKEN
        body = payload.read_nowait()
        if self._by_lane(message, body):
            if self._parser is not None:
                self._parser.message_consumed()
            if not (data and self._parser_at_start and self._remember(data, message, body)):
                self.known = None
            return True
        self.known = None
        if body:
            payload = StreamReader(self, self._read_bufsize, loop=self._loop)
            payload.feed_data(body)
            payload.feed_eof()
        self._messages.appendleft((message, payload))
        return False

    def _remember(self, data: bytes, message: RawRequestMessage, body: bytes) -> bool:
        """Keep what the head of this one request means; whether it is short enough."""
        size = len(data) - len(body)
        if size <= _LONGEST_KNOWN:
            self._known_head, self._known_size, self._known_message = data[:size], len(data), message
        return size <= _LONGEST_KNOWN

    def _by_lane(self, message: RawRequestMessage | None, body: bytes) -> bool:
        """Whether the lane takes this request; it has begun to answer it then."""
        assert self._lane is not None
        assert message is not None
        self._lap, self._lap_message = _TAKEN, message
        try:
            lap = self._lane.begin(message, body, self)
        except Exception:  # noqa: BLE001  it is logged where the answer is made
            self.answer_by(problems.internal(self.request()))
            return True
        if lap is None:
            self._lap = self._lap_message = None
            return False
        self._lap = lap
        self._request_in_progress = True
        if self._manager is not None:
            self._manager.requests_count += 1
        return True

    # What the lane asks of the line that a request came by.

    @property
    def remote(self) -> str:
        """The address of the other end."""
        name = self.peername
        return str(name[0]) if isinstance(name, tuple) else "127.0.0.1"

    def request(self) -> web.Request:
        """The request on the lane, as the application would see it; its body cannot be read."""
        if self._current_request is None:
            assert self._request_factory is not None
            assert self._lap_message is not None
            # No task runs for it that somebody could want.
            task = cast("asyncio.Task[None]", self._task_handler)
            writer = StreamWriter(self, self._loop)
            self._current_request = self._request_factory(self._lap_message, EMPTY_PAYLOAD, self, writer, task)
        return cast("web.Request", self._current_request)

    def answer(self, data: bytes) -> None:
        """The whole answer to the request on the lane."""
        if self._lap is not None:
            if self.transport is not None:
                self.transport.write(data)
            self._lap_over()

    def answer_by(self, response: web.StreamResponse | Coroutine[Any, Any, web.StreamResponse]) -> None:
        """The same where it is to be written as the application's are, now or when it has been made."""
        if self._lap is not None:
            self._lap_by = self._loop.create_task(self._answer_by(response))
        elif isinstance(response, Coroutine):
            response.close()

    async def _answer_by(self, response: web.StreamResponse | Coroutine[Any, Any, web.StreamResponse]) -> None:
        keep = False
        try:
            made = await response if isinstance(response, Coroutine) else response
            made, gone = await self.finish_response(self.request(), made, None)
            keep = bool(made.keep_alive) and not gone
        except ConnectionError:
            # The other end went away: nobody is left to answer.
            keep = False
        finally:
            if self._lap is not None:
                self._lap_over()
            if not keep:
                self.force_close()

    def _lap_over(self) -> None:
        self._lap = self._lap_message = self._lap_by = self._current_request = None
        self._request_in_progress = False
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        self._next_keepalive_close_time = self._loop.time() + KEEP_ALIVE_S
        if self._waiter is not None:
            self._next(self._waiter)

    def _process_keepalive(self) -> None:
        if self._lap is not None:
            # To aiohttp's handler the connection looks idle.
            self._next_keepalive_close_time = self._loop.time() + KEEP_ALIVE_S
        super()._process_keepalive()

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
        elif isinstance(exc, VersionRefused):
            detail = f"{exc.message} is not spoken here: send the request as HTTP/1.1"
            said = (505, "http-version", "HTTP version not taken", detail)
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
        sign(request, response)
        return response


class Connections(web.Server):
    """Makes a `Connection` of each that is accepted, and ends those whose other end takes nothing of what it is sent.

    That is looked at now and then for all of them together: a request costs nothing more.
    """

    def __init__(
        self,
        *given: Any,
        head_timeout_s: float,
        send_timeout_s: float,
        most: int,
        lane: Lane | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*given, **options)
        self._lane = lane
        self._most = most
        self._head_timeout_s = head_timeout_s
        self._look_every_s = send_timeout_s / _LOOKS
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[web.RequestHandler, tuple[tuple[int, int], int]] = {}

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, head_timeout_s=self._head_timeout_s, lane=self._lane, **self._kwargs)

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
        self,
        app: web.Application,
        *,
        head_timeout_s: float,
        send_timeout_s: float,
        most: int,
        lane: Lane | None = None,
        **options: Any,
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
            "lane": lane,
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
