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
from clowdy_tui.engine.deployment import Deployment, SpareShape
from clowdy_tui.engine.hearing import Hearing
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.loading import load_frame
from clowdy_tui.engine.outcome import Outcome, Stream
from clowdy_tui.engine.pipeline import Pipeline
from clowdy_tui.engine.protocol import FrameError
from clowdy_tui.engine.sandboxes.base import Driver, Sandbox, SandboxExit, SandboxSpec
from clowdy_tui.engine.streaming import Flow

State = Literal["starting", "spare", "idle", "busy", "gone"]

_LATE_S: Final = 0.05
"""A deadline that fires this late fires because the event loop was blocked: the answer may be waiting unread."""
_GRACE_S: Final = 0.02
_EARLY_S: Final = 0.001
"""What a timer may come too early: uvloop's count whole milliseconds."""
_STALL_S: Final = 0.01
"""After this time a call holds up those that wait behind it."""

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
        on_returned: Callable[["Worker", list[Call], bool], None],
        background: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.id = id_
        self.shape = shape
        self.state: State = "starting"
        self.deployment: Deployment | None = None
        self.created_at = time.monotonic()
        self.idle_since = 0.0
        self.calls = 0
        self.spent = False
        """Takes no further call: what happened in it makes it unfit (out of memory), or it is being retired."""
        self.width = 1
        """How many calls it takes at once, beside each other or one after the other."""
        self.taken = 0
        """How many calls have been promised to it: counted by whoever assigns them."""
        self.alone = False
        """Its calls are to have it alone: its code has written past the runner, which does not say for which call, or
        it streams, and who reads that slowly holds up all that comes from there."""
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._on_gone = on_gone
        self._on_narrow = on_narrow
        self._on_returned = on_returned
        self._background = background
        self._sandbox: Sandbox | None = None
        self._killed = False
        self._hearing = Hearing(self, limits)
        self._calls = self._hearing.calls
        self._pipeline = Pipeline(self._calls)
        self._several = False
        self._loaded: asyncio.Future[None] | None = None
        """Told when the code is imported, where somebody waits for that alone."""
        self._timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._answered = 0.0
        """When the last call in it was over."""

    @property
    def queues(self) -> bool:
        """Whether a call may wait in it for another to end: it can be taken back as long as it has not begun."""
        able = self._sandbox is not None and self._sandbox.queues and self._hearing.is_loaded and not self._several
        return able and not self.alone

    @property
    def handler_us(self) -> int:
        """How long the last handler took, as the runner says."""
        return self._hearing.handler_us

    @property
    def memory_kb(self) -> int | None:
        """The most that it has taken, as it said with its last answer."""
        return self._hearing.memory_kb

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
            await self._in_time(self._hearing.ready, deadline)
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
        self._hearing.load_sent = time.monotonic()
        return load_frame(deployment, self.id, self._limits)

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
        # One that takes several calls may run some by now.
        if self.state == "busy" and not self._calls:
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
        hearing = self._hearing
        waits = bool(self._calls) and hearing.is_loaded and not self._several
        call.begin(self, number, time.monotonic(), cold=not hearing.is_loaded, waits=waits)
        if hearing.between.entries:
            hearing.log_of(call).take_over(hearing.between)
        self._calls[number] = call
        frame = protocol.call_frame(number, int(deployment.timeout_s * 1000), call.invocation_id, call.event)
        if waits:
            frame = self._pipeline.put(call, frame)
            if frame and self._sandbox is not None:
                self._sandbox.write(frame, soon=True)
            if self._stall_timer is None:
                self._stall_timer = self._loop.call_later(_STALL_S, self._look_for_stall)
            return
        if self._timer is None:
            # Calls of an instance have all the same time, so the one that began first is due first: one timer does for
            # all, and looks when it fires whether anything is due.
            self._timer = self._loop.call_at(call.deadline, self._look_at_deadlines)
        self._write(self.load(deployment) + frame if self.deployment is None else frame)

    def cancel(self, call: Call) -> None:
        """Nobody wants the call any more. Where it runs the sandbox ends, at once or with the other calls that run in
        it; `settled` is not told.
        """
        sandbox = self._sandbox
        if call.waits and sandbox is not None and self._pipeline.remove(call, sandbox, time.monotonic()):
            return
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
            self._hearing.feed(data)
        except FrameError as error:
            self._end(f"something other than the runner wrote to its channel: {error}")

    def output_received(self, stream: Stream, data: bytes) -> None:
        self.alone = True
        self._hearing.output_received(stream, data)

    def sandbox_exited(self, how: SandboxExit) -> None:
        hearing = self._hearing
        returned, unbegun = self._take_away()
        undelivered = how.undelivered and len(self._calls) == 1
        for call in self._calls.values():
            read = hearing.is_loaded and not undelivered and call.number not in unbegun
            call.handler_may_have_run = call.streamed is not None or read
        if not hearing.ready.done():
            printed = " ".join(entry.text for entry in hearing.between.finish(time.monotonic())[-5:])
            hearing.ready.set_exception(
                BootFailed(f"A sandbox ended before it was ready: {_how_it_ended(how)} {printed}")
            )
            # Nobody waits for it any more where it was ended while it began.
            hearing.ready.exception()
        if how.out_of_memory:
            limit = self.shape.memory_mb
            self._gone(OutcomeStatus.OUT_OF_MEMORY, "OutOfMemory", f"It used more than {limit} MB.")
        else:
            self._gone(OutcomeStatus.CRASHED, "Crashed", _how_it_ended(how))
        self._return(returned)

    def pause_writing(self) -> None:
        """As many calls as it takes, and an event has a bound: what is queued is bounded already."""

    def resume_writing(self) -> None:
        """See `pause_writing`."""

    # What the hearing makes of it.

    def loaded(self, *, several: bool) -> None:
        self._several = several
        if self.width > 1 and not several:
            self._on_narrow(self)
        if self._loaded is not None and not self._loaded.done():
            self._loaded.set_result(None)

    def succeeded(self, call: Call, output: bytes) -> None:
        self._settle(call, OutcomeStatus.SUCCESS, output=output)

    def failed(self, call: Call, kind: str, message: str, trace: str) -> None:
        if kind == "MemoryError":
            # The interpreter itself met the limit and lived: fit to answer, not to go on.
            self.spent = True
            returned = self._waiting()
            told = message or f"It wanted more than its {self.shape.memory_mb} MB."
            self._settle(call, OutcomeStatus.OUT_OF_MEMORY, kind=kind, message=told, trace=trace)
            self._return(returned)
        else:
            self._settle(call, OutcomeStatus.ERROR, kind=kind, message=message, trace=trace)

    def catch_up(self) -> None:
        if self._sandbox is not None:
            self._sandbox.catch_up()

    def flow(self, call: Call) -> Flow:
        assert self._sandbox is not None
        self.alone = True
        # Also where none waits by now: the next one is not to wait in here.
        self._on_returned(self, self._waiting(), True)
        return Flow(self._sandbox, partial(self._stop, call))

    # Endings.

    def _stop(self, call: Call, status: OutcomeStatus, kind: str | None, message: str | None) -> None:
        """Whoever takes a streamed answer wants no more of it."""
        if self._calls.pop(call.number, None) is not None:
            call.handler_may_have_run = True
            self._give_up(call, "its answer was not wanted any more")
            self._settle(call, status, kind=kind, message=message)

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
        self._answered = now = time.monotonic()
        run_us, init_us = int((now - call.began) * 1e6), 0
        if call.cold:
            init_us = self._hearing.init_us
            run_us = max(0, run_us - init_us)
        elif (queued_us := call.queue_us) and (more_us := self._hearing.handler_us - run_us) > 0:
            # It had begun before its predecessor's answer was read.
            more_us = min(more_us, queued_us)
            run_us += more_us
            call.queue_us -= more_us
        outcome = Outcome(status, output, kind, message, trace or None)
        if call.log is not None:
            outcome.logs = call.log.finish(now)
            outcome.logs_truncated = call.log.truncated
        outcome.cold_start = call.cold
        outcome.init_us = init_us
        outcome.run_us = run_us
        outcome.memory_kb = self._hearing.memory_kb
        outcome.instance_id = self.id
        if self.state == "busy" and not self._calls:
            self.state = "idle"
            self.idle_since = now
        elif self._pipeline.waiting:
            self._go_on(now)
        call.settled(call, outcome)

    def _go_on(self, now: float) -> None:
        for frame in self._pipeline.go_on(now):
            self._write(frame)
        if self._timer is None:
            first = next(iter(self._calls.values()))
            self._timer = self._loop.call_at(first.deadline, self._look_at_deadlines)

    def _look_for_stall(self) -> None:
        self._stall_timer = None
        if not self._pipeline.waiting or self._sandbox is None:
            return
        now = time.monotonic()
        left = max(self._answered, next(iter(self._calls.values())).began) + _STALL_S - now
        if left > 0:
            self._stall_timer = self._loop.call_later(left, self._look_for_stall)
            return
        returned = self._pipeline.unstall(self._sandbox, now)
        if returned is None:
            self._stall_timer = self._loop.call_later(_STALL_S, self._look_for_stall)
        elif returned:
            self._on_returned(self, returned, True)

    def _waiting(self) -> list[Call]:
        """Those that wait, to be begun elsewhere; what runs stays."""
        if not self._pipeline.waiting or self._sandbox is None:
            return []
        return self._pipeline.take_back(self._sandbox, time.monotonic())

    def _take_away(self) -> tuple[list[Call], set[int]]:
        """The same of a sandbox that goes, and which of the others it has not begun."""
        return ([], set()) if self._sandbox is None else self._pipeline.end(self._sandbox, time.monotonic())

    def _return(self, calls: list[Call]) -> None:
        """Have these begun elsewhere."""
        if calls:
            self._on_returned(self, calls, False)

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
        if self._calls and self._timer is None:
            first = next(iter(self._calls.values()))
            self._timer = self._loop.call_at(first.deadline, self._look_at_deadlines)

    def _give_up(self, call: Call, reason: str) -> None:
        """The call counts no longer but goes on in there: end the sandbox, after its other calls where it has some."""
        returned = self._waiting()
        if self._calls:
            self._hearing.given_up.add(call.number)
            self.spent = True
        else:
            self._end(reason)
        self._return(returned)

    def _end(self, reason: str) -> None:
        returned, _ = self._take_away()
        for call in self._calls.values():
            call.handler_may_have_run = True
        self._gone(OutcomeStatus.CRASHED, "Crashed", f"The instance was ended: {reason}.")
        self._return(returned)

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
            if self._stall_timer is not None:
                self._stall_timer.cancel()
                self._stall_timer = None
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


def _how_it_ended(how: SandboxExit) -> str:
    if how.code is None:
        return "The process is gone."
    if how.code < 0:
        return f"The process was killed by signal {-how.code}."
    return f"The process exited with code {how.code} in the middle of a call."
