"""What the web app's database holds, as far as it can be taken over; and what is said of the rest."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from clowdy_tui.cli.import_ import requests
from clowdy_tui.domain.errors import Forbidden, InvalidInput
from clowdy_tui.domain.importing import ImportIn, ImportOut, ImportVersion
from clowdy_tui.domain.schemas import ALL_SCOPES, FunctionPatch
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform
from clowdy_tui.services.routing import Match
from clowdy_tui.store import ancestor

ADA = Actor("ada", frozenset(ALL_SCOPES))
CODE = "def handler(input, context=None):\n    return input\n"
NOW = "2025-03-01 12:00:00.123456"


def make(path: Path, tables: dict[str, list[dict[str, Any]]]) -> Path:
    """A database with these rows; each table's columns are those that its rows name."""
    with closing(sqlite3.connect(path)) as connection:
        for table, rows in tables.items():
            columns = list(dict.fromkeys(name for row in rows for name in row)) or ["id"]
            connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
        connection.commit()
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """One as the web app leaves it, with a few rows that cannot be taken."""
    shop, mail = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
    return make(
        tmp_path / "old.db",
        {
            "projects": [
                {
                    "id": shop,
                    "name": "Shop",
                    "slug": "shop",
                    "description": "things",
                    "user_id": "user_1",
                    "status": "active",
                    "requirements_txt": "httpx\n",
                    "has_database": 1,
                    "created_at": NOW,
                },
                {"id": mail, "name": "!!!", "slug": "", "user_id": "user_2"},
            ],
            "functions": [
                {
                    "id": "111111111111",
                    "name": "price",
                    "code": CODE + "# 2\n",
                    "project_id": shop,
                    "runtime": "python",
                    "status": "active",
                    "network_enabled": 1,
                    "created_at": NOW,
                },
                {"id": "222222222222", "name": "old", "code": "", "status": "inactive", "project_id": shop},
                {"id": 7, "name": "alone", "code": CODE, "project_id": None, "user_id": "user_1"},
                {"id": "333333333333", "name": "js", "code": "x", "runtime": "nodejs", "project_id": shop},
                {"id": "444444444444", "name": "price", "code": CODE, "project_id": shop},
                {"id": "555555555555", "name": None, "code": CODE, "project_id": shop},
                {"id": "666666666666", "name": "of mail", "code": CODE, "project_id": mail},
                {"id": "777777777777", "name": "lost", "code": CODE, "project_id": "cccccccccccc"},
            ],
            "function_versions": [
                {"id": 1, "function_id": "111111111111", "version": 1, "code": CODE, "created_at": NOW},
                {"id": 2, "function_id": "111111111111", "version": 4, "code": CODE + "# 2\n", "created_at": NOW},
                {"id": 3, "function_id": "111111111111", "version": 5, "code": CODE + "# 3\n", "created_at": NOW},
                {"id": 4, "function_id": "111111111111", "version": None, "code": CODE, "created_at": NOW},
            ],
            "routes": [
                {"id": "r1", "project_id": shop, "function_id": "111111111111", "method": "get", "path": "/p/:id"},
                {"id": "r2", "project_id": shop, "function_id": "111111111111", "method": "GET", "path": "/p/{x}"},
                {"id": "r3", "project_id": shop, "function_id": "999999999999", "method": "GET", "path": "/q"},
                {"id": "r4", "project_id": shop, "function_id": "111111111111", "method": "GET", "path": "/a b"},
                {"id": "r5", "project_id": "cccccccccccc", "function_id": "1", "method": "GET", "path": "/"},
            ],
            "env_vars": [
                {"id": "e1", "project_id": shop, "key": "TOKEN", "value": "geheim", "is_secret": 1},
                {"id": "e2", "project_id": shop, "key": "PLAIN", "value": "offen", "is_secret": 0},
                {"id": "e3", "project_id": shop, "key": "1BAD", "value": "x", "is_secret": 0},
                {"id": "e4", "project_id": shop, "key": "CIPHER", "value": "gAAAAA" + "x" * 94, "is_secret": 1},
            ],
            "invocations": [{"id": number, "function_id": "111111111111"} for number in range(3)],
            "alembic_version": [{"version_num": "abc"}],
        },
    )


async def bring(platform: Platform, found: ancestor.Found, *, dry_run: bool = False, actor: Actor = LOCAL) -> ImportOut:
    items = []
    for request in requests(found, dry_run=dry_run):
        items += (await platform.importing.run(actor, request)).items
    return ImportOut(dry_run=dry_run, items=items)


def told(done: ImportOut, action: str) -> set[str]:
    return {f"{item.kind} {item.name}" for item in done.items if item.action == action}


CREATED = {
    *("project Shop", "function price", "function old", "function alone", "function lost"),
    *("route GET /p/:id", "variable TOKEN", "variable PLAIN"),
}


async def test_everything_that_can_be_taken_is(platform: Platform, old: Path) -> None:
    found = ancestor.read(old)
    done = await bring(platform, found)
    assert told(done, "created") == CREATED
    notes = {(item.kind, item.name): item.note for item in done.items if item.action == "refused"}
    assert "no letter or digit" in notes["project", "!!!"]
    assert "project was refused" in notes["function", "of mail"]
    assert "nodejs" in notes["function", "js"]
    assert "named 'price' already" in notes["function", "price"]
    assert "a route for GET" in notes["route", "GET /p/{x}"]
    assert "not among" in notes["route", "GET /q"]
    assert "blanks" in notes["route", "GET /a b"]
    assert "letters, digits" in notes["variable", "1BAD"]
    assert "encrypted" in notes["variable", "CIPHER"]
    unread = {(item.kind, item.source, item.note) for item in found.refused}
    assert ("function", "555555555555", "has no id, no name or no code") in unread
    assert ("route", "r5", "its project is not there") in unread
    assert any(kind == "version" for kind, _, _ in unread)
    assert "3 calls are not taken" in found.notes
    assert any("packages of 'Shop'" in note for note in found.notes)
    assert any("database of 'Shop'" in note for note in found.notes)

    project = (await platform.projects.list(LOCAL))[0]
    assert (project.id, project.slug, project.description, project.function_count) == (
        "aaaaaaaaaaaa",
        "shop",
        "things",
        2,
    )
    assert project.created_at.isoformat() == "2025-03-01T12:00:00.123000+00:00"
    price = await platform.functions.get(LOCAL, "111111111111")
    assert (price.active_version, price.code, price.network_enabled) == (4, CODE + "# 2\n", True)
    assert [version.version for version in await platform.functions.versions(LOCAL, price.id)] == [5, 4, 1]
    assert (await platform.functions.get(LOCAL, "222222222222")).status == "inactive"
    variables = await platform.environment.list(LOCAL, project.id, reveal=True)
    assert [(item.key, item.value, item.is_secret) for item in variables] == [
        ("PLAIN", "offen", False),
        ("TOKEN", "geheim", True),
    ]


async def test_it_answers_at_once_at_the_old_addresses(platform: Platform, old: Path) -> None:
    await bring(platform, ancestor.read(old))
    entry = platform.directory.project("shop")
    assert entry is not None
    match = entry.router.match("GET", "/p/3")
    assert isinstance(match, Match)
    assert match.route.function_id == "111111111111"
    target = platform.directory.function("111111111111")
    assert target is not None
    assert target.deployment.environment == {"TOKEN": "geheim", "PLAIN": "offen"}
    outcome = await platform.invocations.invoke(target, b"5", source="test", actor_owns=True)
    assert outcome.output == b"5"
    assert [event.type for event in platform.bus.kept() if event.type.startswith("project")] == ["project.created"]


async def test_a_dry_run_says_the_same_and_keeps_nothing(platform: Platform, old: Path) -> None:
    found = ancestor.read(old)
    tried = await bring(platform, found, dry_run=True)
    assert await platform.projects.list(LOCAL) == []
    assert await platform.functions.list(LOCAL) == []
    assert platform.directory.functions() == []
    done = await bring(platform, found)
    assert [(item.kind, item.name, item.action, item.note) for item in tried.items] == [
        (item.kind, item.name, item.action, item.note) for item in done.items
    ]


async def test_twice_takes_nothing_twice_and_undoes_no_change(platform: Platform, old: Path) -> None:
    found = ancestor.read(old)
    await bring(platform, found)
    await platform.functions.update(LOCAL, "111111111111", FunctionPatch(name="cost", code="# changed here"))
    before = await platform.functions.list(LOCAL)
    again = await bring(platform, found)
    assert told(again, "created") == {"function price"}, "of that name there was one, which is renamed now"
    assert len(told(again, "unchanged")) == len(CREATED)
    assert {function.id for function in await platform.functions.list(LOCAL)} == {
        *(function.id for function in before),
        "444444444444",
    }
    third = await bring(platform, found)
    assert told(third, "created") == set()
    assert (await platform.functions.get(LOCAL, "111111111111")).code == "# changed here"


async def test_two_users_can_bring_the_same_and_only_the_owner_brings_for_others(platform: Platform, old: Path) -> None:
    found = ancestor.read(old)
    await bring(platform, found)
    done = await bring(platform, found, actor=ADA)
    assert told(done, "created") == CREATED
    (project,) = await platform.projects.list(ADA)
    assert (project.slug, project.id != "aaaaaaaaaaaa") == ("shop-1", True)
    assert any("because shop is taken" in item.note for item in done.items)
    kept = ancestor.read(old, keep_users=True)
    with pytest.raises(Forbidden):
        await bring(platform, kept, actor=ADA)
    await bring(platform, kept)
    user = Actor("user_1", frozenset(ALL_SCOPES))
    assert [project.name for project in await platform.projects.list(user)] == ["Shop"]
    assert {function.name for function in await platform.functions.list(user)} >= {"price", "alone"}


def test_other_names_of_tables_and_columns_are_understood(tmp_path: Path) -> None:
    path = make(
        tmp_path / "other.db",
        {
            "project": [{"id": 1, "name": "P", "owner_id": 5}],
            "function": [{"id": 2, "name": "f", "source_code": b"x = 1", "project_id": 1, "is_active": 0}],
            "versions": [{"function_id": 2, "version_number": 1, "source": "x = 1", "created": 1_700_000_000}],
            "environment_variables": [{"project_id": 1, "name": "K", "value": 5, "secret": None}],
            "things": [{"id": 1}],
        },
    )
    found = ancestor.read(path, keep_users=True)
    (project,) = found.projects
    assert (project.source, project.owner) == ("1", "5")
    (function,) = project.functions
    assert (function.code, function.status, function.versions[0].version) == ("x = 1", "inactive", 1)
    assert (project.variables[0].key, project.variables[0].value, project.variables[0].is_secret) == ("K", "5", True)
    assert "1 rows of the table things are not taken" in found.notes
    assert "it has no table of routes" in found.notes


@pytest.mark.parametrize("content", [None, b"", b"no database at all", b"SQLite format 3\0" + b"x" * 200])
def test_what_is_no_such_database_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"no such file|no table|cannot be read"):
        ancestor.read(path)


def test_our_own_database_is_not_taken_for_the_ancestors(empty_database: Path) -> None:
    with pytest.raises(InvalidInput, match="Clowdy TUI's own"):
        ancestor.read(empty_database)


def test_much_goes_in_several_requests_that_stand_alone(tmp_path: Path) -> None:
    def functions() -> Iterable[dict[str, Any]]:
        for number in range(10):
            yield {"id": f"{number:012x}", "name": f"f{number}", "code": "#" * 800_000, "project_id": "aaaaaaaaaaaa"}

    tables = {
        "projects": [{"id": "aaaaaaaaaaaa", "name": "P"}],
        "functions": list(functions()),
        "routes": [
            {"id": f"r{number}", "project_id": "aaaaaaaaaaaa", "function_id": f"{number:012x}", "path": f"/{number}"}
            for number in range(10)
        ],
        "env_vars": [{"project_id": "aaaaaaaaaaaa", "key": "K", "value": "v"}],
    }
    parts = list(requests(ancestor.read(make(tmp_path / "big.db", tables)), dry_run=True))
    assert len(parts) > 2
    for part in parts:
        (project,) = part.projects
        assert len(json.dumps(part.model_dump(mode="json"))) < 6 * 1024 * 1024
        assert [route.function_source for route in project.routes] == [item.source for item in project.functions]
        assert isinstance(part, ImportIn)
    assert sum(len(part.projects[0].functions) for part in parts) == 10
    assert sum(len(part.projects[0].variables) for part in parts) == 1


@pytest.mark.parametrize("number", [1_700_000_000, 1.5, True])
def test_a_time_that_is_a_number_is_refused(number: float) -> None:
    with pytest.raises(ValidationError, match="ISO 8601"):
        ImportVersion.model_validate({"version": 1, "code": "", "created_at": number})
