"""Where the gateway listens: the owner's unix socket, and the TCP port."""

import asyncio
import errno
import hashlib
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Final

from aiohttp import web

from clowdy_tui.domain.errors import DataFolderError, PortTaken, SettingsError

# What fits into a socket's address on every system is 103 bytes.
_LONGEST_PATH: Final = 100
BACKLOG: Final = 1024


def place_socket(data_dir: Path) -> Path:
    """Where the socket of this data folder's gateway belongs; its folder is made, for the owner alone.

    `run/clowdy.sock` in the data folder; where that path is too long for a socket, in a folder of the user's own
    elsewhere, and `run/socket` says where.

    Raises:
        DataFolderError: the folder cannot be made, or it is somebody else's.
    """
    run = _private_folder(data_dir / "run")
    near, record = run / "clowdy.sock", run / "socket"
    if len(os.fsencode(near)) <= _LONGEST_PATH:
        record.unlink(missing_ok=True)
        return near
    uid = os.geteuid()
    runtime = Path(f"/run/user/{uid}")
    parent = runtime / "clowdy" if runtime.is_dir() else Path(tempfile.gettempdir()) / f"clowdy-{uid}"
    name = hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]
    far = _private_folder(parent) / f"{name}.sock"
    if len(os.fsencode(far)) > _LONGEST_PATH:
        far = _private_folder(Path("/tmp") / f"clowdy-{uid}") / f"{name}.sock"  # noqa: S108 - checked to be ours
    record.write_text(f"{far}\n")
    return far


def _private_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise DataFolderError(f"{folder} must be a folder that belongs to the user who runs Clowdy")
        folder.chmod(0o700)
    except OSError as error:
        raise DataFolderError(f"{folder} cannot be made: {error.strerror}") from error
    return folder


class OwnersSite(web.BaseSite):
    """The unix socket at `path`, for as long as the runner runs."""

    def __init__(self, runner: web.AppRunner, path: Path) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._path = path

    @property
    def name(self) -> str:
        return f"http://unix:{self._path}:"

    async def start(self) -> None:
        """Raises DataFolderError where the socket cannot be made."""
        await super().start()
        listener = _bind_unix(self._path)
        server = self._runner.server
        assert server is not None
        self._server = await asyncio.get_running_loop().create_unix_server(server, sock=listener, backlog=BACKLOG)

    async def stop(self) -> None:
        await super().stop()
        self._path.unlink(missing_ok=True)


def _bind_unix(path: Path) -> socket.socket:
    """Listen on a unix socket for the owner alone. A file that a killed gateway left there is replaced.

    The lock on the data folder keeps a second gateway from coming as far as this.

    Raises:
        DataFolderError: it cannot be made.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(os.fspath(path))
        path.chmod(0o600)
    except OSError as error:
        listener.close()
        raise DataFolderError(f"The socket {path} cannot be made: {error.strerror}") from error
    return _listening(listener)


async def bind_tcp(host: str, port: int) -> socket.socket:
    """Listen on TCP; port 0 is any free one.

    Raises:
        PortTaken: another program has the port.
        SettingsError: this machine has no such address, or may not use the port.
    """
    where = f"{host}:{port}"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"Clowdy cannot listen on {where}: there is no such address") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        # A port whose last connections are still being wound up is free; one that somebody listens on is not.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        return _listening(listener)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"Another program listens on {where} already. Choose another port with --port, or 0 for any free one."
            ) from error
        raise SettingsError(f"Clowdy cannot listen on {where}: {error.strerror}") from error


def _listening(listener: socket.socket) -> socket.socket:
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
