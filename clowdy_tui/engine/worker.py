"""Worker: one live sandbox, its channel, and the one call that may run in it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Literal

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine import protocol
from clowdy_tui.engine.calllog import CallLog
from clowdy_tui.engine.deployment import Deployment, SpareShape
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import LogSink, Outcome, Stream
from clowdy_tui.engine.pack import LAYER_PLACE
from clowdy_tui.engine.protocol import FrameError, FrameReader
from clowdy_tui.engine.sandboxes.base import Driver, Sandbox, SandboxExit, SandboxSpec
from clowdy_tui.engine.streaming import Collector, Flow, Receiver, Streamed

State = Literal["starting", "spare", "idle", "busy", "gone"]

_LATE_S: Final = 0.05
"""A deadline that fires this late fires because the event loop was blocked: the answer may be waiting unread."""
_GRACE_S: Final = 0.02
_STREAMS: Final[dict[int, Stream]] = {protocol.STDOUT: "stdout", protocol.STDERR: "stderr"}


class BootFailed(Exception):
    """The sandbox came to nothing before it was ready."""


class Call:
    """The call that runs now."""

    __slots__ = ("answer", "began", "deadline", "late", "log", "number", "receiver", "streamed", "timer")

    def __init__(
        self, number: int, answer: "asyncio.Future[Outcome]", began: float, log: CallLog, receiver: Receiver | None
    ) -> None:
        self.number = number
        self.answer = answer
        self.began = began
        self.log = log
        self.receiver = receiver
        self.streamed: Streamed | None = None
        self.deadline = 0.0
        self.late = False
        self.timer: asyncio.TimerHandle | None = None


class Worker:
    """One sandbox from its start to its end. Belongs to one event loop.

    `starting` → `spare` (ready for any deployment of its shape) → `load` → `idle` ⇄ `busy` → `gone`. `on_gone` is
    called once, when it can take no more calls; the sandbox itself may need a moment longer to end.
    """

    def __init__(
        self,
        id_: str,
        shape: SpareShape,
        limits: EngineLimits,
        on_gone: Callable[["Worker"], None],
        background: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.id = id_
        self.shape = shape
        self.state: State = "starting"
        self.deployment: Deployment | None = None
        self.created_at = time.monotonic()
        self.idle_since = 0.0
        self.calls = 0
        self.memory_kb: int | None = None
        self.spent = False
        """Takes no further call: what happened in it makes it unfit (out of memory), or it is being retired."""
        self.handler_may_have_run = False
        """Of the last call: whether a second try could do something twice."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._on_gone = on_gone
        self._background = background
        self._sandbox: Sandbox | None = None
        self._killed = False
        self._frames = FrameReader(
            self._frame, max_length=max(limits.max_result_bytes, limits.log_bytes) + protocol.MAX_FRAME_SLACK
        )
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._loaded: asyncio.Future[None] | None = None
        self._load_sent = 0.0
        self._init_us = 0
        self._is_loaded = False
        self._call: Call | None = None
        self._between = CallLog(limits.log_bytes, None, 0.0)
        self._trouble = ""

    async def boot(self, driver: Driver, spec: SandboxSpec) -> None:
        """Start the sandbox and wait until its runner is ready.

        Raises:
            DriverUnavailable: no sandbox can be made.
            BootFailed: it ended, or said nothing within the limit.
        """
        try:
            async with asyncio.timeout(self._limits.boot_timeout_s):
                self._sandbox = await driver.start(spec, self)
                if self._killed:
                    self._background(self._sandbox.kill())
                    raise BootFailed("The sandbox was given up while it started.")
                await self._ready
        except TimeoutError:
            self._end("the sandbox was not ready in time")
            raise BootFailed(f"A sandbox was not ready within {self._limits.boot_timeout_s:g} s.") from None
        except (DriverUnavailable, asyncio.CancelledError):
            self._end("its start was given up")
            raise
        if self.state != "gone":
            self.state = "spare"

    def load(self, deployment: Deployment) -> bytes:
        """Make it this deployment's instance: the frame that does so, to be sent with the first call or by `warm`."""
        self.deployment = deployment
        self._load_sent = time.monotonic()
        arn = f"arn:clowdy:lambda:local:{deployment.owner}:function:{deployment.function_name}:{deployment.version}"
        return protocol.load_frame(
            {
                "files": dict(deployment.files),
                "entry": deployment.entry,
                "handler": deployment.handler,
                "paths": [LAYER_PLACE] if deployment.layer else [],
                "environment": {**_BASE_ENVIRONMENT, **deployment.environment},
                "log_bytes": self._limits.log_bytes,
                "max_result_bytes": self._limits.max_result_bytes,
                "context": {
                    "function_name": deployment.function_name,
                    "function_version": str(deployment.version),
                    "invoked_function_arn": arn,
                    "memory_limit_in_mb": deployment.memory_mb,
                    "log_group_name": f"/clowdy/{deployment.function_name}",
                    "log_stream_name": f"{deployment.version}/{self.id}",
                },
            }
        )

    async def warm(self, deployment: Deployment) -> None:
        """Load the deployment and wait until its code is imported (or cannot be: each call then says why)."""
        self.state = "busy"
        self._loaded = self._loop.create_future()
        self._write(self.load(deployment))
        try:
            async with asyncio.timeout(deployment.timeout_s):
                await self._loaded
        except TimeoutError:
            self._end("its code was not imported in time")
        except asyncio.CancelledError:
            self._end("nobody waits for it any more")
            raise
        if self.state == "busy":
            self.state = "idle"
            self.idle_since = time.monotonic()

    async def call(
        self,
        deployment: Deployment,
        event: bytes,
        *,
        invocation_id: str,
        on_log: LogSink | None,
        receiver: Receiver | None = None,
    ) -> Outcome:
        """Run the handler once. Never raises for what user code does. A handler that streams is told to `receiver`;
        without one its stream is joined to one text.

        Cancelling kills the sandbox.
        """
        loop = self._loop
        cold = self.deployment is None
        load = self.load(deployment) if cold else b""
        self.calls += 1
        self.state = "busy"
        self.handler_may_have_run = False
        began = time.monotonic()
        log = CallLog(self._limits.log_bytes, on_log, began)
        if self._between.entries:
            log.take_over(self._between)
        call = Call(self.calls, loop.create_future(), began, log, receiver)
        call.deadline = began + deployment.timeout_s
        call.timer = loop.call_at(call.deadline, self._deadline, call)
        self._call = call
        frame = protocol.call_frame(call.number, int(deployment.timeout_s * 1000), invocation_id, event)
        self._write(load + frame if load else frame)
        try:
            outcome = await call.answer
        except asyncio.CancelledError:
            self._call = None
            call.timer.cancel()
            if call.streamed is not None:
                call.streamed.flow.end()
            self._end("its call was cancelled")
            raise
        outcome.cold_start = cold
        outcome.instance_id = self.id
        if cold:
            outcome.init_us = self._init_us
            outcome.run_us = max(0, outcome.run_us - self._init_us)
        return outcome

    def kill(self, reason: str) -> None:
        """End it now; a call that runs in it ends as crashed, for this reason."""
        self._end(reason)

    async def ended(self) -> None:
        """Kill it and wait until nothing of it is left."""
        self._end("the engine is stopping")
        if self._sandbox is not None:
            await self._sandbox.kill()

    # What the sandbox tells.

    def data_received(self, data: bytes) -> None:
        if self._killed:
            return
        try:
            self._frames.feed(data)
        except FrameError as error:
            self._end(f"something other than the runner wrote to its channel: {error}")

    def output_received(self, stream: Stream, data: bytes) -> None:
        call = self._call
        (call.log if call is not None else self._between).raw(stream, data, time.monotonic())

    def sandbox_exited(self, how: SandboxExit) -> None:
        call = self._call
        if call is not None:
            self.handler_may_have_run = call.streamed is not None or (self._is_loaded and not how.undelivered)
            if how.out_of_memory:
                limit = self.shape.memory_mb
                self._answer(OutcomeStatus.OUT_OF_MEMORY, kind="OutOfMemory", message=f"It used more than {limit} MB.")
            else:
                self._answer(OutcomeStatus.CRASHED, kind="Crashed", message=_how_it_ended(how))
        if not self._ready.done():
            printed = " ".join(entry.text for entry in self._between.finish(time.monotonic())[-5:])
            self._ready.set_exception(
                BootFailed(f"A sandbox ended before it was ready: {_how_it_ended(how)} {printed}")
            )
            # Nobody waits for it any more where it was ended while it began.
            self._ready.exception()
        self._end("it ended")

    def pause_writing(self) -> None:
        """One call at a time, and its event has a bound: what is queued is bounded already."""

    def resume_writing(self) -> None:
        """See `pause_writing`."""

    # Frames.

    def _frame(self, kind: int, body: memoryview) -> None:
        if kind == protocol.RESULT or kind == protocol.ERROR:  # noqa: PLR1714  twice as fast as a set, on every call
            call = self._call
            if call is None or not self._is_loaded or len(body) < 8:
                raise FrameError("an answer that nobody asked for")
            number, self.memory_kb = protocol.ANSWER_HEAD.unpack_from(body)
            if number != call.number:
                raise FrameError("an answer to another call")
            self.handler_may_have_run = True
            if kind == protocol.RESULT:
                streamed = call.streamed
                output = bytes(body[8:]) if streamed is None else streamed.end(body[8:])
                self._answer(OutcomeStatus.SUCCESS, output=output)
            else:
                self._failed(*protocol.parse_error(body[8:]))
        elif kind == protocol.LOG:
            self._log_frame(body)
        elif kind == protocol.CHUNK or kind == protocol.HEAD:  # noqa: PLR1714  as above
            self._stream_frame(kind, body)
        elif kind == protocol.READY:
            if self._ready.done() or bytes(body) != bytes([protocol.VERSION]):
                raise FrameError("READY out of turn, or of another version")
            self._ready.set_result(None)
        elif kind == protocol.LOADED:
            if self.deployment is None or self._is_loaded or len(body) < 4:
                raise FrameError("LOADED out of turn")
            if len(body) > 4:
                protocol.parse_error(body[4:])
            self._is_loaded = True
            # The answer to a first call often comes in the same piece: only the runner knows what took how long.
            told = protocol.LOADED_HEAD.unpack_from(body)[0]
            self._init_us = min(told, int((time.monotonic() - self._load_sent) * 1e6))
            if self._loaded is not None and not self._loaded.done():
                self._loaded.set_result(None)
        else:
            raise FrameError(f"a frame of type {kind:#x}")

    def _log_frame(self, body: memoryview) -> None:
        if len(body) < 10 or self.deployment is None:
            raise FrameError("a LOG out of turn")
        number, stream, flags, at_us = protocol.LOG_HEAD.unpack_from(body)
        call = self._call
        if stream not in _STREAMS or (number and (call is None or number != call.number)):
            raise FrameError("a LOG of another call")
        log = call.log if call is not None else self._between
        text = str(body[10:], "utf-8", "replace")
        log.line(_STREAMS[stream], text, at_us if number else 0, flags)

    def _stream_frame(self, kind: int, body: memoryview) -> None:
        call, sandbox = self._call, self._sandbox
        if call is None or sandbox is None or not self._is_loaded or len(body) < 4:
            raise FrameError("a piece of an answer that nobody asked for")
        if protocol.CALL_NUMBER.unpack_from(body)[0] != call.number:
            raise FrameError("a piece of an answer to another call")
        if kind == protocol.CHUNK:
            if call.streamed is None:
                raise FrameError("a CHUNK without a HEAD")
            call.streamed.feed(body[4:])
            return
        if call.streamed is not None:
            raise FrameError("a second HEAD")
        self.handler_may_have_run = True
        receiver = call.receiver or Collector(self._limits.max_result_bytes)
        call.streamed = Streamed(body[4:], receiver, Flow(sandbox, partial(self._stop, call)))

    # Endings.

    def _stop(self, call: Call, status: OutcomeStatus, kind: str | None, message: str | None) -> None:
        """Whoever takes a streamed answer wants no more of it."""
        if self._call is call:
            self._answer(status, kind=kind, message=message)
            self._end("its answer was not wanted any more")

    def _failed(self, kind: str, message: str, trace: str) -> None:
        if kind == "MemoryError":
            # The interpreter itself met the limit and lived: fit to answer, not to go on.
            self.spent = True
            told = message or f"It wanted more than its {self.shape.memory_mb} MB."
            self._answer(OutcomeStatus.OUT_OF_MEMORY, kind=kind, message=told, trace=trace)
        else:
            self._answer(OutcomeStatus.ERROR, kind=kind, message=message, trace=trace)

    def _answer(
        self,
        status: OutcomeStatus,
        *,
        output: bytes | None = None,
        kind: str | None = None,
        message: str | None = None,
        trace: str | None = None,
    ) -> None:
        call = self._call
        assert call is not None
        self._call = None
        if call.timer is not None:
            call.timer.cancel()
        if call.streamed is not None:
            call.streamed.flow.end()
        now = time.monotonic()
        outcome = Outcome(
            status,
            output=output,
            error_type=kind,
            error_message=message,
            stack_trace=trace or None,
            logs=call.log.finish(now),
            logs_truncated=call.log.truncated,
            run_us=int((now - call.began) * 1e6),
            memory_kb=self.memory_kb,
        )
        if self.state == "busy":
            self.state = "idle"
            self.idle_since = now
        if not call.answer.done():
            call.answer.set_result(outcome)

    def _deadline(self, call: Call) -> None:
        if self._call is not call:
            return
        if not call.late and time.monotonic() - call.deadline > _LATE_S:
            call.late = True
            call.timer = self._loop.call_later(_GRACE_S, self._deadline, call)
            return
        assert self.deployment is not None
        limit = self.deployment.timeout_s
        self.handler_may_have_run = True
        self._answer(OutcomeStatus.TIMEOUT, kind="Timeout", message=f"It ran longer than its {limit:g} s.")
        self._end("its call ran over the deadline")

    def _end(self, reason: str) -> None:
        if self._call is not None:
            self.handler_may_have_run = True
            self._answer(OutcomeStatus.CRASHED, kind="Crashed", message=f"The instance was ended: {reason}.")
        if self._loaded is not None and not self._loaded.done():
            self._loaded.set_result(None)
        if self.state != "gone":
            self.state = "gone"
            self._on_gone(self)
        if not self._killed:
            self._killed = True
            if self._sandbox is not None:
                self._background(self._sandbox.kill())

    def _write(self, data: bytes) -> None:
        if self._sandbox is not None:
            self._sandbox.write(data)


_BASE_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108  the sandbox's own
    "LANG": "C.UTF-8",
    "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
}


def _how_it_ended(how: SandboxExit) -> str:
    if how.code is None:
        return "The process is gone."
    if how.code < 0:
        return f"The process was killed by signal {-how.code}."
    return f"The process exited with code {how.code} in the middle of a call."
