"""Which driver makes the sandboxes. Chosen once: a Docker engine that is stopped must not change the isolation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from clowdy_tui.engine.sandboxes import make_driver
from clowdy_tui.engine.sandboxes.base import Driver
from clowdy_tui.store.database import Database

_CHOSEN: Final = "driver"


async def choose_driver(
    database: Database, wanted: str, *, installation_id: str, data_dir: Path, options: Mapping[str, Any]
) -> Driver:
    """The driver that is wanted. `auto`: the one that the first start chose, docker where an engine answered it.

    Raises:
        SettingsError: there is no such driver.
    """
    if wanted != "auto":
        return make_driver(wanted, installation_id=installation_id, data_dir=data_dir, **options)
    async with database.read() as transaction:
        chosen = await transaction.meta.get(_CHOSEN)
    if chosen is not None:
        return make_driver(chosen, installation_id=installation_id, data_dir=data_dir, **options)
    docker = make_driver("docker", installation_id=installation_id, data_dir=data_dir, **options)
    driver, name = docker, "docker"
    if not (await docker.check()).available:
        await docker.close()
        name = "bubblewrap"
        driver = make_driver(name, installation_id=installation_id, data_dir=data_dir, **options)
    async with database.write() as transaction:
        await transaction.meta.set(_CHOSEN, name)
    return driver
