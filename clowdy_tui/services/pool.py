"""The sandboxes that live now, and whether any can be made."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import FunctionInactive, NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import PoolInstance
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InstanceInfo, PoolCounts
from clowdy_tui.engine.sandboxes.base import DriverStatus
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.directory import Directory


class PoolEngine(Protocol):
    """What the pool needs of the engine."""

    def snapshot(self) -> Sequence[InstanceInfo]: ...
    async def kill(self, instance_id: str) -> bool: ...
    async def warm(self, deployment: Deployment) -> None: ...
    def driver_status(self) -> DriverStatus: ...


class PoolService:
    """`warm` makes instances of a deployment ready, with what they need beside themselves."""

    def __init__(self, engine: PoolEngine, directory: Directory, warm: Callable[[Deployment], Awaitable[None]]) -> None:
        self._engine = engine
        self._warm = warm
        self._directory = directory

    async def list(self, actor: Actor) -> list[PoolInstance]:
        """The actor's instances, newest first; who administers sees everybody's, and the spares, nobody's yet."""
        actor.require("read")
        now = time.monotonic()
        return [
            PoolInstance(
                id=instance.id,
                function_id=instance.function_id,
                function_name=instance.function_name,
                version=instance.version,
                state=instance.state,
                age_s=round(max(now - instance.created_at, 0.0), 3),
                calls=instance.calls,
                memory_mb=None if instance.memory_kb is None else round(instance.memory_kb / 1024, 1),
            )
            for instance in reversed(self._engine.snapshot())
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

    async def warm(self, actor: Actor, function_id: str) -> None:
        """Make an instance ready before somebody calls, or as many as the function's `min_instances`.

        Raises:
            NotFound: no such function.
            FunctionInactive: it takes no calls.
            Unavailable: no sandbox can be made now, or its database does not start.
        """
        actor.require("write")
        target = self._directory.function(function_id)
        if target is None or target.owner != actor.user:
            raise NotFound("Function not found")
        if target.status != "active":
            raise FunctionInactive("Function is not active")
        await self._warm(target.deployment)

    def status(self) -> DriverStatus:
        """Whether sandboxes can be made, by which driver, and what is enforced on them."""
        return self._engine.driver_status()


def publish_counts(bus: EventBus, counts: PoolCounts) -> None:
    """Say how many sandboxes there are now. The engine asks for it at most every 100 ms."""
    data = {"spare": counts.spare, "starting": counts.starting, "busy": counts.busy, "idle": counts.idle}
    bus.publish(events.POOL_CHANGED, data, owner="")


def publish_driver(bus: EventBus, status: DriverStatus) -> None:
    """Say that the driver began to work, or ceased to."""
    problem = f"{status.problem} {status.remedy}".strip()
    data = {"driver": status.name, "available": status.available, "problem": problem}
    bus.publish(events.DRIVER_CHANGED, data, owner="")
