"""What makes sandboxes: one driver a file."""

from pathlib import Path
from typing import Any

from clowdy_tui.domain.errors import SettingsError
from clowdy_tui.engine.sandboxes.base import Driver

DRIVERS = ("bubblewrap", "docker")


def make_driver(name: str, *, installation_id: str, data_dir: Path, **options: Any) -> Driver:
    """The driver of this name; `options` are the driver's own keyword arguments.

    Raises:
        SettingsError: there is no such driver.
    """
    if name == "bubblewrap":
        from clowdy_tui.engine.sandboxes.bubblewrap import BubblewrapDriver

        return BubblewrapDriver(installation_id=installation_id, data_dir=data_dir, **options)
    if name == "docker":
        # The Docker SDK takes a quarter of a second to import.
        from clowdy_tui.engine.sandboxes.docker import DockerDriver

        driver: Driver = DockerDriver(installation_id=installation_id, **options)
        return driver
    raise SettingsError(f"There is no driver {name!r}: choose one of {', '.join(DRIVERS)}.")
