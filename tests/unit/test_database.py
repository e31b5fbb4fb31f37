import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from clowdy_tui.domain import names, tables
from clowdy_tui.domain.durations import bucket_of
from clowdy_tui.domain.errors import Conflict, DatabaseTooNew, DataFolderError, DataFolderLocked
from clowdy_tui.domain.tables import Project
from clowdy_tui.store.database import DATABASE_NAME, Database
from clowdy_tui.store.figures import FiguresFilter
from clowdy_tui.store.folder import make_data_folder
from clowdy_tui.store.lock import FolderLock
from clowdy_tui.store.migrate import MIGRATIONS, migrate
from clowdy_tui.store.migrations import REVISIONS
from clowdy_tui.store.records import BODY_COLUMNS, INVOCATION_COLUMNS


def project(number: int, **changes: object) -> Project:
    fields: dict[str, object] = {"id": f"{number:012x}", "owner": "ada", "name": "x", "slug": f"x-{number}"}
    return Project(**{**fields, "created_at": number, "updated_at": number, **changes})


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    assert migrate(path)
    assert not migrate(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


async def test_calls_from_before_there_were_figures_are_counted(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    migrate(path)
    first = names.new_invocation_id()
    with closing(sqlite3.connect(path)) as connection:
        # As the first release leaves it: three calls, and nothing that counts them.
        for index in ("ix_invocation_failed_function_id", "ix_invocation_failed_owner_id"):
            connection.execute(f"DROP INDEX {index}")
        for table in (
            "invocation_figures",
            "api_key",
            "project_packages",
            "saved_input",
            "project_database",
            "conversation_entry",
            "conversation",
        ):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE function DROP COLUMN concurrency")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
        connection.execute(
            "INSERT INTO function SELECT 'f', 'ada', NULL, 'f', '', '', '', '', 0, 1, 1, 1, 1, 0, 1, 1, 1"
        )
        for number, status in enumerate(("success", "success", "throttled")):
            connection.execute(
                "INSERT INTO invocation VALUES (?, 'f', 'ada', 1, ?, 'api', NULL, NULL, ?, 500, 0, 0, NULL, NULL)",
                (first + number, status, number == 0),
            )
        connection.commit()
    assert migrate(path)
    database = await Database.open(tmp_path)
    async with database.read() as transaction:
        sums = await transaction.figures.sums(FiguresFilter("ada"))
        minutes = await transaction.figures.minutes(FiguresFilter("ada"), since=0)
    await database.close()
    assert (sums.calls, sums.cold_starts, sums.duration_us) == (3, 1, 1000)
    assert sums.statuses == {"success": 2, "throttled": 1}
    assert sums.durations == {bucket_of(500): 2}
    assert list(minutes.values()) == [sums]


def test_the_known_revisions_are_alembics() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert [revision.revision for revision in script.walk_revisions()] == [*reversed(REVISIONS)]


def test_the_writers_columns_are_the_tables() -> None:
    assert tuple(tables.Invocation.__table__.columns.keys()) == INVOCATION_COLUMNS
    assert tuple(tables.InvocationBody.__table__.columns.keys()) == BODY_COLUMNS


async def test_every_connection_is_told_the_same(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)
    async with database.read() as transaction:
        session = transaction.projects._session
        told = {
            name: (await (await session.connection()).exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout", "temp_store", "auto_vacuum")
        }
    await database.close()
    assert told == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "synchronous": 1,
        "busy_timeout": 5000,
        "temp_store": 2,
        "auto_vacuum": 2,
    }
    assert stat.S_IMODE((tmp_path / DATABASE_NAME).stat().st_mode) == 0o600


async def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)

    async def add(*projects: Project) -> None:
        async with database.write() as transaction:
            for one in projects:
                await transaction.projects.add(one)

    with pytest.raises(Conflict):
        await add(project(2), project(3, slug="x-2"))
    async with database.read() as transaction:
        assert await transaction.projects.all() == []
    await database.close()


async def test_pages_are_newest_first_also_within_one_millisecond(tmp_path: Path) -> None:
    database = await Database.open(tmp_path)
    async with database.write() as transaction:
        for number in range(10):
            await transaction.projects.add(project(number, created_at=number // 4))
    seen: list[str] = []
    async with database.read() as transaction:
        while page := await transaction.projects.page("ada", limit=3, before=seen[-1] if seen else None):
            seen += [row.id for row, _ in page]
    await database.close()
    assert seen == [f"{number:012x}" for number in reversed(range(10))]


def test_a_database_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    migrate(path)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNew, match=r"newer Clowdy .* Nothing was changed"):
        migrate(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database, " * 100, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_damaged_database_is_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / DATABASE_NAME
    path.write_bytes(content)
    with pytest.raises(DataFolderError, match="cannot be used"):
        await Database.open(tmp_path)
    assert path.read_bytes() == content


async def test_a_database_with_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    migrate(path)
    content = bytearray(path.read_bytes())
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'meta'").fetchone()
    connection.close()
    content[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(DataFolderError, match="cannot be used"):
        await Database.open(tmp_path)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / DATABASE_NAME
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    with pytest.raises(DataFolderError, match="not one of Clowdy's"):
        migrate(path)


def test_a_migration_happens_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic.operations import Operations

    path = tmp_path / DATABASE_NAME
    create_index = Operations.create_index

    def fail_late(self: Operations, name: str, *rest: object, **options: object) -> object:
        if name == "ix_token_user":
            raise OSError(28, "No space left on device")
        return create_index(self, name, *rest, **options)

    monkeypatch.setattr(Operations, "create_index", fail_late)
    with pytest.raises(DataFolderError, match="No space left"):
        migrate(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    connection.close()
    monkeypatch.undo()
    assert migrate(path)


def test_the_data_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_data_folder(folder)
    expected = 0o711 if os.geteuid() == 0 else 0o700
    assert stat.S_IMODE(folder.stat().st_mode) == expected
    folder.chmod(0o777)
    make_data_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == expected


def test_a_data_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError, match=r"is not a folder.*--data-dir"):
        make_data_folder(tmp_path / "file")
    with pytest.raises(DataFolderError, match="--data-dir"):
        make_data_folder(tmp_path / "file" / "below")
    with pytest.raises(DataFolderError, match="--data-dir"):
        make_data_folder(Path("/proc/clowdy"))


def test_one_gateway_to_a_folder(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path), FolderLock(tmp_path)
    first.acquire()
    with pytest.raises(
        DataFolderLocked, match=rf"pid {os.getpid()}\).*`clowdy` attaches to it, `clowdy stop`"
    ) as caught:
        second.acquire()
    assert caught.value.extra == {"pid": os.getpid()}
    first.release()
    second.acquire()
    second.release()
