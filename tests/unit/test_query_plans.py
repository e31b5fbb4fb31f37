"""Lists stay quick however long the log gets: each is answered along an index, and nothing is sorted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from clowdy_tui.store.database import Database, Transaction
from clowdy_tui.store.figures import FiguresFilter
from clowdy_tui.store.invocations import InvocationFilter


@pytest.fixture
async def database(folder: Path) -> AsyncIterator[Database]:
    opened = await Database.open(folder)
    yield opened
    await opened.close()


async def plan(database: Database, ask: Any) -> str:
    """How SQLite answers what `ask(transaction)` asks."""
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith(("SELECT", "DELETE")):
            asked.append((statement, parameters))

    engine = database._engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with database.write() as transaction:
        await ask(transaction)
    event.remove(engine, "before_cursor_execute", note)
    lines: list[str] = []
    async with database.read() as transaction:
        connection = await transaction.projects._session.connection()
        for statement, parameters in asked:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            lines += [row[-1] for row in rows]
    assert lines
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (InvocationFilter(), "ix_invocation_owner_id (owner=?)"),
        (InvocationFilter(before=5), "ix_invocation_owner_id (owner=? AND id<?)"),
        (InvocationFilter(first=5, last=9), "ix_invocation_owner_id (owner=? AND id>? AND id<?)"),
        (InvocationFilter(function_id="f"), "ix_invocation_function_id (function_id=?)"),
        (
            InvocationFilter(function_id="f", before=5, statuses=("success",)),
            "ix_invocation_function_id (function_id=? AND id<?)",
        ),
        (
            InvocationFilter(function_id="f", before=5, statuses=("error",)),
            "ix_invocation_failed_function_id (function_id=? AND id<?)",
        ),
        (InvocationFilter(statuses=("error", "timeout")), "ix_invocation_failed_owner_id (owner=?)"),
    ],
)
async def test_the_invocation_log(database: Database, wanted: InvocationFilter, index: str) -> None:
    found = await plan(database, lambda transaction: transaction.invocations.page("ada", wanted, limit=50))
    assert index in found
    assert "SCAN" not in found
    assert "TEMP B-TREE" not in found


@pytest.mark.parametrize("before", [None, "x"])
async def test_projects_and_functions(database: Database, before: str | None) -> None:
    async def lists(transaction: Transaction) -> None:
        await transaction.projects.page("ada", limit=50, before=before)
        await transaction.functions.page("ada", limit=50, before=before)
        await transaction.functions.page("ada", project_id="p", limit=50, before=before)
        await transaction.functions.versions("f")

    found = await plan(database, lists)
    for index in ("ix_project_owner_created_at", "ix_function_owner_created_at", "ix_function_project_id_created_at"):
        assert index in found
    assert "SCAN project" not in found
    assert "SCAN function" not in found
    assert "TEMP B-TREE" not in found


async def test_what_is_removed_is_found_by_an_index(database: Database) -> None:
    found = await plan(database, lambda transaction: transaction.invocations.delete_of("f", limit=10))
    assert "ix_invocation_function_id (function_id=?)" in found
    assert "SCAN" not in found


async def test_the_oldest_are_found_without_a_search(database: Database) -> None:
    async def oldest(transaction: Transaction) -> None:
        await transaction.invocations.delete_oldest(limit=10, before=5)
        await transaction.invocations.delete_oldest(limit=10)

    found = await plan(database, oldest)
    assert "SEARCH invocation USING INTEGER PRIMARY KEY (rowid<?)" in found
    assert "TEMP B-TREE" not in found


async def test_figures_are_read_by_their_key(database: Database) -> None:
    async def figures(transaction: Transaction) -> None:
        for wanted in (FiguresFilter("ada"), FiguresFilter("ada", "p"), FiguresFilter("ada", None, "f")):
            await transaction.figures.sums(wanted)
            await transaction.figures.sums(wanted, since=60)
            await transaction.figures.minutes(wanted, since=60)
        await transaction.figures.trim("f", minutes_before=60, hours_before=60)

    found = await plan(database, figures)
    assert "PRIMARY KEY (function_id=? AND width=? AND at>?)" in found
    assert "PRIMARY KEY (function_id=? AND width=? AND at<?)" in found
    assert "SCAN invocation_figures" not in found
    assert "SCAN function" not in found
