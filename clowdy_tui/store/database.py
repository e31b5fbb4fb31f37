"""The database: one SQLite file, opened for the services. Transactions, and what every connection is told first."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import aiosqlite
from sqlalchemy import event, exc
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlmodel import SQLModel

from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.store.conversations import Conversations
from clowdy_tui.store.databases import ProjectDatabases
from clowdy_tui.store.figures import Figures
from clowdy_tui.store.functions import Functions
from clowdy_tui.store.inputs import SavedInputs
from clowdy_tui.store.invocations import Invocations
from clowdy_tui.store.keys import ApiKeys
from clowdy_tui.store.meta import MetaValues
from clowdy_tui.store.migrate import migrate, unusable
from clowdy_tui.store.packages import Packages
from clowdy_tui.store.projects import Projects
from clowdy_tui.store.routes import Routes
from clowdy_tui.store.tokens import Tokens
from clowdy_tui.store.variables import Variables

DATABASE_NAME: Final = "clowdy.db"

PRAGMAS: Final = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA foreign_keys = ON",
    # With WAL this can lose the last moments in a power cut, never the database.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    "PRAGMA journal_size_limit = 67108864",
)


Row = TypeVar("Row", bound=SQLModel)


class Transaction:
    """One transaction, with a repository for each group of tables."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self.projects = Projects(session)
        self.functions = Functions(session)
        self.routes = Routes(session)
        self.variables = Variables(session)
        self.inputs = SavedInputs(session)
        self.invocations = Invocations(session)
        self.figures = Figures(session)
        self.tokens = Tokens(session)
        self.keys = ApiKeys(session)
        self.packages = Packages(session)
        self.conversations = Conversations(session)
        self.databases = ProjectDatabases(session)
        self.meta = MetaValues(session)

    async def find(self, table: type[Row], id_: str) -> Row | None:
        """The row with this id, of any table that has such."""
        return await self._session.get(table, id_)


class Database:
    """Opens transactions on the database file. Rows stay readable after their transaction."""

    def __init__(self, path: Path, engine: AsyncEngine) -> None:
        self.path = path
        self._engine = engine
        # SQLite takes one writer at a time; waiting here costs no thread and has no timeout.
        self._writing = asyncio.Lock()

    @classmethod
    async def open(cls, data_dir: Path) -> Self:
        """Migrate the database of this data folder and open it.

        Raises:
            DatabaseTooNew: a newer Clowdy wrote it.
            DataFolderError: it is damaged, of another program, or cannot be written.
        """
        path = data_dir / DATABASE_NAME
        await asyncio.to_thread(migrate, path)
        engine = create_async_engine(f"sqlite+aiosqlite:///{path}", pool_size=2, max_overflow=2)
        event.listen(engine.sync_engine, "connect", _prepare)
        event.listen(engine.sync_engine, "begin", _begin)
        database = cls(path, engine)
        try:
            async with database.read() as transaction:
                await transaction.meta.all()
        except BaseException:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """A transaction that sees one state of the database and must not write.

        Raises:
            DataFolderError: the file is damaged.
            Unavailable: it cannot be read now.
        """
        with self._told_plainly():
            async with AsyncSession(self._engine, expire_on_commit=False, autoflush=False) as session:
                yield Transaction(session)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction that may write: committed at the end of the block, undone when it raises.

        Raises:
            DataFolderError: the file is damaged.
            Unavailable: it cannot be written now: the disk is full, say.
        """
        with self._told_plainly():
            async with self._writing, self._engine.connect() as connection:
                await connection.execution_options(clowdy_writes=True)
                async with AsyncSession(connection, expire_on_commit=False, autoflush=False) as session:
                    yield Transaction(session)
                    await session.commit()

    async def used_bytes(self) -> int:
        """How much of the file holds something.

        Raises:
            Unavailable: the database cannot be read now.
        """
        pages, free, size = await self._pages()
        return (pages - free) * size

    async def free_pages(self) -> int:
        """How many pages of the file hold nothing. Raises Unavailable."""
        return (await self._pages())[1]

    async def _pages(self) -> tuple[int, int, int]:
        with self._told_plainly():
            async with self._engine.connect() as connection:
                names = ("page_count", "freelist_count", "page_size")
                counts = [(await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one() for name in names]
        return counts[0], counts[1], counts[2]

    async def give_back_space(self, pages: int) -> int:
        """Take up to so many unused pages off the file's end; how many unused ones are left.

        Raises:
            Unavailable: the database cannot be written now.
        """
        with self._told_plainly():
            async with self._writing, self._engine.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert isinstance(driver, aiosqlite.Connection)
                try:
                    # As a script: a page goes with each step of the statement, and `execute` takes only the first.
                    await driver.executescript(f"PRAGMA incremental_vacuum({pages:d})")
                    async with driver.execute("PRAGMA freelist_count") as cursor:
                        row = await cursor.fetchone()
                except sqlite3.Error as error:
                    raise exc.DatabaseError(None, None, error) from error
        return int(row[0]) if row else 0

    @contextmanager
    def _told_plainly(self) -> Iterator[None]:
        """SQLite's own errors in the words of the domain. A breach of a constraint is ours to answer for, and stays."""
        try:
            yield
        except exc.IntegrityError:
            raise
        except exc.DatabaseError as error:
            cause = error.orig if isinstance(error.orig, sqlite3.Error) else error
            # sqlite3 raises its subclasses for what may pass, and the plain class for a file that is no database.
            if type(cause) is sqlite3.DatabaseError:
                raise unusable(self.path, cause) from error
            raise Unavailable(f"The database cannot be used now: {cause}") from error

    async def outlive_power_cuts(self) -> None:
        """Have all that was committed so far on the disk itself. Raises OSError."""
        await asyncio.to_thread(_sync, self.path.with_name(f"{self.path.name}-wal"))

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()


def prepare(connection: sqlite3.Connection) -> None:
    """Tell a connection of `sqlite3`'s own what every connection is told."""
    connection.isolation_level = None
    for pragma in PRAGMAS:
        connection.execute(pragma)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file)


def _prepare(connection: Any, _record: object) -> None:
    # sqlite3 would open transactions by guess, and deferred: one that reads and then writes fails at once where
    # another wrote in between, busy_timeout or not. `_begin` says it instead.
    try:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(pragma)
        cursor.close()
    except BaseException:
        # The pool closes only what it was given.
        connection.close()
        raise


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("clowdy_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
