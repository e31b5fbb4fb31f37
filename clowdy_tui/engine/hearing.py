"""What a sandbox says: frames, checked against what it was asked, and what its code prints. Nothing is believed."""

import asyncio
import time
from typing import Final, Protocol

from clowdy_tui.engine import protocol
from clowdy_tui.engine.call import Call
from clowdy_tui.engine.calllog import CallLog
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Stream
from clowdy_tui.engine.protocol import FrameError, FrameReader
from clowdy_tui.engine.streaming import Collector, Flow, Streamed

_STREAMS: Final[dict[int, Stream]] = {protocol.STDOUT: "stdout", protocol.STDERR: "stderr"}


class Asker(Protocol):
    """Who put the calls to the sandbox and is told how they ended; each is among `Hearing.calls` no more by then."""

    def loaded(self, *, several: bool) -> None:
        """The code is imported, or cannot be; it takes several calls at once."""

    def succeeded(self, call: Call, output: bytes) -> None: ...
    def failed(self, call: Call, kind: str, message: str, trace: str) -> None: ...
    def catch_up(self) -> None:
        """Have what was written past the runner before now told, by `output_received`."""

    def flow(self, call: Call) -> Flow:
        """The valve of the call's answer, which begins to stream."""


class Hearing:
    """One sandbox's half of the talk. `feed` takes its frames, `output_received` what comes past them.

    Holds what is under way in there: `calls`, those that run, the first begun first; `given_up`, the numbers of those
    that run on and count no longer; `between`, what was printed while none ran.
    """

    __slots__ = (
        "_asker",
        "_limits",
        "between",
        "calls",
        "feed",
        "given_up",
        "handler_us",
        "init_us",
        "is_loaded",
        "load_sent",
        "memory_kb",
        "ready",
    )

    def __init__(self, asker: Asker, limits: EngineLimits) -> None:
        self._asker = asker
        self._limits = limits
        longest = max(limits.max_result_bytes, limits.log_bytes) + protocol.MAX_FRAME_SLACK
        self.feed = FrameReader(self._frame, max_length=longest).feed
        """Takes the next bytes of the channel. Raises FrameError where they are not what a runner says."""
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.load_sent: float | None = None
        """When LOAD was said, by `time.monotonic()`: before that nothing may come but READY."""
        self.is_loaded = False
        self.init_us = 0
        self.memory_kb: int | None = None
        self.handler_us = 0
        """How long the last handler took, as the runner says."""
        self.calls: dict[int, Call] = {}
        self.given_up: set[int] = set()
        self.between = CallLog(limits.log_bytes, None, 0.0)

    def output_received(self, stream: Stream, data: bytes) -> None:
        """Bytes of a descriptor do not say whose they are: of several calls that run, the first one gets them."""
        log = self.log_of(next(iter(self.calls.values()))) if self.calls else self.between
        log.raw(stream, data, time.monotonic())

    def log_of(self, call: Call) -> CallLog:
        """What the call prints is kept here."""
        if call.log is None:
            call.log = CallLog(self._limits.log_bytes, call.on_log, call.began)
        return call.log

    def _frame(self, kind: int, body: memoryview) -> None:
        if kind == protocol.RESULT or kind == protocol.ERROR:  # noqa: PLR1714  twice as fast as a set, on every call
            if not self.is_loaded or len(body) < protocol.ANSWER_HEAD.size:
                raise FrameError("an answer that nobody asked for")
            number, self.memory_kb, handler_us = protocol.ANSWER_HEAD.unpack_from(body)
            if handler_us & protocol.UNREAD:
                self._asker.catch_up()
                handler_us ^= protocol.UNREAD
            self.handler_us = handler_us
            call = self.calls.get(number)
            if call is None:
                if number not in self.given_up:
                    raise FrameError("an answer to another call")
                self.given_up.remove(number)
                return
            if call.waits:
                raise FrameError("an answer to a call that has not begun")
            if kind == protocol.RESULT:
                output = bytes(body[12:]) if call.streamed is None else call.streamed.end(body[12:])
                del self.calls[number]
                self._asker.succeeded(call, output)
            else:
                told = protocol.parse_error(body[12:])
                del self.calls[number]
                self._asker.failed(call, *told)
        elif kind == protocol.LOG:
            # What was written before this line belongs before it.
            self._asker.catch_up()
            self._log_frame(body)
        elif kind == protocol.CHUNK or kind == protocol.HEAD:  # noqa: PLR1714  as above
            self._stream_frame(kind, body)
        elif kind == protocol.READY:
            if self.ready.done() or bytes(body) != bytes([protocol.VERSION]):
                raise FrameError("READY out of turn, or of another version")
            self.ready.set_result(None)
        elif kind == protocol.LOADED:
            self._asker.catch_up()
            self._loaded_frame(body)
        else:
            raise FrameError(f"a frame of type {kind:#x}")

    def _loaded_frame(self, body: memoryview) -> None:
        if self.load_sent is None or self.is_loaded or len(body) < 5:
            raise FrameError("LOADED out of turn")
        if len(body) > 5:
            protocol.parse_error(body[5:])
        self.is_loaded = True
        # The answer to a first call often comes in the same piece: only the runner knows what took how long.
        told_us, several = protocol.LOADED_HEAD.unpack_from(body)
        self.init_us = min(told_us, int((time.monotonic() - self.load_sent) * 1e6))
        self._asker.loaded(several=bool(several))

    def _log_frame(self, body: memoryview) -> None:
        if len(body) < 10 or self.load_sent is None:
            raise FrameError("a LOG out of turn")
        number, stream, flags, at_us = protocol.LOG_HEAD.unpack_from(body)
        call = self.calls.get(number)
        if stream not in _STREAMS or (number and call is None and number not in self.given_up):
            raise FrameError("a LOG of another call")
        if call is not None and call.waits:
            raise FrameError("a LOG of a call that has not begun")
        if number and call is None:
            return
        if call is None and self.calls:
            call = next(iter(self.calls.values()))
        log = self.log_of(call) if call is not None else self.between
        text = str(body[10:], "utf-8", "replace")
        log.line(_STREAMS[stream], text, at_us if number else 0, flags)

    def _stream_frame(self, kind: int, body: memoryview) -> None:
        if not self.is_loaded or len(body) < 4:
            raise FrameError("a piece of an answer that nobody asked for")
        number = protocol.CALL_NUMBER.unpack_from(body)[0]
        call = self.calls.get(number)
        if call is None:
            if number not in self.given_up:
                raise FrameError("a piece of an answer to another call")
            return
        if call.waits:
            raise FrameError("a piece of an answer to a call that has not begun")
        if kind == protocol.CHUNK:
            if call.streamed is None:
                raise FrameError("a CHUNK without a HEAD")
            call.streamed.feed(body[4:])
            return
        if call.streamed is not None:
            raise FrameError("a second HEAD")
        receiver = call.receiver or Collector(self._limits.max_result_bytes)
        call.streamed = Streamed(body[4:], receiver, self._asker.flow(call))
