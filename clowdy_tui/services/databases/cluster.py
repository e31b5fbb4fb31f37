"""One PostgreSQL cluster: made, started, stopped. It listens on a socket in a folder of its own and nowhere else."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clowdy_tui import subprocesses
from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.engine.sandboxes import leftovers
from clowdy_tui.engine.sandboxes.launch import launch_command
from clowdy_tui.services.databases.installation import Account, Installation

ADMIN: Final = "clowdy"
"""The superuser. Only Clowdy knows its password: who has it can run programs outside of any sandbox."""

_LONGEST_SOCKET: Final = 100
_SOCKET_NAME: Final = ".s.PGSQL.5432"
_READY_S: Final = 60.0
_STOP_S: Final = 30.0
_LAST_WORDS: Final = 600
# Each process: a session that wants more fails alone, where else one query could take all of the machine's memory.
_MEMORY_KB: Final = 1024 * 1024
_LIMITED: Final = ("/bin/sh", "-c", f'ulimit -c 0; ulimit -d {_MEMORY_KB}; exec "$@"', "sh")

_SETTINGS: Final = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0777",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
    "huge_pages": "off",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "256MB",
    "password_encryption": "scram-sha-256",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    # Statements hold what belongs to nobody but the functions.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_min_messages": "fatal",
}
_ACCESS: Final = f"local app app scram-sha-256\nlocal all {ADMIN} scram-sha-256\n"


class Cluster:
    """A cluster in `folder`, of one PostgreSQL. Belongs to one event loop; one at a time starts or stops it."""

    def __init__(self, folder: Path, installation: Installation, account: Account | None) -> None:
        self.folder = folder
        self.installation = installation
        self.socket_folder = socket_folder(folder)
        self._account = account
        self._process: asyncio.subprocess.Process | None = None
        self._errors = folder / "start.log"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def create(self, password: str) -> None:
        """Make its files; `password` is the superuser's.

        Raises:
            Unavailable: it cannot be made, with PostgreSQL's own last words.
        """
        await asyncio.to_thread(self._make_folders)
        secret = self.folder / "password"
        try:
            await asyncio.to_thread(self._write_secret, secret, password)
            said = await self._run(
                self.installation.program("initdb"),
                *("-D", str(self.data), "-U", ADMIN, "--pwfile", str(secret), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C", "--no-instructions"),
            )
        finally:
            secret.unlink(missing_ok=True)
        if said is not None:
            raise Unavailable(f"The database's files cannot be made: {said}")

    async def start(self) -> None:
        """Start it and wait until it takes connections; does nothing where it runs.

        Raises:
            Unavailable: it does not start, with PostgreSQL's own last words.
        """
        if self.running:
            return
        await asyncio.to_thread(self._prepare)
        # As PostgreSQL sees it, which works in its data's folder: a whole path may be longer than a socket's may be.
        settings = {**_SETTINGS, "unix_socket_directories": f"../{self.socket_folder.name}"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._errors.open("wb") as errors:
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command(self.installation.program("postgres"), "-D", str(self.data), *arguments),
                cwd=self.folder,
                env=_environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                start_new_session=True,
            )
        try:
            await self._ready(process)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop it: sessions are broken off, nothing that was committed is lost. The second time does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        # Fast, then at once: after the latter the next start has to recover, which it can.
        for number, patience in ((signal.SIGINT, _STOP_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            try:
                async with asyncio.timeout(patience):
                    await process.wait()
                return
            except TimeoutError:
                continue

    async def end_orphan(self) -> None:
        """Stop a server that a killed gateway left running on these files."""
        if (self.data / "postmaster.pid").exists():
            await self._run(self.installation.program("pg_ctl"), "stop", "-D", str(self.data), "-m", "fast", "-t", "20")

    async def remove(self) -> None:
        """Stop it and remove all of its files. Raises Unavailable: something cannot be removed."""
        await self.end_orphan()
        await self.stop()
        try:
            await asyncio.to_thread(self._remove)
        except OSError as error:
            raise Unavailable(
                f"{error.filename or self.folder} cannot be removed: {error.strerror or error}"
            ) from error

    def _make_folders(self) -> None:
        if self._account is not None and not leftovers.passable(self.folder.parent):
            raise Unavailable(
                f"PostgreSQL does not run as root, and the user {self._account.name} cannot enter "
                f"{self.folder.parent}: "
                "choose a data folder that others may pass through, as /var/lib/clowdy is"
            )
        try:
            # The account's own: it makes and locks the files below.
            self.folder.mkdir(mode=0o711, parents=True)
            self._own(self.folder)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be made: {error.strerror or error}") from error

    def _prepare(self) -> None:
        """What a start needs that may have gone since."""
        try:
            self.socket_folder.mkdir(mode=0o755, exist_ok=True)
            self.socket_folder.chmod(0o755)
            self._own(self.socket_folder)
            access = self.data / "pg_hba.conf"
            if access.read_text() != _ACCESS:
                access.write_text(_ACCESS)
        except OSError as error:
            raise Unavailable(f"The database's files cannot be used: {error}") from error

    def _own(self, path: Path) -> None:
        if self._account is not None:
            os.chown(path, self._account.uid, self._account.gid)

    def _write_secret(self, path: Path, text: str) -> None:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{text}\n")
        self._own(path)

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.ensure_future(process.wait())
        try:
            async with asyncio.timeout(_READY_S):
                while not ended.done():
                    if self._says_ready(process.pid):
                        return
                    await asyncio.wait([ended], timeout=0.02)
        except TimeoutError:
            raise Unavailable(f"The database was not ready within {_READY_S:g} s: {self._words()}") from None
        finally:
            ended.cancel()
        raise Unavailable(f"The database does not start: {self._words()}")

    def _says_ready(self, pid: int) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _words(self) -> str:
        """PostgreSQL's own last words, from where it says them before it has a log and from its log."""
        logs = sorted(self.data.glob("log/*.log"), key=lambda path: path.stat().st_mtime)
        texts = [path.read_bytes()[-_LAST_WORDS:].decode("utf-8", "replace") for path in (self._errors, *logs[-1:])]
        words = " ".join(" ".join(texts).split())[-_LAST_WORDS:] or "it said nothing"
        return words.replace(str(self.folder), "")

    def _remove(self) -> None:
        _short_name(self.folder).unlink(missing_ok=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    async def _run(self, *command: str | Path) -> str | None:
        """Run one of its programs to its end; None where it succeeded, else its last words."""
        process = await asyncio.create_subprocess_exec(
            *self._command(*command),
            cwd=self.folder,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            said, _ = await process.communicate()
        finally:
            await subprocesses.end(process)
        if process.returncode == 0:
            return None
        words = " ".join(said.decode("utf-8", "replace").split()).replace(str(self.folder), "")
        return words[-_LAST_WORDS:] or f"it ended with {process.returncode}"

    def _command(self, *command: str | Path) -> Sequence[str]:
        drop_to = None if self._account is None else self._account.uid
        return [*_LIMITED, *launch_command(map(str, command), join_files=(), drop_to=drop_to)]


def socket_folder(folder: Path) -> Path:
    """Where the socket of a cluster's folder lies. Beside its files: nobody tidies up there while it is mounted."""
    return folder / "socket"


def address(folder: Path) -> str:
    """The socket's folder as clients on this machine are to name it.

    A socket's path has about a hundred bytes: where it is longer, a link in a short place leads there.

    Raises:
        Unavailable: that link cannot be made.
    """
    near = socket_folder(folder).absolute()
    if len(os.fsencode(near / _SOCKET_NAME)) <= _LONGEST_SOCKET:
        return str(near)
    link = _short_name(folder)
    try:
        if not link.is_symlink():
            link.symlink_to(near)
        if link.lstat().st_uid != os.geteuid() or link.readlink() != near:
            raise Unavailable(f"{link} belongs to somebody else: remove it")
    except OSError as error:
        raise Unavailable(f"{link}, by which the database is reached, cannot be made: {error.strerror}") from error
    return str(link)


def _short_name(folder: Path) -> Path:
    mark = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"clowdy-db-{mark}"


def within_reach(installation: Installation, account: Account | None, place: Path) -> Installation:
    """The installation, copied to `place` where its account could not get at it: a wheel below /root. Blocks."""
    if account is None or leftovers.open_to_all(installation.program("postgres")):
        return installation
    target = place / f".postgresql-{installation.version}"
    if not (target / "bin" / "postgres").is_file():
        leftovers.link_tree(installation.folder.parent, target)
    return Installation(target / "bin", installation.version, installation.origin)


def _environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/", "TZ": "UTC"}
