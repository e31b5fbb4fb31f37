"""Sees to it that functions with `min_instances` have them before somebody calls."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.services.directory import Target

log = logging.getLogger(__name__)


class Warming:
    """Asks the engine in the background; nothing waits for it. Idle until `open`."""

    def __init__(self) -> None:
        self._warm: Callable[[Deployment], Awaitable[None]] | None = None
        self._targets: Callable[[], Iterable[Target]] = tuple
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, warm: Callable[[Deployment], Awaitable[None]], targets: Callable[[], Iterable[Target]]) -> None:
        """Say who warms a deployment, and which functions there are."""
        self._warm, self._targets = warm, targets

    def begin(self, deployment: Deployment) -> None:
        """Warm a deployment, soon."""
        if self._warm is not None:
            task = asyncio.create_task(self._one(self._warm, deployment), name=f"warm {deployment.function_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def begin_all(self) -> None:
        """Warm every active function that wants it: the driver began to work."""
        for target in self._targets():
            if target.status == "active" and target.deployment.min_instances:
                self.begin(target.deployment)

    async def close(self) -> None:
        """Begin no more, and give up what is under way."""
        self._warm = None
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _one(self, warm: Callable[[Deployment], Awaitable[None]], deployment: Deployment) -> None:
        try:
            await warm(deployment)
        except Unavailable as error:
            log.info("%s has no instance in advance: %s", deployment.function_name, error.detail)
