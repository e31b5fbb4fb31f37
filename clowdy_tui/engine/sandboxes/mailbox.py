"""The mailbox: calls on their way to a runner, each of which either it takes or we take back.

A runner that answers goes on with what waits in its mailbox and does not sleep in between. What it has not begun can
be given to another sandbox: a message of a socket that keeps their bounds is read once, by whoever comes first, and we
hold both ends. Nothing is done twice.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

MESSAGE_BYTES: Final = 16 * 1024
"""What is longer goes by the stream, and its length, four bytes, by the mailbox; frames are longer than that."""

_AGAIN_S: Final = 0.001


class Mailbox:
    """Our end, and a hold on the runner's. Belongs to one event loop.

    All is done without waiting, whatever the descriptors' flags say: code in the sandbox shares the runner's end, and
    can change those.
    """

    __slots__ = ("_late", "_loop", "_on_shut", "_ours", "_theirs", "_timer")

    def __init__(self, ours: socket.socket, theirs: socket.socket, on_shut: Callable[[], None]) -> None:
        """`on_shut` is told where code in the sandbox has shut the runner's end: nothing comes there any more."""
        self._ours = ours
        self._theirs = theirs
        self._on_shut = on_shut
        self._loop = asyncio.get_running_loop()
        self._late: deque[bytes] = deque()
        """What is to be sent yet."""
        self._timer: asyncio.Handle | None = None

    def post(self, message: bytes) -> None:
        """Send; what finds no room is sent a little later."""
        self._late.append(message)
        if self._timer is None:
            self._post_late()

    def post_soon(self, message: bytes) -> None:
        """Send with all that comes in this turn of the loop: a runner that sleeps is woken once for them."""
        self._late.append(message)
        if self._timer is None:
            self._timer = self._loop.call_soon(self._post_late)

    def take_back(self) -> list[bytes]:
        """All that the runner has not taken yet, in the order in which it was sent; it does not get them any more."""
        messages: list[bytes] = []
        # Shut by code in the sandbox, or closed: then there is nothing to be had.
        with suppress(OSError):
            while message := self._theirs.recv(MESSAGE_BYTES + 1, socket.MSG_DONTWAIT):
                messages.append(message)
        messages += self._late
        self._late.clear()
        return messages

    def close(self) -> None:
        """Let go of both ends; the second time does nothing."""
        if self._timer is not None:
            self._timer.cancel()
        self._late.clear()
        self._ours.close()
        self._theirs.close()

    def _post_late(self) -> None:
        self._timer = None
        try:
            while self._late:
                self._ours.send(self._late[0], socket.MSG_DONTWAIT)
                self._late.popleft()
        except BlockingIOError:
            self._timer = self._loop.call_later(_AGAIN_S, self._post_late)
        except OSError:
            self._on_shut()


def pair() -> tuple[socket.socket, socket.socket]:
    """Our end and the runner's. Raises OSError: none can be had."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
