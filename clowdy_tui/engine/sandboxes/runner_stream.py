"""Our end of a socket that a runner speaks by, the pipe of its raw output, and its mailbox."""

import asyncio
import socket
import struct
from typing import Final, Protocol, cast

from clowdy_tui.engine.sandboxes.mailbox import MESSAGE_BYTES, Mailbox
from clowdy_tui.engine.sandboxes.raw_output import RawOutput

SOCKET_BUFFER: Final = 1 << 20

_LENGTH: Final = struct.Struct(">I")


class StreamListener(Protocol):
    """Who is told what comes. None of these may block or raise."""

    def data_received(self, data: bytes) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class RunnerStream(asyncio.Protocol):
    """A subclass says what its begin and its end mean: it sets `_listener`, `_output` and `_mailbox` before `_connect`,
    and `_over` when nothing more is to be written.
    """

    _listener: StreamListener

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._output: RawOutput | None = None
        self._mailbox: Mailbox | None = None
        self._transport: asyncio.Transport | None = None
        self._heard = False
        self._over = False

    @property
    def queues(self) -> bool:
        return self._mailbox is not None

    def write(self, data: bytes, *, soon: bool = False) -> None:
        if self._transport is None:
            return
        if self._mailbox is None or len(data) > MESSAGE_BYTES:
            if not self._over:
                self._transport.write(data)
            if self._mailbox is None:
                return
            data = _LENGTH.pack(len(data))
        # Where the runner is gone, too, and its end is not told yet: it can be taken back from there.
        if soon:
            self._mailbox.post_soon(data)
        else:
            self._mailbox.post(data)

    def take_back(self) -> list[bytes]:
        return self._mailbox.take_back() if self._mailbox is not None else []

    def catch_up(self) -> None:
        if self._output is not None:
            self._output.catch_up()

    def pause_reading(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._over:
            self._transport.resume_reading()

    def _shut(self) -> None:
        """The runner's mailbox takes nothing any more."""
        if self._transport is not None:
            self._transport.abort()

    async def _connect(self, connection: socket.socket) -> None:
        """Attach the socket, which belongs to the stream from now on, to the event loop."""
        try:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
            await self._loop.create_unix_connection(lambda: self, sock=connection)
        except BaseException:
            self._over = True
            # Nothing where the loop has it already: that has closed it by now.
            connection.close()
            raise

    def _hears_the_first(self) -> bool:
        """The runner speaks for the first time; False where it is not to be heard."""
        return True

    # What asyncio tells of the socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._heard:
            self._heard = True
            if not self._hears_the_first():
                return
        self._listener.data_received(data)

    def pause_writing(self) -> None:
        self._listener.pause_writing()

    def resume_writing(self) -> None:
        self._listener.resume_writing()
