"""PlacementService: makes sandboxes, and keeps some ready that belong to no function yet."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Coroutine
from pathlib import Path
from typing import Any, Final

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.call import Call
from clowdy_tui.engine.deployment import SpareShape
from clowdy_tui.engine.layers import LayerStore
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.base import Driver, SandboxSpec
from clowdy_tui.engine.worker import BootFailed, Worker

DEFAULT_SHAPE: Final = SpareShape("python", None, False, 128, 0.5)
_REMEMBERED_SHAPES: Final = 16

LOAD_S: Final = 30.0
"""As many spares as were asked for within this time are kept, where that is more than the usual number."""
AT_MOST_TIMES: Final = 4
"""The usual number of spares that often is the most, however many are asked for."""
_REFILL_AFTER_S: Final = 0.02
"""Calls that come together have their sandboxes made first; what is made beside them takes their time."""
_SHARE: Final = 0.75
"""Of the memory budget: spares beyond the usual number do not go over it."""

logger = logging.getLogger(__name__)


class PlacementService:
    """Starts workers, hands out spares, refills them in the background.

    Spares are kept for the shapes that were asked for last, one each and the rest for the latest, under one cap; while
    many are asked for more of them, up to `AT_MOST_TIMES` the cap. Sandboxes that a call waits for are made first.
    `room(mb)` says whether the memory budget has that much left; `on_gone` is told of every worker that ended.
    """

    def __init__(
        self,
        driver: Driver,
        runtimes: RuntimeStore,
        limits: EngineLimits,
        *,
        on_gone: Callable[[Worker], None],
        on_narrow: Callable[[Worker], None],
        on_returned: Callable[[Worker, list[Call], bool], None],
        on_spare: Callable[[], None],
        on_change: Callable[[], None],
        on_trouble: Callable[[DriverUnavailable], None],
        layers: LayerStore | None = None,
    ) -> None:
        self._driver = driver
        self._runtimes = runtimes
        self._layers = layers
        self._limits = limits
        self._tell_gone = on_gone
        self._on_narrow = on_narrow
        self._on_returned = on_returned
        self._on_spare = on_spare
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._spares: dict[SpareShape, list[Worker]] = {}
        self._wanted: OrderedDict[SpareShape, None] = OrderedDict()
        self._refilling: dict[SpareShape, int] = {}
        self._asked: deque[tuple[float, SpareShape]] = deque()
        self._fading: asyncio.TimerHandle | None = None
        self._refill_timer: asyncio.TimerHandle | None = None
        self._awaited = 0
        self._booting = asyncio.Semaphore(limits.boots)
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._paused_until = 0.0
        self.workers: dict[str, Worker] = {}
        self.used_mb = 0

    def start(self) -> None:
        """Begin to keep spares of the default shape."""
        self._want(DEFAULT_SHAPE)
        self.refill()

    def take(self, shape: SpareShape) -> Worker | None:
        """A spare of this shape, at once; None where there is none. Either way such spares are wanted from now on."""
        self._want(shape)
        spares = self._spares.get(shape)
        worker = None
        while spares and worker is None:
            candidate = spares.pop()
            worker = candidate if candidate.state == "spare" else None
        if worker is not None:
            self._note(shape)
        if self._refill_timer is None and not self._closed:
            self._refill_timer = asyncio.get_running_loop().call_later(_REFILL_AFTER_S, self._refill_soon)
        return worker

    def give(self, worker: Worker) -> bool:
        """Keep a worker that was made for a call and is not needed after all; False where there is no place for it."""
        if self._closed or worker.state != "spare":
            return False
        if self.spare_count >= max(self._limits.spares, sum(self._targets().values())):
            return False
        self._spares.setdefault(worker.shape, []).append(worker)
        self._on_change()
        self._on_spare()
        return True

    async def make(self, shape: SpareShape) -> Worker:
        """A new worker for a call that waits, ready to load.

        Raises:
            DriverUnavailable: no sandbox can be made.
            BootFailed: it did not get ready.
        """
        self._note(shape)
        self._awaited += 1
        try:
            return await self._make(shape)
        finally:
            self._awaited -= 1
            self.refill()

    async def _make(self, shape: SpareShape) -> Worker:
        worker = Worker(
            secrets.token_hex(6),
            shape,
            self._limits,
            on_gone=self._gone,
            on_narrow=self._on_narrow,
            on_returned=self._on_returned,
            background=self.background,
        )
        self.workers[worker.id] = worker
        self.used_mb += shape.memory_mb
        self._on_change()
        try:
            tree = self._runtimes.peek(shape.runtime) or await self._runtimes.root_tree(shape.runtime)
            layer = await self._layer(shape)
            # Not within the time that a boot may take: the first time an image may have to be made.
            await self._driver.prepare(tree.path, layer)
            limits = self._limits
            spec = SandboxSpec(worker.id, shape, tree.path, tree.argv, limits.tmp_mb, limits.max_processes, layer=layer)
            async with self._booting:
                if worker.state == "gone":
                    raise BootFailed("The sandbox was given up before it began to start.")
                await worker.boot(self._driver, spec)
            if worker.id not in self.workers:
                raise BootFailed("The sandbox ended in the moment in which it was ready.")
        except BaseException as error:
            worker.kill("it could not be started")
            if isinstance(error, DriverUnavailable):
                self._on_trouble(error)
            raise
        self._on_change()
        return worker

    def keep_layers(self, keys: Collection[str]) -> frozenset[str]:
        """Keep spares of no other layer; which other layers instances still work with."""
        stale = [
            shape for shape in {*self._wanted, *self._spares} if shape.layer is not None and shape.layer not in keys
        ]
        for shape in stale:
            self._wanted.pop(shape, None)
            for worker in list(self._spares.get(shape, ())):
                worker.kill("its layer is not wanted any more")
        return frozenset(
            worker.shape.layer
            for worker in self.workers.values()
            if worker.shape.layer is not None and worker.shape.layer not in keys
        )

    def free_memory(self, wanted_mb: int) -> bool:
        """End the least wanted spare to make room; False where there is none to end."""
        for shape in (*(shape for shape in self._spares if shape not in self._wanted), *self._wanted):
            spares = self._spares.get(shape)
            if spares and wanted_mb > 0:
                spares.pop(0).kill("its memory is needed")
                return True
        return False

    @property
    def spare_count(self) -> int:
        return sum(len(spares) for spares in self._spares.values())

    @property
    def spare_mb(self) -> int:
        return sum(shape.memory_mb * len(spares) for shape, spares in self._spares.items())

    def refill(self) -> None:
        """Start what is missing, at most so many at the same time."""
        if self._closed or asyncio.get_running_loop().time() < self._paused_until:
            return
        targets = self._targets()
        for shape, spares in self._spares.items():
            for worker in spares[targets.get(shape, 0) :]:
                worker.kill("spares of other shapes are wanted")
        running = sum(self._refilling.values()) + self._awaited
        for shape, target in reversed(targets.items()):
            missing = target - len(self._spares.get(shape, ())) - self._refilling.get(shape, 0)
            while missing > 0 and running < self._limits.refills:
                if self.used_mb + shape.memory_mb > self._limits.budget_mb:
                    return
                missing -= 1
                running += 1
                self._refilling[shape] = self._refilling.get(shape, 0) + 1
                self.used_mb += shape.memory_mb
                self.background(self._make_spare(shape))

    def background(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run something on the side, with a reference kept."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End all workers and wait until nothing of them is left."""
        self._closed = True
        for timer in (self._fading, self._refill_timer):
            if timer is not None:
                timer.cancel()
        await asyncio.gather(*(worker.ended() for worker in list(self.workers.values())))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _layer(self, shape: SpareShape) -> Path | None:
        if shape.layer is None:
            return None
        if self._layers is None:
            raise DriverUnavailable("There is no place for layers here.")
        layer = self._layers.path(shape.layer)
        if self._driver.copies(layer):
            await self._layers.whole(shape.layer)
        return layer

    def _want(self, shape: SpareShape) -> None:
        self._wanted[shape] = None
        self._wanted.move_to_end(shape)
        if len(self._wanted) > _REMEMBERED_SHAPES:
            self._wanted.popitem(last=False)

    def _note(self, shape: SpareShape) -> None:
        """A call began with a fresh sandbox of this shape, or would have."""
        self._asked.append((time.monotonic(), shape))
        if len(self._asked) > self._limits.spares * AT_MOST_TIMES:
            self._asked.popleft()
        if self._fading is None:
            self._fading = asyncio.get_running_loop().call_later(LOAD_S, self._fade)

    def _targets(self) -> dict[SpareShape, int]:
        """How many spares each shape should have, latest shape last."""
        cap = self._limits.spares
        latest = list(self._wanted)[-cap:] if cap else []
        targets = dict.fromkeys(latest, 1)
        if latest:
            targets[latest[-1]] += cap - len(latest)
        room_mb = int(self._limits.budget_mb * _SHARE) - self.used_mb
        for shape, count in Counter(shape for _, shape in self._asked).items():
            if shape in targets and count > targets[shape] and room_mb >= shape.memory_mb * count:
                targets[shape] = count
        return targets

    def _fade(self) -> None:
        """Forget who asked long ago, and end what is kept for no other reason."""
        oldest = time.monotonic() - LOAD_S
        while self._asked and self._asked[0][0] <= oldest:
            self._asked.popleft()
        self._fading = None
        if self._asked and not self._closed:
            wait_s = self._asked[0][0] - oldest
            self._fading = asyncio.get_running_loop().call_later(max(wait_s, 1.0), self._fade)
        self.refill()

    def _refill_soon(self) -> None:
        self._refill_timer = None
        self.refill()

    async def _make_spare(self, shape: SpareShape) -> None:
        self.used_mb -= shape.memory_mb
        try:
            worker = await self._make(shape)
        except (DriverUnavailable, BootFailed):
            # The next call that needs an instance meets the same and says so; until then, no storm of tries.
            self._pause()
            return
        except Exception:
            logger.exception("No spare could be made")
            self._pause()
            return
        finally:
            self._refilling[shape] -= 1
        if not self.give(worker):
            worker.kill("there are spares enough")
        self.refill()

    def _pause(self) -> None:
        self._paused_until = asyncio.get_running_loop().time() + 1.0

    def _gone(self, worker: Worker) -> None:
        if self.workers.pop(worker.id, None) is not None:
            self.used_mb -= worker.shape.memory_mb
        with contextlib.suppress(ValueError, KeyError):
            self._spares[worker.shape].remove(worker)
        self._tell_gone(worker)
        self._on_change()
