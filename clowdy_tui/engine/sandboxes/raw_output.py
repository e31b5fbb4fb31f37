"""What a sandbox's processes write past the runner: a pipe that is read in order with the runner's own frames."""

import asyncio
import fcntl
import os
import termios
from collections.abc import Callable
from typing import Final

_CHUNK: Final = 65536
_NOTHING: Final = bytes(4)
_LAST_CHUNKS: Final = 16


class RawOutput:
    """Our end of the pipe, which it owns; `tell` is given the bytes as they come. Belongs to one event loop."""

    def __init__(self, descriptor: int, tell: Callable[[bytes], None]) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._size = bytearray(_NOTHING)
        self._reading = True
        self._loop.add_reader(descriptor, self._readable)

    def catch_up(self) -> None:
        """Tell of what was written before now. Asking whether there is something takes a third of finding nothing."""
        if self._reading:
            fcntl.ioctl(self._descriptor, termios.FIONREAD, self._size)
            if self._size != _NOTHING:
                self._take()

    def finish(self) -> None:
        """Tell of the last of it: nobody is left to write more."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._descriptor)
            for _ in range(_LAST_CHUNKS):
                if self._take() is not True:
                    break

    def close(self) -> None:
        """After `finish`; in any thread."""
        os.close(self._descriptor)

    def _readable(self) -> None:
        if self._take() is False and self._reading:
            # All writers have closed it; what it tells then is only that, again and again.
            self._loop.remove_reader(self._descriptor)

    def _take(self) -> bool | None:
        """Whether something came; None where there is nothing now, False where nothing comes any more."""
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return None
        if data:
            self._tell(data)
        return bool(data)
