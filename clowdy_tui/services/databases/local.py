"""The provider `local`: a PostgreSQL cluster per project, started when it is needed and stopped when it is not."""

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.engine.pack import DATABASE_PLACE
from clowdy_tui.services.databases.base import Made, Progress, Wanted
from clowdy_tui.services.databases.cluster import ADMIN, Cluster, address, socket_folder, within_reach
from clowdy_tui.services.databases.installation import HOW_TO_INSTALL, Installation, account, find_installations

if TYPE_CHECKING:
    import psycopg

USER: Final = "app"
"""The role that functions are given: owner of its one database, and no superuser."""

_SESSIONS: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@dataclass(slots=True)
class _Use:
    """How a cluster is used. `calls` run now and may want it."""

    calls: int = 0
    last: float = 0.0


class LocalProvider:
    """Clusters below `folder`, one each.

    `why_no_socket` is the engine's: whether sandboxes can be given a socket in that folder. `installations` are looked
    for where they are not given.
    """

    name = "local"
    needs_network = False

    def __init__(
        self,
        folder: Path,
        *,
        why_no_socket: Callable[[Path], Awaitable[str]],
        idle_timeout_s: float,
        installations: list[Installation] | None = None,
    ) -> None:
        self._folder = folder
        self._why_no_socket = why_no_socket
        self._idle_timeout_s = idle_timeout_s
        self._found = installations
        self._clusters: dict[str, Cluster] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._uses: dict[str, _Use] = {}
        self._closed = False

    async def problem(self) -> str:
        try:
            if not await self.installations():
                return f"There is no PostgreSQL here: {HOW_TO_INSTALL}"
            account()
        except Unavailable as error:
            return error.detail
        why_not = await self._why_no_socket(self._folder)
        return f"{why_not} A database at Neon works with it, and so does the bubblewrap driver." if why_not else ""

    async def installations(self) -> list[Installation]:
        if self._found is None:
            self._found = await asyncio.to_thread(find_installations)
        return self._found

    async def provision(self, wanted: Wanted, progress: Progress) -> Made:
        """Raises Unavailable."""
        if problem := await self.problem():
            raise Unavailable(problem)
        installations = await self.installations()
        progress(f"Making a cluster with {installations[0]}")
        admin, password = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        cluster = await self._cluster(wanted.reference, installations[0])
        try:
            await cluster.create(admin)
            progress("Starting it")
            await cluster.start()
            progress("Making the database")
            await self._furnish(cluster, admin, password)
        except BaseException:
            self._clusters.pop(wanted.reference, None)
            await asyncio.shield(cluster.remove())
            raise
        self._use(wanted.reference).last = time.monotonic()
        return Made(wanted.reference, _url(password, DATABASE_PLACE), admin)

    async def drop(self, reference: str) -> None:
        """Raises Unavailable."""
        async with self._lock(reference):
            cluster = await self._known(reference)
            await cluster.remove()
            self._clusters.pop(reference, None)
            self._uses.pop(reference, None)

    def socket_folder(self, reference: str) -> Path:
        """The folder that the project's sandboxes are to see."""
        return socket_folder(self._folder / reference)

    def running(self, reference: str) -> bool:
        cluster = self._clusters.get(reference)
        return cluster is not None and cluster.running

    def begin_call(self, reference: str) -> bool:
        """A call begins that may want the database; whether it runs, so that nothing has to be waited for."""
        use = self._use(reference)
        use.calls += 1
        use.last = time.monotonic()
        return self.running(reference)

    def end_call(self, reference: str) -> None:
        use = self._use(reference)
        use.calls -= 1
        use.last = time.monotonic()

    async def wake(self, reference: str) -> None:
        """Start it where it does not run. Raises Unavailable: it cannot be started; says why."""
        async with self._lock(reference):
            if self._closed:
                raise Unavailable("The gateway is stopping")
            cluster = await self._known(reference)
            self._use(reference).last = time.monotonic()
            if not cluster.running:
                await cluster.end_orphan()
                await cluster.start()

    async def installation(self, reference: str) -> Installation:
        """The PostgreSQL that runs it. Raises Unavailable: that one is gone."""
        return (await self._known(reference)).installation

    async def end_orphans(self) -> None:
        """Stop what a killed gateway left running; a start of it is clean then."""
        for path in sorted(self._folder.glob("*/data/postmaster.pid")):
            with contextlib.suppress(Unavailable):
                await (await self._known(path.parents[1].name)).end_orphan()

    async def remove_unknown(self, known: set[str]) -> None:
        """Remove clusters that belong to no project any more: what a killed gateway did not get to."""
        for folder in sorted(self._folder.glob("*")):
            if re.fullmatch(r"[0-9a-f]{12}", folder.name) and folder.name not in known:
                await self.drop(folder.name)

    def is_idle(self, reference: str) -> bool:
        """It runs, no call may want it, and it was not used for a while. Sessions of others are not looked at."""
        use = self._use(reference)
        unused = not use.calls and time.monotonic() - use.last >= self._idle_timeout_s
        return unused and self.running(reference)

    async def stop_if_idle(self, reference: str, password: str) -> bool:
        """Stop it where it is idle and nobody has a session; whether that was so. Raises Unavailable."""
        async with self._lock(reference):
            if not self.is_idle(reference):
                return False
            async with self.admin(reference, password) as connection:
                found = await connection.execute(_SESSIONS)
                row = await found.fetchone()
            # A call may have begun meanwhile.
            if row is None or row[0] or not self.is_idle(reference):
                return False
            await self._clusters[reference].stop()
            return True

    @asynccontextmanager
    async def admin(self, reference: str, password: str) -> "AsyncIterator[psycopg.AsyncConnection[Any]]":
        """A superuser's session in the database, which must run. Raises Unavailable."""
        cluster = await self._known(reference)
        async with _connected(cluster, password, USER) as connection:
            yield connection

    async def measure(self, reference: str, password: str) -> int:
        """How many bytes the database takes. Raises Unavailable."""
        async with self.admin(reference, password) as connection:
            found = await connection.execute("SELECT pg_database_size(current_database())")
            row = await found.fetchone()
        return int(row[0]) if row else 0

    async def set_read_only(self, reference: str, password: str, *, read_only: bool) -> None:
        """Whether new sessions may write. Raises Unavailable."""
        from psycopg import sql

        setting = sql.SQL("ON") if read_only else sql.SQL("OFF")
        statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
        async with self.admin(reference, password) as connection:
            await connection.execute(statement.format(sql.Identifier(USER), setting))

    def url_here(self, reference: str, password: str) -> str:
        """The address for programs on this machine; `password` is quoted already. Raises Unavailable."""
        return _url(password, address(self._folder / reference))

    async def close(self) -> None:
        """Stop all."""
        self._closed = True
        for lock in list(self._locks.values()):
            # Whoever starts one now is waited for.
            async with lock:
                pass
        await asyncio.gather(*(cluster.stop() for cluster in self._clusters.values()))

    def _use(self, reference: str) -> _Use:
        return self._uses.setdefault(reference, _Use())

    def _lock(self, reference: str) -> asyncio.Lock:
        return self._locks.setdefault(reference, asyncio.Lock())

    async def _known(self, reference: str) -> Cluster:
        """The cluster with that name, by the PostgreSQL that made it. Raises Unavailable: that one is gone."""
        if reference in self._clusters:
            return self._clusters[reference]
        try:
            version = int((self._folder / reference / "data" / "PG_VERSION").read_text())
        except (OSError, ValueError):
            # Half made, or damaged: it can be removed by any of them, and its start says what is wrong.
            version = None
        installations = await self.installations()
        fitting = next((one for one in installations if version in (None, one.version)), None)
        if fitting is None:
            raise Unavailable(
                f"The database was made by PostgreSQL {version}, which is not here any more: install it again "
                f"(on Debian and Ubuntu: sudo apt-get install postgresql-{version}). Nothing was changed"
            )
        return await self._cluster(reference, fitting)

    async def _cluster(self, reference: str, installation: Installation) -> Cluster:
        who = account()
        reachable = await asyncio.to_thread(within_reach, installation, who, self._folder)
        self._clusters[reference] = cluster = Cluster(self._folder / reference, reachable, who)
        return cluster

    async def _furnish(self, cluster: Cluster, admin: str, password: str) -> None:
        from psycopg import sql

        async with _connected(cluster, admin, "postgres") as connection:
            role = sql.Identifier(USER)
            await connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(password)))
            await connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))


@asynccontextmanager
async def _connected(cluster: Cluster, password: str, database: str) -> "AsyncIterator[psycopg.AsyncConnection[Any]]":
    import psycopg

    try:
        async with await psycopg.AsyncConnection.connect(
            host=address(cluster.folder),
            user=ADMIN,
            password=password,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
            # Ours also where those of functions are.
            options="-c default_transaction_read_only=off",
        ) as connection:
            yield connection
    except psycopg.Error as error:
        raise Unavailable(f"The database does not answer: {str(error).strip()}") from error


def _url(password: str, folder: str) -> str:
    return f"postgresql://{USER}:{password}@/{USER}?host={quote(folder, safe='/')}"
