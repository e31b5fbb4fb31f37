"""What a monitoring system asks for now and then: reads memory alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from clowdy_tui.services.actor import Actor
from clowdy_tui.services.counters import CallCounts, Counters
from clowdy_tui.services.directory import Directory, Target
from clowdy_tui.services.pool import PoolService

STATES: Final = ("spare", "starting", "busy", "idle")


class QueueEngine(Protocol):
    """What monitoring needs of the engine."""

    def waiting(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class FunctionReading:
    """One function now. `name` is `project/name`, or the id of a function on its own, as the command line has it."""

    name: str
    instances: int
    waiting: int
    calls: CallCounts | None


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is the actor's, now. `pool`: sandboxes by state."""

    functions: list[FunctionReading]
    pool: dict[str, int]


class MonitoringService:
    def __init__(self, directory: Directory, counters: Counters, pool: PoolService, engine: QueueEngine) -> None:
        self._directory = directory
        self._counters = counters
        self._pool = pool
        self._engine = engine

    async def read(self, actor: Actor) -> Reading:
        """The actor's functions, by name, and sandboxes; for who administers, everybody's sandboxes and the spares."""
        actor.require("read")
        everything = self._directory.functions()
        self._counters.keep_only({target.deployment.function_id for target in everything})
        sandboxes = await self._pool.list(actor)
        instances = Counter(item.function_id for item in sandboxes if item.function_id is not None)
        waiting = self._engine.waiting()
        functions = [
            FunctionReading(
                self._name(target),
                instances[target.deployment.function_id],
                waiting.get(target.deployment.function_id, 0),
                self._counters.of(target.deployment.function_id),
            )
            for target in everything
            if target.owner == actor.user
        ]
        states = Counter(item.state for item in sandboxes)
        return Reading(sorted(functions, key=lambda item: item.name), {state: states[state] for state in STATES})

    def _name(self, target: Target) -> str:
        project = self._directory.project_by_id(target.project_id) if target.project_id is not None else None
        return f"{project.slug}/{target.deployment.function_name}" if project else target.deployment.function_id
