"""An answer that comes in pieces: from the frames of a generator's call to whoever takes them."""

import json
from collections.abc import Callable
from typing import Protocol

from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.protocol import FrameError
from clowdy_tui.engine.sandboxes.base import Sandbox

Stop = Callable[[OutcomeStatus, str | None, str | None], None]
"""End the call now, as if it had come to this: status, kind and message of an error."""


class Flow:
    """The valve of one streamed answer: whoever takes it holds the handler back, or ends it."""

    __slots__ = ("_over", "_paused", "_sandbox", "_stop")

    def __init__(self, sandbox: Sandbox, stop: Stop) -> None:
        self._sandbox = sandbox
        self._stop = stop
        self._paused = False
        self._over = False

    def pause(self) -> None:
        """Take nothing more for now: the handler stops at its next piece, as soon as what is on the way is full."""
        if not self._paused and not self._over:
            self._paused = True
            self._sandbox.pause_reading()

    def resume(self) -> None:
        if self._paused:
            self._paused = False
            self._sandbox.resume_reading()

    def stop(self, status: OutcomeStatus, kind: str | None = None, message: str | None = None) -> None:
        """End the call as this, and its instance; nothing where it is over already."""
        if not self._over:
            self.end()
            self._stop(status, kind, message)

    def end(self) -> None:
        """The call is over: what the sandbox says next concerns others, its end above all."""
        self._over = True
        self.resume()


class Receiver(Protocol):
    """Who takes a streamed answer. None of these may block or raise."""

    def begin(self, head: bytes, flow: Flow, *, binary: bool) -> None:
        """It begins. `head` is what the handler yielded first, as a JSON object, `{}` where that was a piece already;
        `binary` says that it was one, and bytes.
        """

    def feed(self, data: bytes) -> None:
        """The next piece, cut anywhere."""

    def kept(self) -> bytes:
        """JSON text of what is to be kept of it; asked for once, where the call succeeded."""


class Streamed:
    """One call's streamed answer, checked for the order in which it comes."""

    __slots__ = ("_receiver", "flow")

    def __init__(self, head: memoryview, receiver: Receiver, flow: Flow) -> None:
        if not len(head):
            raise FrameError("a HEAD without its flags")
        self._receiver = receiver
        self.flow = flow
        receiver.begin(bytes(head[1:]), flow, binary=bool(head[0]))

    def feed(self, data: memoryview) -> None:
        self._receiver.feed(bytes(data))

    def end(self, rest: memoryview) -> bytes:
        """What to keep of it. Raises FrameError where the handler's result has content beside the pieces."""
        if len(rest):
            raise FrameError("a RESULT beside a stream")
        return self._receiver.kept()


class Collector:
    """Joins a stream to one text, for callers who want an answer in one piece. Over `limit` bytes it ends the call."""

    __slots__ = ("_flow", "_limit", "_pieces", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] = []
        self._flow: Flow | None = None

    def begin(self, head: bytes, flow: Flow, *, binary: bool) -> None:
        self._flow = flow

    def feed(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= self._limit:
            self._pieces.append(data)
        elif self._flow is not None:
            self._pieces.clear()
            text = f"The stream is longer than {self._limit} bytes, which is all that one answer may hold"
            self._flow.stop(OutcomeStatus.ERROR, "ResultTooLarge", text)

    def kept(self) -> bytes:
        return as_json_text(b"".join(self._pieces))


def as_json_text(data: bytes) -> bytes:
    """Bytes of a stream as a JSON string; what is not UTF-8 in them is replaced."""
    return json.dumps(data.decode("utf-8", "replace"), ensure_ascii=False).encode()
