"""Dumps of databases, and databases made of dumps again: pg_dump's and pg_restore's own format."""

import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from clowdy_tui import subprocesses
from clowdy_tui.domain.errors import BadRequest, Unavailable
from clowdy_tui.domain.tables import Project
from clowdy_tui.services.databases.installation import Installation, find_program

_MAGIC: Final = b"PGDMP"
_LAST_WORDS: Final = 600
MAX_DUMP_BYTES: Final = 8 * 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database answers from here. `installation` is its own PostgreSQL, None where it is elsewhere."""

    url: str = field(repr=False)
    installation: Installation | None = None


class Copies:
    """Dumps that are kept lie in `folder`; what passes through lies there for a moment."""

    def __init__(self, folder: Path, installations: Callable[[], Awaitable[list[Installation]]]) -> None:
        self._folder = folder
        self._installations = installations

    async def keep(self, project: Project, provider: str, there: Address) -> Path:
        """Dump a database to a file that stays. Raises Unavailable, with pg_dump's own words."""
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        async with self.dumped(there) as dump:
            target = self._folder / f"{project.slug}-{provider}-{stamp}.dump"
            await asyncio.to_thread(dump.rename, target)
        return target

    @asynccontextmanager
    async def dumped(self, there: Address) -> AsyncIterator[Path]:
        """A dump of the database there, as a file that goes at the end of the block unless it was moved.

        Raises:
            Unavailable: it cannot be dumped, with pg_dump's own words.
        """
        async with self.place() as path:
            failed = await self._run(
                "pg_dump", there, "--format=custom", "--no-owner", "--no-privileges", "-f", str(path)
            )
            if failed is not None:
                raise Unavailable(f"The database cannot be dumped: {failed}")
            yield path

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Path]:
        """A new file for this user alone, which goes at the end of the block unless it was moved."""
        try:
            await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".passing-", dir=self._folder)
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be written: {error.strerror or error}") from error
        os.close(descriptor)
        path = Path(name)
        try:
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def restore(self, there: Address, dump: Path) -> None:
        """Put back what a dump holds, all of it or nothing: what is there under the same names is replaced.

        Raises:
            BadRequest: it is no dump in pg_dump's custom format, or cannot be put back; in pg_restore's own words.
            Unavailable: there is no pg_restore here.
        """
        if not await asyncio.to_thread(_is_dump, dump):
            raise BadRequest(
                "This is no dump of `pg_dump --format=custom`. A file of SQL is for psql: clowdy db psql PROJECT < file"
            )
        # A plain file of SQL is never run here: psql would take commands for a shell from it.
        failed = await self._run(
            "pg_restore",
            there,
            *("--clean", "--if-exists", "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"),
            *("-d", _name_of(there.url), str(dump)),
        )
        if failed is not None:
            raise BadRequest(f"The dump cannot be put back, nothing was changed: {failed}")

    async def _run(self, program: str, there: Address, *arguments: str) -> str | None:
        """Run one of PostgreSQL's clients to its end; None where it succeeded, else its last words."""
        # A newer pg_dump writes what an older server does not take back.
        known = [there.installation] if there.installation is not None else await self._installations()
        path = find_program(program, known, with_tls=there.installation is None)
        if path is None:
            raise Unavailable(
                f"There is no {program} here that can reach a database elsewhere: install PostgreSQL's client programs "
                "(on Debian and Ubuntu: sudo apt-get install postgresql-client)"
            )
        process = await asyncio.create_subprocess_exec(
            str(path),
            *arguments,
            env={
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "HOME": "/nonexistent",
                **connection_variables(there.url),
            },
            cwd="/",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            _, said = await process.communicate()
        finally:
            await subprocesses.end(process)
        if process.returncode == 0:
            return None
        words = " ".join(said.decode("utf-8", "replace").replace(str(self._folder), "").split())
        return words[-_LAST_WORDS:] or f"{program} ended with {process.returncode}"


def _is_dump(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def connection_variables(url: str) -> Mapping[str, str]:
    """How libpq's programs are told where to connect: never on a command line, which everybody may read."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    told = {
        "PGHOST": query.get("host") or parts.hostname or "",
        "PGPORT": str(parts.port or ""),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": _name_of(url),
        "PGSSLMODE": query.get("sslmode", ""),
        "PGCHANNELBINDING": query.get("channel_binding", ""),
        # Who restores or cleans up writes also where new sessions are read-only for want of room.
        "PGOPTIONS": "-c default_transaction_read_only=off",
    }
    return {name: value for name, value in told.items() if value}


def _name_of(url: str) -> str:
    return unquote(re.sub(r"^/", "", urlsplit(url).path))
