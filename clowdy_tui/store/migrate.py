"""Brings the database to the newest version when the gateway starts, or says why it cannot and touches nothing."""

import sqlite3
from pathlib import Path

from clowdy_tui.domain.errors import DatabaseTooNew, DataFolderError
from clowdy_tui.store.folder import make_private_file
from clowdy_tui.store.migrations import REVISIONS

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(path: Path) -> bool:
    """Make or upgrade the database; whether there was anything to do. Blocks.

    Raises:
        DatabaseTooNew: a newer Clowdy wrote it.
        DataFolderError: it is damaged, of another program, or cannot be written.
    """
    try:
        make_private_file(path)
        revision = _revision(path)
        if revision == REVISIONS[-1]:
            return False
        _upgrade(path)
    except (OSError, sqlite3.Error) as error:
        raise unusable(path, error) from error
    return True


def unusable(path: Path, error: Exception) -> DataFolderError:
    """The error for a database file that SQLite or the file system refuses."""
    return DataFolderError(
        f"The database {path} cannot be used: {error}. Nothing was changed. "
        "Put back a copy of the file, or move it away to start with an empty one."
    )


def _revision(path: Path) -> str | None:
    """The version of the database; None for an empty file."""
    connection = sqlite3.connect(path)
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if _ours(tables) else []
    finally:
        connection.close()
    if len(rows) != 1:
        raise DataFolderError(
            f"The file {path} is a database, but not one of Clowdy's. Nothing was changed. "
            "Move it away, or choose another folder with --data-dir."
        )
    revision = str(rows[0][0])
    if revision not in REVISIONS:
        raise DatabaseTooNew(
            f"The database {path} was written by a newer Clowdy (version {revision}; this one knows {REVISIONS[-1]}). "
            "Nothing was changed. Install the newer Clowdy again, or choose another folder with --data-dir."
        )
    return revision


def _ours(tables: set[str]) -> bool:
    return {"alembic_version", "meta"} <= tables


def _upgrade(path: Path) -> None:
    # Late: Alembic takes longer to import than everything else in the store, and is needed once a release.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, event, exc, pool

    engine = create_engine(f"sqlite:///{path}", poolclass=pool.NullPool)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3 would commit before each CREATE TABLE: the transaction is ours, so that all steps happen or none.
        connection.isolation_level = None
        connection.execute("PRAGMA busy_timeout = 5000")
        # Can only be chosen before the first table, Alembic's own included, and before WAL writes the header.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: object) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # type: ignore[attr-defined]

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except exc.DatabaseError as error:
        raise unusable(path, error.orig if isinstance(error.orig, Exception) else error) from error
    finally:
        engine.dispose()
