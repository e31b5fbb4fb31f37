"""What is published, the bus, and its bounded ring.

Every subscriber reads the one ring with a cursor of its own: a slow one costs no memory, and one that fell behind
(or comes back with an id from before) gets a `gap` event first, so that it can fetch the state anew.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Final

PROJECT_CREATED: Final = "project.created"
PROJECT_UPDATED: Final = "project.updated"
PROJECT_DELETED: Final = "project.deleted"
FUNCTION_CREATED: Final = "function.created"
FUNCTION_UPDATED: Final = "function.updated"
FUNCTION_DELETED: Final = "function.deleted"
VERSION_CREATED: Final = "version.created"
VERSION_ACTIVATED: Final = "version.activated"
ROUTE_CREATED: Final = "route.created"
ROUTE_UPDATED: Final = "route.updated"
ROUTE_DELETED: Final = "route.deleted"
KEY_CREATED: Final = "key.created"
KEY_DELETED: Final = "key.deleted"
PACKAGES_BUILDING: Final = "packages.building"
PACKAGES_PROGRESS: Final = "packages.progress"
PACKAGES_READY: Final = "packages.ready"
PACKAGES_FAILED: Final = "packages.failed"
DATABASE_PROVISIONING: Final = "database.provisioning"
DATABASE_PROGRESS: Final = "database.progress"
DATABASE_READY: Final = "database.ready"
DATABASE_FAILED: Final = "database.failed"
DATABASE_REMOVED: Final = "database.removed"
DATABASE_CHANGED: Final = "database.changed"
VARIABLE_SET: Final = "variable.set"
VARIABLE_DELETED: Final = "variable.deleted"
INVOCATION_STARTED: Final = "invocation.started"
INVOCATION_LOG: Final = "invocation.log"
INVOCATION_FINISHED: Final = "invocation.finished"
POOL_CHANGED: Final = "pool.changed"
DRIVER_CHANGED: Final = "driver.changed"
STORE_CHANGED: Final = "store.changed"
GAP: Final = "gap"

RING_SIZE: Final = 8192

Data = dict[str, Any] | Callable[[], dict[str, Any]]
"""What an event says, or what makes that when somebody reads it."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `id` is `<epoch>-<sequence>`; `owner` is the user it concerns."""

    id: str
    type: str
    data: dict[str, Any]
    owner: str


class EventBus:
    """Publishes events to any number of readers, and keeps the last `ring_size` for those that come back.

    Belongs to one event loop; `publish` is called from it and never blocks.
    """

    def __init__(self, ring_size: int = RING_SIZE) -> None:
        # The epoch tells the ids of this process from those of the one before: sequences begin at 1 in each.
        self.epoch = f"{time.time_ns() // 1_000_000:x}"
        # What an event is made of: most are overwritten before anybody reads them, so that none is made until then.
        self._ring: deque[tuple[str, Data, str]] = deque(maxlen=ring_size)
        self._last = 0
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def last_id(self) -> str:
        """The id of the newest event: where a reader that wants only what comes begins."""
        return f"{self.epoch}-{self._last}"

    def publish(self, type_: str, data: Data, *, owner: str) -> None:
        """Append an event and wake the readers. Where `data` is a function, it is called when somebody reads: it must
        say the same each time, and hold on to little.
        """
        self._last += 1
        self._ring.append((type_, data, owner))
        if self._waiters:
            waiters, self._waiters = self._waiters, set()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def kept(self) -> list[Event]:
        """What is in the ring, oldest first."""
        return self._after(self._last - len(self._ring))

    async def subscribe(
        self, after: str | None = None, *, allows: Callable[[Event], bool] = lambda _: True
    ) -> AsyncGenerator[list[Event], None]:
        """Events after the id `after` (None: from now on), in batches, for ever.

        A `gap` event comes first where events between `after` and the ring's oldest are lost, or `after` is from
        another process.
        """
        cursor, gap = self._seek(after)
        if gap:
            yield [Event(f"{self.epoch}-{cursor}", GAP, {}, "")]
        while True:
            oldest = self._last - len(self._ring)
            if cursor < oldest:
                cursor = oldest
                yield [Event(f"{self.epoch}-{cursor}", GAP, {}, "")]
                continue
            fresh = self._after(cursor)
            cursor = self._last
            batch = [event for event in fresh if allows(event)]
            if batch:
                yield batch
            elif not fresh:
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)

    def _seek(self, after: str | None) -> tuple[int, bool]:
        if after is None:
            return self._last, False
        epoch, _, sequence = after.partition("-")
        if epoch != self.epoch or not sequence.isdecimal() or int(sequence) > self._last:
            return self._last, True
        return int(sequence), False

    def _after(self, cursor: int) -> list[Event]:
        count = self._last - cursor
        if count <= 0:
            return []
        # From the right end: a deque indexes its ends in constant time, and readers are nearly always there.
        ring, last = self._ring, self._last
        return [self._event(last - back, *ring[-1 - back]) for back in range(count - 1, -1, -1)]

    def _event(self, sequence: int, type_: str, data: Data, owner: str) -> Event:
        return Event(f"{self.epoch}-{sequence}", type_, data() if callable(data) else data, owner)
