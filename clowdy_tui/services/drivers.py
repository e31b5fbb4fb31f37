"""Which driver makes the sandboxes. Chosen once: a Docker engine that is stopped must not change the isolation."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from clowdy_tui.engine.sandboxes import make_driver
from clowdy_tui.engine.sandboxes.base import Driver
from clowdy_tui.store.database import DATABASE_NAME, Database
from clowdy_tui.store.meta import glance

_CHOSEN: Final = "driver"
_USED: Final = "driver_used"
"""Under this name it is kept which driver holds what is there of this installation."""
_AGAIN_S: Final = 30.0


async def choose_driver(
    database: Database, wanted: str, *, installation_id: str, data_dir: Path, docker_options: Mapping[str, Any]
) -> tuple[Driver, "FormerDriver"]:
    """The driver that is wanted, and what is left of another. `auto`: the one that the first start chose, docker where
    an engine answered it.

    Raises:
        SettingsError: there is no such driver.
    """

    def make(name: str) -> Driver:
        options = docker_options if name == "docker" else {}
        return make_driver(name, installation_id=installation_id, data_dir=data_dir, **options)

    driver = make(wanted) if wanted != "auto" else await _remembered(database, make)
    async with database.write() as transaction:
        if await transaction.meta.get(_USED) is None:
            await transaction.meta.set(_USED, driver.name)
    return driver, FormerDriver(database, driver.name, make)


async def _remembered(database: Database, make: Callable[[str], Driver]) -> Driver:
    async with database.read() as transaction:
        chosen = await transaction.meta.get(_CHOSEN)
    if chosen is not None:
        return make(chosen)
    driver = make("docker")
    if not (await driver.check()).available:
        await driver.close()
        driver = make("bubblewrap")
    async with database.write() as transaction:
        await transaction.meta.set(_CHOSEN, driver.name)
    return driver


def left_by(data_dir: Path, wanted: str) -> tuple[str, str] | None:
    """The driver that holds something still of this installation, though another one is used, and the installation's
    id. Looks at the data folder and makes nothing there.
    """
    known = glance(data_dir / DATABASE_NAME)
    now = known.get(_CHOSEN) if wanted == "auto" else wanted
    former = known.get(_USED)
    if former is None or now is None or former == now:
        return None
    return former, known.get("installation_id", "")


class FormerDriver:
    """What is left of the driver that was used before the one called `name`: containers of a killed gateway, images.

    A driver removes what is its own; that of another one it does not know.
    """

    def __init__(self, database: Database, name: str, make: Callable[[str], Driver]) -> None:
        self._database = database
        self._name = name
        self._make = make
        self._looked_at: float | None = None
        self._left: tuple[str, ...] = ()
        self._one_at_a_time = asyncio.Lock()

    async def clear(self) -> tuple[str, ...]:
        """Remove it, where that driver answers; what is left, in sentences. Looked at anew at most twice a minute."""
        async with self._one_at_a_time:
            now = time.monotonic()
            if self._looked_at is None or (self._left and now - self._looked_at > _AGAIN_S):
                self._left = await self._clear()
                self._looked_at = time.monotonic()
            return self._left

    async def _clear(self) -> tuple[str, ...]:
        async with self._database.read() as transaction:
            former = await transaction.meta.get(_USED)
        if former == self._name:
            return ()
        assert former is not None
        old = self._make(former)
        try:
            left = await old.clear()
        finally:
            await old.close()
        if left:
            return left
        async with self._database.write() as transaction:
            await transaction.meta.set(_USED, self._name)
        return ()
