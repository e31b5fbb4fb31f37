"""`clowdy db`: a database from the shell, with psql, dumps, and the guest book that comes as a template."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

pytestmark = pytest.mark.slow

GUESTBOOK = Path(__file__).parents[2] / "runtimes/python/templates/guestbook.py"


def test_from_nothing_to_a_guest_book_and_back(at: Cli, tmp_path: Path) -> None:
    project = at.json("new", "Guests")["slug"]
    assert "has no database. Make one: clowdy db add" in at("db", "ls", project).out
    made = at("db", "add", project)
    assert "Making a cluster with" in made.err
    assert "DATABASE_URL=postgresql://app:***@/app?host=/run/database" in made.out
    assert "The project has a database" in at("db", "add", project, code=1).err

    at("deploy", str(GUESTBOOK), "--project", project)
    at("invoke", f"{project}/guestbook", "--input", '{"name": "Ada", "text": "it\'s me"}')
    event = {"method": "GET", "body": None}
    (guest,) = json.loads(at("invoke", f"{project}/guestbook", "--input", json.dumps(event)).out)
    assert (guest["name"], guest["text"]) == ("Ada", "it's me")

    counts = at.apart("db", "psql", project, "--", "-At", "-c", "SELECT count(*) FROM guests")
    assert (counts.code, counts.out) == (0, "1\n"), counts.err

    dump = tmp_path / "guests.dump"
    assert "written" in at("db", "dump", project, "-o", str(dump)).out
    piped = subprocess.run(
        at.argv("db", "dump", project), env=at.environment(), capture_output=True, check=True, stdin=subprocess.DEVNULL
    )
    assert piped.stdout[:5] == dump.read_bytes()[:5] == b"PGDMP"
    at.apart("db", "psql", project, "--", "-c", "DROP TABLE guests")
    assert "put back" in at("db", "restore", project, str(dump)).out
    assert at.apart("db", "psql", project, "--", "-At", "-c", "SELECT name FROM guests").out == "Ada\n"
    (tmp_path / "x.sql").write_text("SELECT 1;")
    assert "is for psql" in at("db", "restore", project, str(tmp_path / "x.sql"), code=1).err

    assert "64.0 MiB" in at("db", "set", project, "--max-mb", "64").out
    assert [one["project"] for one in at.json("db", "ls")] == [project]
    assert "--yes" in at("db", "rm", project, code=2).err
    kept = at.json("db", "rm", project, "--yes", "--keep-dump")["dump"]
    assert Path(kept).read_bytes()[:5] == b"PGDMP"
    assert at.json("db", "ls") == []
    assert "has no database" in at("db", "rm", project, "-y", code=1).err
    assert "NEON_API_KEY" in at("db", "add", project, "--provider", "neon", code=1).err
