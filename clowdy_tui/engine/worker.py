"""Worker: one live sandbox, its channel, and the calls that run in it."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, Literal

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine import protocol
from clowdy_tui.engine.call import Call
from clowdy_tui.engine.calllog import CallLog
from clowdy_tui.engine.deployment import Deployment, SpareShape
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Outcome, Stream
from clowdy_tui.engine.pack import DATABASE_CLIENT, LAYER_PLACE
from clowdy_tui.engine.protocol import FrameError, FrameReader
from clowdy_tui.engine.sandboxes.base import Driver, Sandbox, SandboxExit, SandboxSpec
from clowdy_tui.engine.streaming import Collector, Flow, Streamed

State = Literal["starting", "spare", "idle", "busy", "gone"]

_LATE_S: Final = 0.05
"""A deadline that fires this late fires because the event loop was blocked: the answer may be waiting unread."""
_GRACE_S: Final = 0.02
_EARLY_S: Final = 0.001
"""What a timer may come too early: uvloop's count whole milliseconds."""
_STREAMS: Final[dict[int, Stream]] = {protocol.STDOUT: "stdout", protocol.STDERR: "stderr"}


logger = logging.getLogger(__name__)


class BootFailed(Exception):
    """The sandbox came to nothing before it was ready. `late`: it had all the time that it may take."""

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.late = late


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
        *,
        on_gone: Callable[["Worker"], None],
        on_narrow: Callable[["Worker"], None],
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
        self.width = 1
        """How many calls it takes at once."""
        self.taken = 0
        """How many calls have been promised to it: counted by whoever assigns them."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._on_gone = on_gone
        self._on_narrow = on_narrow
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
        self._calls: dict[int, Call] = {}
        self._given_up: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._between = CallLog(limits.log_bytes, None, 0.0)
        self._trouble = ""

    async def boot(self, driver: Driver, spec: SandboxSpec) -> None:
        """Start the sandbox and wait until its runner is ready.

        Raises:
            DriverUnavailable: no sandbox can be made.
            BootFailed: it ended, or said nothing within the limit.
        """
        deadline = self._loop.time() + self._limits.boot_timeout_s
        try:
            async with asyncio.timeout_at(deadline):
                self._sandbox = await driver.start(spec, self)
            if self._killed:
                self._background(self._sandbox.kill())
                raise BootFailed("The sandbox was given up while it started.")
            await self._in_time(self._ready, deadline)
        except TimeoutError:
            self._end("the sandbox was not ready in time")
            raise BootFailed(f"A sandbox was not ready within {self._limits.boot_timeout_s:g} s.", late=True) from None
        except (DriverUnavailable, asyncio.CancelledError):
            self._end("its start was given up")
            raise
        if self.state != "gone":
            self.state = "spare"
            took_ms = round((time.monotonic() - self.created_at) * 1000)
            logger.info("sandbox %s is ready", self.id, extra={"sandbox": self.id, "took_ms": took_ms})

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
                "late_paths": [DATABASE_CLIENT],
                "environment": {**_BASE_ENVIRONMENT, **deployment.environment},
                "log_bytes": self._limits.log_bytes,
                "max_result_bytes": self._limits.max_result_bytes,
                "concurrency": deployment.concurrency,
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
            await self._in_time(self._loaded, self._loop.time() + deployment.timeout_s)
        except TimeoutError:
            self._end("its code was not imported in time")
        except asyncio.CancelledError:
            self._end("nobody waits for it any more")
            raise
        if self.state == "busy":
            self.state = "idle"
            self.idle_since = time.monotonic()

    async def _in_time(self, told: "asyncio.Future[None]", deadline: float) -> None:
        """Wait for what the sandbox tells, until this moment of the loop's clock. Raises TimeoutError."""
        done, _ = await asyncio.wait([told], timeout=deadline - self._loop.time())
        if not done and self._loop.time() - deadline > _LATE_S:
            done, _ = await asyncio.wait([told], timeout=_GRACE_S)
        if not done:
            raise TimeoutError
        told.result()

    def begin(self, call: Call) -> None:
        """Run the handler once. Never raises for what user code does; `call.settled` is told how it ended. A handler
        that streams is told to the call's receiver; without one its stream is joined to one text.
        """
        deployment = call.deployment
        self.calls = number = self.calls + 1
        self.state = "busy"
        call.begin(self, number, time.monotonic(), cold=not self._is_loaded)
        if self._between.entries:
            self._log_of(call).take_over(self._between)
        self._calls[number] = call
        if self._timer is None:
            # Calls of an instance have all the same time, so the one that began first is due first: one timer does for
            # all, and looks when it fires whether anything is due.
            self._timer = self._loop.call_at(call.deadline, self._look_at_deadlines)
        frame = protocol.call_frame(number, int(deployment.timeout_s * 1000), call.invocation_id, call.event)
        self._write(self.load(deployment) + frame if self.deployment is None else frame)

    def cancel(self, call: Call) -> None:
        """Nobody wants the call any more. The sandbox ends, at once or with the other calls that run in it; `settled`
        is not told.
        """
        if self._calls.pop(call.number, None) is None:
            return
        if call.streamed is not None:
            call.streamed.flow.end()
        self._give_up(call, "its call was cancelled")

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
        # Bytes of a descriptor do not say whose they are: of several calls that run, the first one gets them.
        log = self._log_of(next(iter(self._calls.values()))) if self._calls else self._between
        log.raw(stream, data, time.monotonic())

    def sandbox_exited(self, how: SandboxExit) -> None:
        for call in self._calls.values():
            call.handler_may_have_run = call.streamed is not None or (self._is_loaded and not how.undelivered)
        if not self._ready.done():
            printed = " ".join(entry.text for entry in self._between.finish(time.monotonic())[-5:])
            self._ready.set_exception(
                BootFailed(f"A sandbox ended before it was ready: {_how_it_ended(how)} {printed}")
            )
            # Nobody waits for it any more where it was ended while it began.
            self._ready.exception()
        if how.out_of_memory:
            limit = self.shape.memory_mb
            self._gone(OutcomeStatus.OUT_OF_MEMORY, "OutOfMemory", f"It used more than {limit} MB.")
        else:
            self._gone(OutcomeStatus.CRASHED, "Crashed", _how_it_ended(how))

    def pause_writing(self) -> None:
        """One call at a time, and its event has a bound: what is queued is bounded already."""

    def resume_writing(self) -> None:
        """See `pause_writing`."""

    # Frames.

    def _frame(self, kind: int, body: memoryview) -> None:
        if kind == protocol.RESULT or kind == protocol.ERROR:  # noqa: PLR1714  twice as fast as a set, on every call
            if not self._is_loaded or len(body) < 8:
                raise FrameError("an answer that nobody asked for")
            number, self.memory_kb = protocol.ANSWER_HEAD.unpack_from(body)
            call = self._calls.get(number)
            if call is None:
                if number not in self._given_up:
                    raise FrameError("an answer to another call")
                self._given_up.remove(number)
                return
            if kind == protocol.RESULT:
                output = bytes(body[8:]) if call.streamed is None else call.streamed.end(body[8:])
                del self._calls[number]
                self._settle(call, OutcomeStatus.SUCCESS, output=output)
            else:
                told = protocol.parse_error(body[8:])
                del self._calls[number]
                self._failed(call, *told)
        elif kind == protocol.LOG:
            self._log_frame(body)
        elif kind == protocol.CHUNK or kind == protocol.HEAD:  # noqa: PLR1714  as above
            self._stream_frame(kind, body)
        elif kind == protocol.READY:
            if self._ready.done() or bytes(body) != bytes([protocol.VERSION]):
                raise FrameError("READY out of turn, or of another version")
            self._ready.set_result(None)
        elif kind == protocol.LOADED:
            if self.deployment is None or self._is_loaded or len(body) < 5:
                raise FrameError("LOADED out of turn")
            if len(body) > 5:
                protocol.parse_error(body[5:])
            self._is_loaded = True
            # The answer to a first call often comes in the same piece: only the runner knows what took how long.
            told_us, several = protocol.LOADED_HEAD.unpack_from(body)
            self._init_us = min(told_us, int((time.monotonic() - self._load_sent) * 1e6))
            if self.width > 1 and not several:
                self._on_narrow(self)
            if self._loaded is not None and not self._loaded.done():
                self._loaded.set_result(None)
        else:
            raise FrameError(f"a frame of type {kind:#x}")

    def _log_frame(self, body: memoryview) -> None:
        if len(body) < 10 or self.deployment is None:
            raise FrameError("a LOG out of turn")
        number, stream, flags, at_us = protocol.LOG_HEAD.unpack_from(body)
        call = self._calls.get(number)
        if stream not in _STREAMS or (number and call is None and number not in self._given_up):
            raise FrameError("a LOG of another call")
        if number and call is None:
            return
        if call is None and self._calls:
            call = next(iter(self._calls.values()))
        log = self._log_of(call) if call is not None else self._between
        text = str(body[10:], "utf-8", "replace")
        log.line(_STREAMS[stream], text, at_us if number else 0, flags)

    def _stream_frame(self, kind: int, body: memoryview) -> None:
        sandbox = self._sandbox
        if sandbox is None or not self._is_loaded or len(body) < 4:
            raise FrameError("a piece of an answer that nobody asked for")
        number = protocol.CALL_NUMBER.unpack_from(body)[0]
        call = self._calls.get(number)
        if call is None:
            if number not in self._given_up:
                raise FrameError("a piece of an answer to another call")
            return
        if kind == protocol.CHUNK:
            if call.streamed is None:
                raise FrameError("a CHUNK without a HEAD")
            call.streamed.feed(body[4:])
            return
        if call.streamed is not None:
            raise FrameError("a second HEAD")
        receiver = call.receiver or Collector(self._limits.max_result_bytes)
        call.streamed = Streamed(body[4:], receiver, Flow(sandbox, partial(self._stop, call)))

    def _log_of(self, call: Call) -> CallLog:
        if call.log is None:
            call.log = CallLog(self._limits.log_bytes, call.on_log, call.began)
        return call.log

    # Endings.

    def _stop(self, call: Call, status: OutcomeStatus, kind: str | None, message: str | None) -> None:
        """Whoever takes a streamed answer wants no more of it."""
        if self._calls.pop(call.number, None) is not None:
            call.handler_may_have_run = True
            self._give_up(call, "its answer was not wanted any more")
            self._settle(call, status, kind=kind, message=message)

    def _failed(self, call: Call, kind: str, message: str, trace: str) -> None:
        if kind == "MemoryError":
            # The interpreter itself met the limit and lived: fit to answer, not to go on.
            self.spent = True
            told = message or f"It wanted more than its {self.shape.memory_mb} MB."
            self._settle(call, OutcomeStatus.OUT_OF_MEMORY, kind=kind, message=told, trace=trace)
        else:
            self._settle(call, OutcomeStatus.ERROR, kind=kind, message=message, trace=trace)

    def _settle(
        self,
        call: Call,
        status: OutcomeStatus,
        *,
        output: bytes | None = None,
        kind: str | None = None,
        message: str | None = None,
        trace: str | None = None,
    ) -> None:
        """The call has ended like this; it is among the running ones no more."""
        if call.streamed is not None:
            call.streamed.flow.end()
        now = time.monotonic()
        run_us, init_us = int((now - call.began) * 1e6), 0
        if call.cold:
            init_us = self._init_us
            run_us = max(0, run_us - init_us)
        outcome = Outcome(status, output, kind, message, trace or None)
        if call.log is not None:
            outcome.logs = call.log.finish(now)
            outcome.logs_truncated = call.log.truncated
        outcome.cold_start = call.cold
        outcome.init_us = init_us
        outcome.run_us = run_us
        outcome.memory_kb = self.memory_kb
        outcome.instance_id = self.id
        if self.state == "busy" and not self._calls:
            self.state = "idle"
            self.idle_since = now
        call.settled(call, outcome)

    def _look_at_deadlines(self) -> None:
        self._timer = None
        now = time.monotonic()
        for call in list(self._calls.values()):
            if call.deadline - now > _EARLY_S:
                break
            if not call.late and now - call.deadline > _LATE_S:
                call.late = True
                self._timer = self._loop.call_later(_GRACE_S, self._look_at_deadlines)
                return
            if self._calls.pop(call.number, None) is None:
                continue
            call.handler_may_have_run = True
            self._give_up(call, "its call ran over the deadline")
            limit = call.deployment.timeout_s
            self._settle(call, OutcomeStatus.TIMEOUT, kind="Timeout", message=f"It ran longer than its {limit:g} s.")
        if self._calls:
            first = next(iter(self._calls.values()))
            self._timer = self._loop.call_at(first.deadline, self._look_at_deadlines)

    def _give_up(self, call: Call, reason: str) -> None:
        """The call counts no longer but goes on in there: end the sandbox, after its other calls where it has some."""
        if self._calls:
            self._given_up.add(call.number)
            self.spent = True
        else:
            self._end(reason)

    def _end(self, reason: str) -> None:
        for call in self._calls.values():
            call.handler_may_have_run = True
        self._gone(OutcomeStatus.CRASHED, "Crashed", f"The instance was ended: {reason}.")

    def _gone(self, status: OutcomeStatus, kind: str, message: str) -> None:
        """It takes no more calls; those that run in it end like this."""
        if self._loaded is not None and not self._loaded.done():
            self._loaded.set_result(None)
        if self.state != "gone":
            self.state = "gone"
            self._tell_end(message)
            self._on_gone(self)
        if not self._killed:
            self._killed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._sandbox is not None:
                self._background(self._sandbox.kill())
        while self._calls:
            _, call = self._calls.popitem()
            self._settle(call, status, kind=kind, message=message)

    def _tell_end(self, message: str) -> None:
        told: dict[str, object] = {"sandbox": self.id, "reason": message, "calls": self.calls}
        if self.deployment is not None:
            told |= {"function": self.deployment.function_id, "version": self.deployment.version}
        logger.info("sandbox %s has ended after %d calls: %s", self.id, self.calls, message, extra=told)

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
