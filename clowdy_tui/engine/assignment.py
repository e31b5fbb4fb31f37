"""AssignmentService: which instance runs a call. Who is warm, who waits, who goes."""

import asyncio
import logging
import time
from collections import deque
from typing import Final

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.pipeline import Pace
from clowdy_tui.engine.placement import PlacementService
from clowdy_tui.engine.worker import BootFailed, Worker

STOPPING: Final = "The gateway is stopping."
FAULT: Final = "Something went wrong inside Clowdy; its log says more."
_REAP_EVERY_S: Final = 5.0

logger = logging.getLogger(__name__)


class Refused(Exception):
    """No instance could be had: the status, and why."""

    def __init__(self, status: OutcomeStatus, kind: str, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.passing = passing
        """Another try may get one."""


class Pool:
    """One deployment's instances and the calls that wait for one, first come first served.

    `open` are the instances that have room for a call, the one to use next last: while there are any, no call waits
    but those that want a new one, for a call hands on its place only when it ends. `width` is how many calls each
    takes at once: what the deployment wants, until an instance says that its handler cannot; of a handler that takes
    one after the other as many as its `pace` allows.
    """

    __slots__ = ("deployment", "live", "open", "pace", "retired", "starting", "waiters", "width")

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.open: list[Worker] = []
        self.live: set[Worker] = set()
        self.starting = 0
        self.width = deployment.concurrency
        self.pace: Pace | None = Pace() if deployment.concurrency == 1 else None
        """None where calls run beside each other, or none may wait for another."""
        self.retired = False
        self.waiters: deque[asyncio.Future[tuple[Worker, bool]]] = deque()

    @property
    def empty(self) -> bool:
        return not self.live and not self.starting and not self.waiters

    @property
    def full(self) -> bool:
        """There are as many instances as there may be, those that start with them."""
        return len(self.live) + self.starting >= self.deployment.max_instances

    def lacks(self) -> bool:
        """More instances are to be made for the calls that wait."""
        return self.starting * self.width < len(self.waiters) and not self.full


class AssignmentService:
    """Gives calls their instances. Never shares one between deployment keys; no more calls in one than it takes."""

    def __init__(self, placement: PlacementService, limits: EngineLimits) -> None:
        self._placement = placement
        self._limits = limits
        self._pools: dict[str, Pool] = {}
        # All idle instances, the least recently used first: a dict keeps the order in which they were put in.
        self._idle: dict[Worker, None] = {}
        self._starved: dict[str, None] = {}
        self._reaper: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def idle_count(self) -> int:
        return len(self._idle)

    def waiting(self) -> dict[str, int]:
        """How many calls wait for an instance, by function id; those of which none waits are left out."""
        found: dict[str, int] = {}
        for pool in self._pools.values():
            if pool.waiters:
                function_id = pool.deployment.function_id
                found[function_id] = found.get(function_id, 0) + len(pool.waiters)
        return found

    def take(self, deployment: Deployment, *, again: bool = False) -> Worker | None:
        """An instance that is warm, or a spare: at once and without waiting. None where there is neither.

        A call that had an instance before comes `again`: it says nothing of whether its deployment is still wanted.
        """
        known = deployment.key in self._pools
        pool = self._pool_for(deployment)
        pool.retired = again and (pool.retired or not known)
        if pool.open:
            return self._take_open(pool)
        return None if pool.waiters else self._take_fresh(pool)

    async def acquire(self, deployment: Deployment, *, new: bool = False) -> tuple[Worker, bool]:
        """Wait for an instance; with it, whether it was made for this (else the time was spent in the queue).

        With `new` one that is there already will do only where no more may be made.

        Raises:
            Refused: the queue is full, nothing got free in time, or none can be made.
        """
        if self._closed:
            raise Refused(OutcomeStatus.UNAVAILABLE, "Unavailable", STOPPING)
        # Not as `take` left it: since then the last instance may have ended, and the pool with it, or the last call,
        # which then had nobody to hand its place to.
        pool = self._pool_for(deployment)
        if pool.open and not (new and not pool.full):
            return self._take_open(pool), False
        if len(pool.waiters) >= deployment.max_queue:
            text = f"{len(pool.waiters)} calls wait already for {deployment.max_instances} instances."
            raise Refused(OutcomeStatus.THROTTLED, "Throttled", text)
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[tuple[Worker, bool]] = loop.create_future()
        pool.waiters.append(waiter)
        patience = max(deployment.timeout_s, self._limits.boot_timeout_s)
        timer = loop.call_later(patience, self._give_up, waiter, patience)
        self._grow(pool)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                worker, _ = waiter.result()
                if worker.deployment is not None or worker.taken > 1:
                    self._release(pool, worker)
                else:
                    worker.taken -= 1
                    self._close_to_others(pool, worker)
                    if worker in pool.live and not self._fill(pool, worker):
                        self._put_back(pool, worker)
            raise
        finally:
            timer.cancel()
            if waiter in pool.waiters:
                pool.waiters.remove(waiter)
            self._drop_if_empty(pool)

    def give_up(self, deployment: Deployment) -> None:
        """A call for which `take` had nothing waits no more, or never began to."""
        pool = self._pools.get(deployment.key)
        if pool is not None:
            self._drop_if_empty(pool)

    def release(self, worker: Worker) -> None:
        """A call is over: the next one waiting gets its place, else it is free, else the instance goes."""
        assert worker.deployment is not None
        pool = self._pools.get(worker.deployment.key)
        if pool is not None:
            self._release(pool, worker)
            if pool.pace is not None and worker in pool.live:
                self._keep_pace(pool, pool.pace, worker)

    def _release(self, pool: Pool, worker: Worker) -> None:
        worker.taken -= 1
        if worker not in pool.live:
            return
        if worker.spent or self._closed:
            self._close_to_others(pool, worker)
            if not worker.taken:
                worker.kill("it is not fit for another call")
        elif worker.taken >= worker.width or not self._hand_over(pool, worker, fresh=False):
            if worker.taken == worker.width - 1:
                pool.open.append(worker)
            if worker.taken:
                pass
            elif pool.retired:
                worker.kill("its deployment was replaced")
            else:
                self._idle[worker] = None
                if len(self._idle) > self._limits.max_idle:
                    self._evict()
                elif self._reaper is None:
                    self._reap_later()
        if self._starved:
            self._feed_starved()

    def _keep_pace(self, pool: Pool, pace: Pace, worker: Worker) -> None:
        """A call in this instance is over: let its instances hold as many as suits how quick they are."""
        pace.note(worker.handler_us)
        width = pace.width if worker.queues else 1
        if worker.alone:
            pool.pace, width = None, 1
        if width != pool.width or (worker.width != width and worker.queues):
            self._set_width(pool, width)

    def _set_width(self, pool: Pool, width: int) -> None:
        pool.width = width
        for instance in pool.live:
            instance.width = width if instance.queues else 1
        # Those that run something first, the fullest of them foremost: whoever works goes on without being woken.
        busy = [instance for instance in pool.live if 0 < instance.taken < instance.width and not instance.spent]
        idle = [instance for instance in pool.open if not instance.taken]
        pool.open = idle + sorted(busy, key=lambda instance: instance.taken)
        while pool.waiters and pool.open:
            instance = pool.open[-1]
            if not self._hand_over(pool, instance, fresh=False):
                break
            self._idle.pop(instance, None)
            if instance.taken >= instance.width:
                pool.open.pop()
        # Those that start are fewer than was thought, where each takes fewer calls.
        self._grow(pool)

    def take_back(self, worker: Worker, calls: int, *, stalled: bool) -> None:
        """So many calls that waited in an instance are not its any more."""
        assert worker.deployment is not None
        pool = self._pools.get(worker.deployment.key)
        if pool is None:
            return
        if stalled and pool.pace is not None:
            pool.pace.stalled()
            self._set_width(pool, 1)
        for _ in range(calls):
            self._release(pool, worker)

    def spare_came(self) -> None:
        """There is one more spare: whoever wants room may have its place."""
        if self._starved:
            self._feed_starved()

    def narrow(self, worker: Worker) -> None:
        """An instance says that its handler takes one call after the other, whatever the deployment wants."""
        for pool in self._pool_of(worker):
            pool.pace = Pace()
            self._set_width(pool, 1)

    def _close_to_others(self, pool: Pool, worker: Worker) -> None:
        if worker in pool.open:
            pool.open.remove(worker)

    def retire(self, function_id: str, keep_key: str | None) -> None:
        """Instances of the function's other deployments finish what they run and go."""
        for key, pool in list(self._pools.items()):
            if pool.deployment.function_id == function_id and key != keep_key:
                pool.retired = True
                for worker in list(pool.open):
                    if not worker.taken:
                        worker.kill("its deployment was replaced")
                self._drop_if_empty(pool)

    async def warm(self, deployment: Deployment) -> None:
        """See to it that the deployment has its `min_instances`, at least one, loaded and idle or at work.

        Raises:
            Refused: an instance cannot be had.
        """
        live = len(self._pools[deployment.key].live) if deployment.key in self._pools else 0
        # Each is tried once: code that ends its own process while it is imported must not be tried for ever.
        for _ in range(max(1, min(deployment.min_instances, deployment.max_instances)) - live):
            pool = self._pool_for(deployment)
            pool.retired = False
            worker = self._take_fresh(pool)
            if worker is None:
                worker, _made = await self.acquire(deployment, new=True)
                if worker.state == "gone":
                    # Lost between the hand-over and now: it has no place any more that could be released.
                    continue
            if worker.deployment is None:
                await worker.warm(deployment)
            self.release(worker)

    def forget(self, worker: Worker) -> None:
        """A worker ended: it counts no longer, and another may take its place."""
        self._idle.pop(worker, None)
        for pool in self._pool_of(worker):
            pool.live.discard(worker)
            if worker in pool.open:
                pool.open.remove(worker)
            self._grow(pool)
            self._drop_if_empty(pool)
        if self._starved:
            self._feed_starved()

    def close(self) -> None:
        """No call gets an instance any more."""
        self._closed = True
        if self._reaper is not None:
            self._reaper.cancel()
        for pool in self._pools.values():
            for waiter in pool.waiters:
                if not waiter.done():
                    waiter.set_exception(Refused(OutcomeStatus.UNAVAILABLE, "Unavailable", STOPPING))

    def _pool_of(self, worker: Worker) -> list[Pool]:
        key = worker.deployment.key if worker.deployment is not None else None
        if key is not None:
            return [self._pools[key]] if key in self._pools else []
        return [pool for pool in self._pools.values() if worker in pool.live]

    def _take_open(self, pool: Pool) -> Worker:
        instance = pool.open[-1]
        if not instance.taken:
            del self._idle[instance]
        instance.taken += 1
        if instance.taken >= instance.width:
            pool.open.pop()
        return instance

    def _take_fresh(self, pool: Pool) -> Worker | None:
        """A spare for one who takes it at once, and for who waits where it has room for more."""
        worker = None if pool.full else self._from_spare(pool)
        if worker is not None:
            worker.taken += 1
            self._fill(pool, worker)
        return worker

    def _pool_for(self, deployment: Deployment) -> Pool:
        pool = self._pools.get(deployment.key)
        if pool is None:
            pool = self._pools[deployment.key] = Pool(deployment)
        return pool

    def _from_spare(self, pool: Pool) -> Worker | None:
        worker = self._placement.take(pool.deployment.shape)
        if worker is not None:
            worker.width = pool.width if pool.pace is None else 1
            pool.live.add(worker)
        return worker

    def _grow(self, pool: Pool) -> None:
        """Start what the waiting calls need, within the deployment's and the box's bounds."""
        if self._closed:
            return
        deployment = pool.deployment
        while pool.lacks():
            worker = self._from_spare(pool)
            if worker is not None:
                if not self._fill(pool, worker):
                    # Those who waited have been cancelled, and did not come to say so yet.
                    self._put_back(pool, worker)
                    return
                continue
            if not self._room(deployment.memory_mb):
                self._starved[deployment.key] = None
                return
            if not pool.lacks():
                # Whoever was ended to make room fed the starved, and this was one of them.
                return
            pool.starting += 1
            # Counted from now on: many may begin to be made at the same moment.
            self._placement.used_mb += deployment.memory_mb
            self._placement.background(self._start(pool))

    async def _start(self, pool: Pool) -> None:
        self._placement.used_mb -= pool.deployment.memory_mb
        try:
            worker = await self._placement.make(pool.deployment.shape)
        except DriverUnavailable as error:
            pool.starting -= 1
            self._fail_one(pool, Refused(OutcomeStatus.UNAVAILABLE, "DriverUnavailable", error.detail))
        except BootFailed as error:
            pool.starting -= 1
            self._fail_one(pool, Refused(OutcomeStatus.CRASHED, "BootFailed", str(error), passing=not error.late))
        except Exception as error:
            logger.exception("No sandbox could be made for %s", pool.deployment.function_name)
            pool.starting -= 1
            self._fail_one(pool, Refused(OutcomeStatus.CRASHED, type(error).__name__, FAULT))
        else:
            pool.starting -= 1
            worker.width = pool.width if pool.pace is None else 1
            pool.live.add(worker)
            if not self._fill(pool, worker):
                # Those who waited were served by others meanwhile.
                self._put_back(pool, worker)
        finally:
            self._grow(pool)
            self._drop_if_empty(pool)

    def _put_back(self, pool: Pool, worker: Worker) -> None:
        """A worker that was made ready for a pool and is not needed there: it is still anybody's."""
        pool.live.discard(worker)
        worker.width = 1
        if not self._placement.give(worker):
            worker.kill("nobody waits for it any more")

    def _fill(self, pool: Pool, worker: Worker) -> bool:
        """Give a fresh instance to as many of those who wait as it takes; whether there was one."""
        while worker.taken < worker.width and self._hand_over(pool, worker, fresh=True):
            pass
        if 0 < worker.taken < worker.width:
            pool.open.append(worker)
        return worker.taken > 0

    def _hand_over(self, pool: Pool, worker: Worker, *, fresh: bool) -> bool:
        while pool.waiters:
            waiter = pool.waiters.popleft()
            if not waiter.done():
                worker.taken += 1
                waiter.set_result((worker, fresh))
                return True
        return False

    def _fail_one(self, pool: Pool, refusal: Refused) -> None:
        while pool.waiters:
            waiter = pool.waiters.popleft()
            if not waiter.done():
                waiter.set_exception(refusal)
                return

    def _give_up(self, waiter: "asyncio.Future[tuple[Worker, bool]]", patience: float) -> None:
        if not waiter.done():
            waiter.set_exception(
                Refused(OutcomeStatus.THROTTLED, "Throttled", f"No instance became free within {patience:g} s.")
            )

    def _room(self, memory_mb: int) -> bool:
        """Whether the budget holds one more; idle instances and then spares are ended to make it so, none in vain."""
        missing_mb = self._placement.used_mb + memory_mb - self._limits.budget_mb
        if missing_mb > 0 and missing_mb > self._could_free_mb():
            return False
        while self._placement.used_mb + memory_mb > self._limits.budget_mb:
            if not self._evict() and not self._placement.free_memory(memory_mb):
                return False
        return True

    def _could_free_mb(self) -> int:
        """The memory of all spares, and of all idle instances that need not stay."""
        free_mb = self._placement.spare_mb
        left: dict[Pool, int] = {}
        for worker in self._idle:
            for pool in self._pool_of(worker):
                left[pool] = more = left.get(pool, len(pool.live) - pool.deployment.min_instances) - 1
                if more >= 0:
                    free_mb += worker.shape.memory_mb
        return free_mb

    def _evict(self) -> bool:
        for worker in self._idle:
            pools = self._pool_of(worker)
            if not pools or len(pools[0].live) > pools[0].deployment.min_instances:
                worker.kill("its place is needed, and it was not used the longest")
                return True
        return False

    def _feed_starved(self) -> None:
        waiting, self._starved = list(self._starved), {}
        for key in waiting:
            if key in self._pools:
                self._grow(self._pools[key])

    def _reap(self) -> None:
        oldest_allowed = time.monotonic() - self._limits.idle_timeout_s
        for worker in list(self._idle):
            if worker.idle_since > oldest_allowed:
                break
            pools = self._pool_of(worker)
            if not pools or len(pools[0].live) > pools[0].deployment.min_instances:
                worker.kill("it was idle for too long")
        self._reaper = None
        if self._idle:
            self._reap_later()

    def _reap_later(self) -> None:
        every = min(_REAP_EVERY_S, max(0.05, self._limits.idle_timeout_s / 4))
        self._reaper = asyncio.get_running_loop().call_later(every, self._reap)

    def _drop_if_empty(self, pool: Pool) -> None:
        if pool.empty and self._pools.get(pool.deployment.key) is pool:
            del self._pools[pool.deployment.key]
