"""The attach stream: one hijacked connection to the engine that carries a container's stdin, stdout and stderr.

Raw asyncio, no stream reader: bytes go from the socket to the listener in one call.
"""

import asyncio
import ssl
import struct
from collections.abc import Callable
from typing import Protocol, cast

from clowdy_tui.engine.outcome import Stream
from clowdy_tui.engine.sandboxes.docker_endpoint import Endpoint

HEADER = struct.Struct(">BxxxL")
STDOUT, STDERR, SYSTEM_ERROR = 1, 2, 3
MAX_ANSWER_HEAD = 65536
WRITE_HIGH_WATER = 256 * 1024


class ChannelError(Exception):
    """The engine did not open the stream, or sent what is not one."""


class ChannelListener(Protocol):
    """Who is told what the stream carries. None of these may block or raise."""

    def data_received(self, data: bytes) -> None: ...
    def output_received(self, stream: Stream, data: bytes) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def channel_closed(self) -> None:
        """No more bytes come; said once, and only of a stream that was open."""


class Demultiplexer:
    """Takes apart a container's output: chunks of stdout and stderr, each behind 8 bytes of header, cut anywhere.

    A payload is handed on as it comes; only a header that is cut is kept for the next bytes.
    """

    __slots__ = ("_head", "_left", "_output", "_sink", "_stdout")

    def __init__(self, stdout: Callable[[bytes], None], output: Callable[[Stream, bytes], None]) -> None:
        self._stdout = stdout
        self._output = output
        self._head = b""
        self._left = 0
        self._sink: Callable[[bytes], None] = stdout

    def feed(self, data: bytes) -> None:
        """Raises ChannelError where a header names no stream that there is."""
        if not self._left and not self._head and len(data) > HEADER.size:
            kind, length = HEADER.unpack_from(data)
            if kind == STDOUT and length == len(data) - HEADER.size:
                self._stdout(data[HEADER.size :])
                return
        self._feed_pieces(data)

    def _feed_pieces(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        at, end = 0, len(data)
        while at < end:
            if not self._left:
                if end - at < HEADER.size:
                    self._head = data[at:]
                    return
                kind, self._left = HEADER.unpack_from(data, at)
                self._sink = self._sink_of(kind)
                at += HEADER.size
                continue
            piece = data[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            self._sink(piece)

    def _sink_of(self, kind: int) -> Callable[[bytes], None]:
        if kind == STDOUT:
            return self._stdout
        if kind in {STDERR, SYSTEM_ERROR}:
            return self._stderr
        raise ChannelError(f"stream {kind} in the attach stream")

    def _stderr(self, data: bytes) -> None:
        self._output("stderr", data)


class AttachChannel(asyncio.Protocol):
    """The client's end. Use `open_channel`."""

    def __init__(self, request: bytes, listener: ChannelListener) -> None:
        self._request = request
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._open = False
        self._demultiplexer = Demultiplexer(listener.data_received, listener.output_received)
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        return self._open

    def write(self, data: bytes) -> None:
        if self._open and self._transport is not None:
            self._transport.write(data)

    def pause_reading(self) -> None:
        if self._open and self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._open and self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close it now, whatever is still on the way."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=WRITE_HIGH_WATER)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self._open:
            data = self._read_head(data)
            if not data:
                return
        try:
            self._demultiplexer.feed(data)
        except ChannelError:
            self.abort()

    def _read_head(self, data: bytes) -> bytes:
        """The engine's answer to the upgrade; gives what came behind it."""
        self._head += data
        head, found, rest = self._head.partition(b"\r\n\r\n")
        if not found:
            if len(self._head) > MAX_ANSWER_HEAD:
                self._refuse("an answer without an end")
            return b""
        status = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(status) < 2 or status[1] not in {b"101", b"200"}:
            body = rest.decode("utf-8", "replace").strip()
            self._refuse(f"{b' '.join(status[1:]).decode('latin-1')} {body}"[:500])
            return b""
        self._head = b""
        self._open = True
        if not self.opened.done():
            self.opened.set_result(None)
        return rest

    def _refuse(self, why: str) -> None:
        if not self.opened.done():
            self.opened.set_exception(ChannelError(why))
        self.abort()

    def pause_writing(self) -> None:
        if self._open:
            self._listener.pause_writing()

    def resume_writing(self) -> None:
        if self._open:
            self._listener.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ChannelError(f"the engine closed the connection {error or ''}".strip()))
        if self._open:
            self._open = False
            self._listener.channel_closed()


async def open_channel(
    endpoint: Endpoint,
    tls: ssl.SSLContext | None,
    api_version: str,
    container: str,
    listener: ChannelListener,
    *,
    timeout_s: float,
) -> AttachChannel:
    """Attach to a container that is not started yet, so that none of its bytes is lost.

    Raises:
        ChannelError: the engine refused.
        OSError, TimeoutError: it cannot be reached.
    """
    loop = asyncio.get_running_loop()
    path = f"/v{api_version}/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"
    host = endpoint.host or "localhost"
    request = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n"
    ).encode("ascii")
    channel = AttachChannel(request, listener)
    try:
        async with asyncio.timeout(timeout_s):
            if endpoint.socket is not None:
                await loop.create_unix_connection(lambda: channel, str(endpoint.socket))
            else:
                await loop.create_connection(lambda: channel, endpoint.host, endpoint.port, ssl=tls)
            await channel.opened
    except BaseException:
        channel.abort()
        if channel.opened.done() and not channel.opened.cancelled():
            channel.opened.exception()  # seen here, so that no warning of a lost one comes later
        raise
    return channel
