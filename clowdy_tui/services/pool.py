"""The sandboxes that live now, and whether any can be made."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Final, Protocol, cast

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import PoolInstance
from clowdy_tui.engine.sandboxes.base import DriverStatus
from clowdy_tui.services.actor import Actor

_COALESCE_S: Final = 0.1


class Instance(Protocol):
    """What the engine tells of one sandbox; `created_at` is by `time.monotonic()`."""

    @property
    def id(self) -> str: ...
    @property
    def function_id(self) -> str | None: ...
    @property
    def function_name(self) -> str | None: ...
    @property
    def version(self) -> int | None: ...
    @property
    def owner(self) -> str | None: ...
    @property
    def state(self) -> str: ...
    @property
    def created_at(self) -> float: ...
    @property
    def calls(self) -> int: ...
    @property
    def memory_kb(self) -> int | None: ...


class PoolEngine(Protocol):
    """What the pool needs of the engine."""

    def snapshot(self) -> Sequence[Instance]: ...
    async def kill(self, instance_id: str) -> bool: ...
    def driver_status(self) -> DriverStatus: ...


class PoolService:
    def __init__(self, engine: PoolEngine) -> None:
        self._engine = engine

    async def list(self, actor: Actor) -> list[PoolInstance]:
        """The actor's instances; who administers sees everybody's, and the spares, which are nobody's yet."""
        actor.require("read")
        now = time.monotonic()
        return [
            PoolInstance(
                id=instance.id,
                function_id=instance.function_id,
                function_name=instance.function_name,
                version=instance.version,
                state=cast("Any", instance.state),
                age_s=round(max(now - instance.created_at, 0.0), 3),
                calls=instance.calls,
                memory_mb=None if instance.memory_kb is None else round(instance.memory_kb / 1024, 1),
            )
            for instance in self._engine.snapshot()
            if actor.administers or instance.owner == actor.user
        ]

    async def kill(self, actor: Actor, instance_id: str) -> None:
        """End one sandbox, whatever it does. Raises NotFound."""
        actor.require("write")
        for instance in self._engine.snapshot():
            if instance.id == instance_id and (actor.administers or instance.owner == actor.user):
                if await self._engine.kill(instance_id):
                    return
                break
        raise NotFound("Instance not found")

    def status(self) -> DriverStatus:
        """Whether sandboxes can be made, by which driver, and what is enforced on them."""
        return self._engine.driver_status()


class PoolEvents:
    """Publishes what the pool and the driver are at now: many changes in a row become one event."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._counts: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._told = 0.0
        self._driver: tuple[str, bool, str] | None = None
        self._status: Callable[[], DriverStatus] | None = None

    def watch(self, status: Callable[[], DriverStatus]) -> None:
        """Begin to look at the driver, too, whenever the pool changes."""
        self._status = status
        self.look_at_driver()

    def changed(self, counts: Any) -> None:
        """Take the engine's newest counts (a dataclass with spare, starting, busy and idle)."""
        self._counts = asdict(counts)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            wait = max(0.0, self._told + _COALESCE_S - loop.time())
            self._timer = loop.call_later(wait, self._publish)

    def look_at_driver(self) -> None:
        """Publish the driver's state where it is another than before."""
        if self._status is None:
            return
        status = self._status()
        state = (status.name, status.available, f"{status.problem} {status.remedy}".strip())
        if state != self._driver:
            self._driver = state
            data = dict(zip(("driver", "available", "problem"), state, strict=True))
            self._bus.publish(events.DRIVER_CHANGED, data, owner="")

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _publish(self) -> None:
        self._timer = None
        self._told = asyncio.get_running_loop().time()
        names = ("spare", "starting", "busy", "idle")
        self._bus.publish(events.POOL_CHANGED, {name: self._counts.get(name, 0) for name in names}, owner="")
        self.look_at_driver()
