"""Finds the gateway that runs for a data folder.

A gateway's unix socket lies in the data folder, or, where that path would be too long for one, elsewhere, and
`run/socket` says where. A file alone proves nothing: a killed gateway leaves its socket behind. Whoever accepts a
connection is alive.
"""

import errno
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clowdy_tui.domain.errors import DataFolderError

ANSWER_WITHIN_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Door:
    """How to reach a gateway: by its unix socket, or by its address and a token."""

    socket: Path | None = None
    url: str | None = None
    token: str | None = None

    @property
    def is_remote(self) -> bool:
        return self.url is not None


def socket_path(data_dir: Path) -> Path:
    """Where the socket of this folder's gateway is, or would be."""
    try:
        recorded = (data_dir / "run" / "socket").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        recorded = ""
    except PermissionError:
        raise DataFolderError(_closed(data_dir)) from None
    return Path(recorded) if recorded else data_dir / "run" / "clowdy.sock"


def find(data_dir: Path) -> Door | None:
    """The gateway that runs for this folder; None where none does.

    Raises:
        DataFolderError: the folder belongs to somebody else.
    """
    path = socket_path(data_dir)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_WITHIN_S)
        try:
            probe.connect(str(path))
        except PermissionError:
            raise DataFolderError(_closed(data_dir)) from None
        except OSError as error:
            # A full backlog means that somebody listens; everything else that nobody does.
            if isinstance(error, TimeoutError) or error.errno == errno.EAGAIN:
                return Door(socket=path)
            return None
    return Door(socket=path)


def lock_holder(data_dir: Path) -> int | None:
    """The process that holds this folder's lock, whether or not it answers; None where none does."""
    try:
        pid = int((data_dir / "clowdy.lock").read_text(encoding="ascii").strip() or 0)
        if pid:
            os.kill(pid, 0)
    except PermissionError:
        return pid
    except (OSError, ValueError):
        return None
    return pid or None


def _closed(data_dir: Path) -> str:
    return f"{data_dir} belongs to another user; name a folder of your own with --data-dir"
