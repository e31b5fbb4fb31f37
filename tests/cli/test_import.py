"""`clowdy import`, over the API as every client has it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Cli


def make(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE projects (id TEXT, name TEXT, slug TEXT);
            CREATE TABLE functions (id TEXT, name TEXT, code TEXT, project_id TEXT);
            CREATE TABLE routes (id TEXT, project_id TEXT, function_id TEXT, method TEXT, path TEXT);
            INSERT INTO projects VALUES ('0a0a0a0a0a0a', 'From the web', 'web-app');
            INSERT INTO functions VALUES ('0b0b0b0b0b0b', 'twice', 'def handler(n): return 2 * n', '0a0a0a0a0a0a');
            INSERT INTO routes VALUES ('0c0c0c0c0c0c', '0a0a0a0a0a0a', '0b0b0b0b0b0b', 'GET', '/');
            """
        )
        connection.commit()
    return str(path)


def test_a_dry_run_then_the_import_then_nothing_more(at: Cli, tmp_path: Path) -> None:
    file = make(tmp_path / "clowdy.db")
    assert "Would be: 3 created" in at("import", file, "--dry-run").out
    at("project", "show", "web-app", code=5)
    assert "3 created" in at("import", file).out
    assert at("invoke", "web-app/twice", "--input", "21").out.strip() == "42"
    again = at.json("import", file)
    assert [item["action"] for item in again["items"]] == ["unchanged"] * 3
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO functions VALUES ('0d0d0d0d0d0d', 'twice', 'x', '0a0a0a0a0a0a')")
        connection.commit()
    refused = at("import", file, code=1)
    assert "named 'twice' already" in refused.out
    assert "3 unchanged, 1 refused" in refused.out


def test_what_is_no_such_file(at: Cli, tmp_path: Path) -> None:
    assert "no such file" in at("import", str(tmp_path / "nothing.db"), code=1).err
    (tmp_path / "text.db").write_text("text")
    assert "cannot be read" in at("import", str(tmp_path / "text.db"), code=1).err
