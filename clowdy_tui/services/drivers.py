"""Which driver makes the sandboxes. Chosen once: a Docker engine that is stopped must not change the isolation."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from clowdy_tui.engine.sandboxes import make_driver
from clowdy_tui.engine.sandboxes.base import Driver
from clowdy_tui.store.database import Database

_CHOSEN: Final = "driver"
_USED: Final = "driver_used"


async def choose_driver(
    database: Database, wanted: str, *, installation_id: str, data_dir: Path, docker_options: Mapping[str, Any]
) -> Driver:
    """The driver that is wanted. `auto`: the one that the first start chose, docker where an engine answered it.

    Raises:
        SettingsError: there is no such driver.
    """

    def make(name: str) -> Driver:
        options = docker_options if name == "docker" else {}
        return make_driver(name, installation_id=installation_id, data_dir=data_dir, **options)

    driver = make(wanted) if wanted != "auto" else await _remembered(database, make)
    await _sweep_former(database, driver.name, make)
    return driver


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


async def _sweep_former(database: Database, name: str, make: Callable[[str], Driver]) -> None:
    """Remove what a killed gateway left by the driver that was used before this one.

    Each driver sweeps what is its own when it starts; that of another it does not know. Where the former one does
    not answer now, the next start tries again.
    """
    async with database.read() as transaction:
        former = await transaction.meta.get(_USED)
    if former == name:
        return
    if former is not None:
        old = make(former)
        try:
            if not (await old.check()).available:
                return
            await old.sweep()
        finally:
            await old.close()
    async with database.write() as transaction:
        await transaction.meta.set(_USED, name)
