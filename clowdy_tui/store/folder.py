"""The data folder: who may read it, and the lock that keeps two gateways off it."""

import os
import tempfile
from pathlib import Path

from clowdy_tui.domain.errors import DataFolderError


def make_data_folder(path: Path) -> None:
    """Make the data folder, or mend the permissions of the one that is there.

    Raises:
        DataFolderError: it cannot be made or written to; says why and what to do.
    """
    # Started by root, sandboxes run under an unprivileged uid and must reach data_dir/runtimes: others may pass through
    # then, but not list. Whatever is secret in it (database, key, socket) has a mode of its own.
    mode = 0o711 if os.geteuid() == 0 else 0o700
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
        if path.stat().st_uid == os.geteuid():
            path.chmod(mode)
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError as error:
        raise DataFolderError(f"{path} is not a folder. Choose one for the data with --data-dir.") from error
    except OSError as error:
        raise DataFolderError(
            f"The data folder {path} cannot be used: {error.strerror or error}. "
            "Make it writable for this user, or choose another with --data-dir."
        ) from error


def make_private_file(path: Path) -> None:
    """Create an empty file that only this user may read, or take everybody else's rights from the one there."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    if path.stat().st_uid == os.geteuid():
        path.chmod(0o600)
