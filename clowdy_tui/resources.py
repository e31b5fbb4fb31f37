"""Where `runtimes/` and `themes/` lie: beside the package in the repository, inside it when installed from a wheel.

The repository comes first, because an editable install may leave an old copy in the package.
"""

from pathlib import Path
from typing import Final, Literal

_PACKAGE: Final = Path(__file__).resolve().parent


def folder(name: Literal["runtimes", "themes"]) -> Path:
    """The folder of that name.

    Raises:
        FileNotFoundError: the installation is not whole.
    """
    beside = _PACKAGE.parent
    # site-packages may hold a folder of any name: only a checkout has this file next to the package.
    candidates = [beside / name] if (beside / "pyproject.toml").is_file() else []
    for candidate in [*candidates, _PACKAGE / "_data" / name]:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"Clowdy's {name} folder is missing: the installation is not whole, install it again")
