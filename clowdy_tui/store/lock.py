"""One gateway to a data folder: an advisory lock that the kernel drops with its process, however it ends."""

import fcntl
import os
from pathlib import Path

from clowdy_tui.domain.errors import DataFolderError, DataFolderLocked
from clowdy_tui.store.folder import make_private_file

LOCK_NAME = "clowdy.lock"


class FolderLock:
    """Holds the data folder's lock from `acquire` to `release`. The file holds the pid of who has it."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / LOCK_NAME
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            DataFolderLocked: another gateway has it; names its pid and what to do.
            DataFolderError: the file cannot be opened or written.
        """
        try:
            make_private_file(self._path)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            raise DataFolderError(f"The lock {self._path} cannot be opened: {error.strerror or error}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise DataFolderLocked(
                f"Another gateway (pid {holder or 'unknown'}) serves the data folder {self._path.parent}. "
                "`clowdy` attaches to it, `clowdy stop` ends it.",
                extra={"pid": int(holder)} if holder.isdecimal() else None,
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise DataFolderError(
                f"The lock {self._path} cannot be taken: {error.strerror or error}. "
                "Choose a data folder on a file system with locks, with --data-dir."
            ) from error
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(descriptor)
            raise DataFolderError(
                f"The lock {self._path} cannot be written: {error.strerror or error}. "
                "Make room there, or choose another data folder with --data-dir."
            ) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back. The file stays: removing it would race with somebody who just opened it."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
