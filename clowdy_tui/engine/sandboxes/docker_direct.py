"""The direct channel: a unix socket in a folder that is mounted into a container of an engine on this machine.

By the attach stream each byte passes the engine and its shim, twice copied and four times scheduled; by this one it
does not. The runner connects to it when it starts and sends along the reading end of a pipe that its raw output goes
to, and both ends of its mailbox. Where it cannot (a virtual machine, another OCI runtime, a policy) it stays with the
attach stream, which is opened in any case: it tells of the container's end, and of what an interpreter says that does
not come up.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import stat
from pathlib import Path
from typing import Final, Protocol

from clowdy_tui.engine.sandboxes.mailbox import Mailbox
from clowdy_tui.engine.sandboxes.raw_output import RawOutput
from clowdy_tui.engine.sandboxes.runner_stream import RunnerStream, StreamListener

PLACE: Final = "/run/clowdy"
"""Where a container sees the folder; the runner knows it, too."""

_NAME: Final = "channel"
_HELLO: Final = b"\1"
_KINDS: Final = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFSOCK)


class DirectListener(StreamListener, Protocol):
    """Who is told what comes, raw output and the channel's own state too. None of these may block or raise."""

    def raw_received(self, data: bytes) -> None: ...
    def direct_opened(self) -> None: ...
    def direct_closed(self) -> None:
        """No more bytes come; said once, and only of a channel that was open."""


class DirectChannel(RunnerStream):
    """Our end. It takes one connection, the first; `folder` is made for it, and removed by `close`.

    It is made before its container, which mounts the folder; `listen` comes before that is started.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._listener: DirectListener
        self._opening: asyncio.Task[None] | None = None
        self._door: socket.socket | None = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            folder.mkdir(mode=0o755)
            self._door.bind(str(folder / _NAME))
            # The runner has none of our users. Only whoever has the folder mounted gets here.
            (folder / _NAME).chmod(0o666)
            self._door.setblocking(False)
            self._door.listen(1)
        except BaseException:
            self.close()
            raise

    def listen(self, listener: DirectListener) -> None:
        """Take the connection when it comes."""
        self._listener = listener
        assert self._door is not None
        self._loop.add_reader(self._door, self._knocked)

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._over

    def close(self) -> None:
        """End it, whatever is still on the way; the second time does nothing."""
        self._over = True
        self._close_door()
        if self._opening is not None:
            self._opening.cancel()
        if self._transport is not None:
            self._transport.abort()
        if self._output is not None:
            self._output.finish()
            self._output.close()
            self._output = None
        if self._mailbox is not None:
            self._mailbox.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _close_door(self) -> None:
        door, self._door = self._door, None
        if door is not None:
            self._loop.remove_reader(door)
            door.close()

    def _knocked(self) -> None:
        assert self._door is not None
        try:
            connection, _ = self._door.accept()
        except OSError:
            # Gone again; what comes after it is as good.
            return
        self._close_door()
        connection.setblocking(False)
        self._opening = self._loop.create_task(self._open(connection))
        # Not in the task: one that is cancelled before its first step does nothing at all.
        self._opening.add_done_callback(lambda _: connection.close() if self._transport is None else None)

    async def _open(self, connection: socket.socket) -> None:
        # What is no runner of ours is shown out: its container ends, which is told by the engine.
        with contextlib.suppress(OSError, ValueError):
            output, ours, theirs = await _hello(self._loop, connection)
            self._output = RawOutput(output, self._listener.raw_received)
            self._mailbox = Mailbox(socket.socket(fileno=ours), socket.socket(fileno=theirs), self._shut)
            await self._connect(connection)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._listener.direct_opened()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        if self._output is not None:
            self._output.finish()
        self._listener.direct_closed()


async def _hello(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> tuple[int, int, int]:
    """The descriptors that the runner sends with its first byte: its raw output, our end of its mailbox, and its own.

    Raises:
        OSError, ValueError: it sends something else.
    """
    await _readable(loop, connection)
    said, descriptors, _, _ = socket.recv_fds(connection, len(_HELLO), len(_KINDS), socket.MSG_CMSG_CLOEXEC)
    if said == _HELLO and tuple(stat.S_IFMT(os.fstat(descriptor).st_mode) for descriptor in descriptors) == _KINDS:
        output, ours, theirs = descriptors
        return output, ours, theirs
    for descriptor in descriptors:
        os.close(descriptor)
    raise ValueError("not a runner's first byte")


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready = loop.create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(connection, tell)
    try:
        await ready
    finally:
        loop.remove_reader(connection)
