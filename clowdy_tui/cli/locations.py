"""Where this platform keeps a program's data and configuration."""

import os
import re
import sys
from pathlib import Path

APP = "clowdy"


def _is_system() -> bool:
    """Root on Linux is the machine itself: sandboxes of another uid must reach the data, and `/root` is closed."""
    return sys.platform.startswith("linux") and os.geteuid() == 0


def default_data_dir() -> Path:
    """The data folder where nothing else is said."""
    if _is_system():
        return Path("/var/lib") / APP
    from platformdirs import user_data_path

    return user_data_path(APP, appauthor=False)


def config_dir() -> Path:
    """The folder for `config.yaml` and for the user's own themes."""
    if _is_system():
        return Path("/etc") / APP
    from platformdirs import user_config_path

    return user_config_path(APP, appauthor=False)


def state_dir_of(url: str) -> Path:
    """Where a screen keeps what belongs to the gateway at this address."""
    from platformdirs import user_state_path

    name = re.sub(r"[^a-z0-9.]+", "-", url.lower().split("://", 1)[-1]).strip("-.")
    return user_state_path(APP, appauthor=False) / "screens" / (name or "gateway")


def config_file() -> Path:
    """The file of settings where nothing else is said."""
    return config_dir() / "config.yaml"
