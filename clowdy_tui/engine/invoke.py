"""InvokeService: the one way in. Warm → assignment, cold → placement, run → worker."""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.assignment import FAULT, STOPPING, AssignmentService, Refused
from clowdy_tui.engine.call import Call, Done
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.layers import LayersLeft, LayerStore
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import LogSink, Outcome
from clowdy_tui.engine.placement import PlacementService
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.base import Driver, DriverStatus
from clowdy_tui.engine.streaming import Receiver
from clowdy_tui.engine.worker import State, Worker

_TELL_EVERY_S: Final = 0.1
_LOOK_AGAIN_S: Final = 2.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolCounts:
    """How many sandboxes there are, by state."""

    spare: int = 0
    starting: int = 0
    busy: int = 0
    idle: int = 0


@dataclass(frozen=True, slots=True)
class InstanceInfo:
    """One sandbox as lists show it. `created_at` is by `time.monotonic()`; a spare belongs to no function."""

    id: str
    state: Literal["spare", "starting", "busy", "idle"]
    created_at: float
    calls: int
    memory_kb: int | None
    function_id: str | None = None
    function_name: str | None = None
    version: int | None = None
    owner: str | None = None


class InvokeService:
    """Runs deployments. Belongs to one event loop.

    `on_change` is told of the pool at most every 100 ms, `on_driver` when the driver begins or ceases to work.
    """

    def __init__(
        self,
        driver: Driver,
        runtimes: RuntimeStore,
        *,
        layers: LayerStore | None = None,
        limits: EngineLimits | None = None,
        on_change: Callable[[PoolCounts], None] | None = None,
        on_driver: Callable[[DriverStatus], None] | None = None,
    ) -> None:
        self._driver = driver
        self._runtimes = runtimes
        self._limits = limits or EngineLimits()
        self._on_change = on_change
        self._on_driver = on_driver
        self._status = DriverStatus(driver.name, False, "Not started yet.")
        self._tell_timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closed = False
        self._placement = PlacementService(
            driver,
            runtimes,
            self._limits,
            on_gone=self._worker_gone,
            on_narrow=self._worker_narrow,
            on_returned=self._returned,
            on_spare=self._spare_came,
            on_change=self._changed,
            on_trouble=self._driver_failed,
            layers=layers,
        )
        self._assignment = AssignmentService(self._placement, self._limits)

    async def start(self) -> None:
        """Find out what the driver can do, sweep what was left, begin to make spares.

        Never raises: a driver that cannot work is told by `driver_status`, and looked at again every two seconds.
        """
        status = await self._driver.check()
        await self._driver.sweep()
        self._set_status(status)
        if status.available:
            self._placement.start()
        else:
            self._look_again()

    def begin(
        self,
        deployment: Deployment,
        event: bytes,
        *,
        invocation_id: str,
        done: Done,
        on_log: LogSink | None = None,
        receiver: Receiver | None = None,
    ) -> Call:
        """Begin to run the handler with this event, which is JSON; `done` is told the outcome, not before this returns.

        `receiver` takes the answer of a handler that streams, as it comes; without one it is joined to one text.
        Never raises for what user code does.
        """
        call = Call(deployment, event, invocation_id, on_log, receiver, done, self._settled)
        if len(event) > self._limits.max_event_bytes:
            text = f"The event is {len(event)} bytes; at most {self._limits.max_event_bytes} are allowed."
            refused = Outcome(OutcomeStatus.ERROR, error_type="EventTooLarge", error_message=text)
            asyncio.get_running_loop().call_soon(_refuse, call, refused)
        elif not self._status.available:
            asyncio.get_running_loop().call_soon(_refuse, call, self._unavailable())
        else:
            self._start(call, again=False)
        return call

    def cancel(self, call: Call) -> None:
        """Nobody wants the call any more: its instance ends with it, and its `done` is not told."""
        call.done = _nobody
        if call.search is not None:
            call.search.cancel()
        elif (worker := call.worker) is not None:
            call.worker = None
            worker.cancel(call)
            self._assignment.release(worker)
            self._changed()

    async def invoke(
        self,
        deployment: Deployment,
        event: bytes,
        *,
        invocation_id: str,
        on_log: LogSink | None = None,
        receiver: Receiver | None = None,
    ) -> Outcome:
        """`begin`, and wait for the outcome. Cancelling kills the instance and is raised again."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        call = self.begin(
            deployment,
            event,
            invocation_id=invocation_id,
            done=lambda ended: None if outcome.done() else outcome.set_result(ended),
            on_log=on_log,
            receiver=receiver,
        )
        try:
            return await outcome
        except asyncio.CancelledError:
            self.cancel(call)
            raise

    def _start(self, call: Call, *, again: bool = True) -> None:
        worker = None if self._closed else self._assignment.take(call.deployment, again=again)
        if worker is not None:
            worker.begin(call)
        else:
            call.search = search = self._placement.background(self._wait(call))
            # Not within it: it may be cancelled before it has begun.
            search.add_done_callback(partial(self._given_up, call))

    def _given_up(self, call: Call, search: "asyncio.Task[None]") -> None:
        """The engine closes. Where it was the caller who gave the call up, nobody is told."""
        if search.cancelled():
            self._assignment.give_up(call.deployment)
            call.done(Outcome(OutcomeStatus.UNAVAILABLE, error_type="Unavailable", error_message=STOPPING))

    async def _wait(self, call: Call) -> None:
        """Begin the call as soon as there is an instance for it."""
        began = time.monotonic()
        try:
            worker, fresh = await self._assignment.acquire(call.deployment)
        except Refused as refused:
            call.search = None
            waited = int((time.monotonic() - began) * 1e6)
            if refused.passing and not call.again:
                # As where an instance is lost before the handler begins. What used up its time is not tried twice.
                call.again = True
                call.queue_us += waited
                self._start(call)
                return
            call.done(
                Outcome(
                    refused.status,
                    error_type=refused.kind,
                    error_message=refused.message,
                    queue_us=call.queue_us + waited,
                    init_us=call.init_us,
                )
            )
            return
        except Exception as error:
            logger.exception("No instance could be had for %s", call.deployment.function_name)
            call.search = None
            call.done(Outcome(OutcomeStatus.CRASHED, error_type=type(error).__name__, error_message=FAULT))
            return
        call.search = None
        waited = int((time.monotonic() - began) * 1e6)
        if fresh:
            call.init_us += waited
        else:
            call.queue_us += waited
        if worker.state == "gone":
            # It was lost between the hand-over and now: nothing has begun in it, and nothing would.
            self._start(call)
        else:
            worker.begin(call)

    def _settled(self, call: Call, outcome: Outcome) -> None:
        """The call has ended in its worker."""
        worker, call.worker = call.worker, None
        assert worker is not None
        self._assignment.release(worker)
        self._changed()
        if outcome.status is OutcomeStatus.CRASHED and not call.handler_may_have_run and not call.again:
            # The instance was lost before the handler began: nothing is done twice.
            call.again = True
            call.log = None
            self._start(call)
            return
        outcome.queue_us = call.queue_us
        outcome.init_us += call.init_us
        call.done(outcome)

    def _returned(self, worker: Worker, calls: list[Call], stalled: bool) -> None:
        """These have waited in a worker and not begun there: `stalled` behind a call that goes on, or it ended."""
        self._assignment.take_back(worker, len(calls), stalled=stalled)
        for call in calls:
            call.worker = None
            self._start(call)

    async def warm(self, deployment: Deployment) -> None:
        """See to it that the deployment has its `min_instances`, at least one, with the code imported.

        Raises:
            DriverUnavailable: it cannot have one now.
        """
        if not self._status.available:
            raise DriverUnavailable(self._status.problem, remedy=self._status.remedy)
        try:
            await self._assignment.warm(deployment)
        except Refused as refused:
            raise DriverUnavailable(refused.message) from refused

    def retire(self, function_id: str, keep_key: str | None = None) -> None:
        """Instances of the function's other deployments finish what they run and go."""
        self._assignment.retire(function_id, keep_key)

    def snapshot(self) -> list[InstanceInfo]:
        """Every sandbox, oldest first."""
        return [_info(worker, worker.state) for worker in self._placement.workers.values() if worker.state != "gone"]

    def waiting(self) -> dict[str, int]:
        """How many calls wait for an instance, by function id; those of which none waits are left out."""
        return self._assignment.waiting()

    def counts(self) -> PoolCounts:
        """How many sandboxes there are, by state."""
        idle = self._assignment.idle_count
        spare = self._placement.spare_count
        workers = self._placement.workers.values()
        starting = sum(worker.state == "starting" for worker in workers)
        return PoolCounts(spare, starting, len(workers) - starting - spare - idle, idle)

    async def kill(self, instance_id: str) -> bool:
        """End one sandbox; False where there is none with this id. A call in it ends as crashed."""
        worker = self._placement.workers.get(instance_id)
        if worker is None:
            return False
        worker.kill("somebody ended it")
        await worker.ended()
        return True

    async def why_no_socket(self, folder: Path) -> str:
        """Why a database's socket in this folder cannot be given to sandboxes, in a sentence; empty where it can."""
        return await self._driver.why_no_socket(folder)

    async def keep_layers(self, keys: Collection[str]) -> LayersLeft:
        """Let go of what was made for other layers; what stays of them."""
        busy = self._placement.keep_layers(keys)
        return LayersLeft(busy, await self._driver.keep_layers(busy.union(keys)))

    def driver_status(self) -> DriverStatus:
        """Whether sandboxes can be made, and what is enforced on them."""
        return self._status

    async def close(self) -> None:
        """End every sandbox; returns when nothing of them is left."""
        self._closed = True
        for timer in (self._tell_timer,):
            if timer is not None:
                timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._assignment.close()
        await self._placement.close()
        await self._driver.close()

    def _unavailable(self) -> Outcome:
        text = f"{self._status.problem} {self._status.remedy}".strip()
        return Outcome(OutcomeStatus.UNAVAILABLE, error_type="DriverUnavailable", error_message=text)

    def _worker_gone(self, worker: Worker) -> None:
        self._assignment.forget(worker)

    def _spare_came(self) -> None:
        self._assignment.spare_came()

    def _worker_narrow(self, worker: Worker) -> None:
        self._assignment.narrow(worker)

    def _driver_failed(self, error: DriverUnavailable) -> None:
        """A sandbox could not be made: find out whether none can."""
        self._look_again(at_once=True)

    def _look_again(self, *, at_once: bool = False) -> None:
        if not self._closed and (self._watch is None or self._watch.done()):
            self._watch = asyncio.get_running_loop().create_task(self._watch_driver(at_once=at_once))

    async def _watch_driver(self, *, at_once: bool) -> None:
        if not at_once:
            await asyncio.sleep(_LOOK_AGAIN_S)
        while True:
            status = await self._driver.check()
            self._set_status(status)
            if status.available:
                self._placement.start()
                return
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _set_status(self, status: DriverStatus) -> None:
        changed = (status.available, status.problem) != (self._status.available, self._status.problem)
        self._status = status
        if changed:
            told = {"driver": status.name, "available": status.available, "not_enforced": sorted(status.not_enforced)}
            words = "makes sandboxes" if status.available else f"makes none: {status.problem}"
            logger.log(logging.INFO if status.available else logging.WARNING, "%s %s", status.name, words, extra=told)
        if changed and self._on_driver is not None:
            self._on_driver(status)

    def _changed(self) -> None:
        if self._tell_timer is None and self._on_change is not None and not self._closed:
            self._tell_timer = asyncio.get_running_loop().call_later(_TELL_EVERY_S, self._tell)

    def _tell(self) -> None:
        self._tell_timer = None
        if self._on_change is not None:
            self._on_change(self.counts())


def _nobody(_outcome: Outcome) -> None:
    """Whom a call tells that was cancelled."""


def _refuse(call: Call, outcome: Outcome) -> None:
    """Tell whoever wants to know by now: it may have been cancelled since."""
    call.done(outcome)


def _info(worker: Worker, state: State) -> InstanceInfo:
    deployment = worker.deployment
    assert state != "gone"
    info = InstanceInfo(worker.id, state, worker.created_at, worker.calls, worker.memory_kb)
    if deployment is None:
        return info
    return InstanceInfo(
        worker.id,
        state,
        worker.created_at,
        worker.calls,
        worker.memory_kb,
        deployment.function_id,
        deployment.function_name,
        deployment.version,
        deployment.owner,
    )
