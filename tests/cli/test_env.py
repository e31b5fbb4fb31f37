"""`clowdy env`: .env files in and out, and a new key."""

import itertools
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

numbers = itertools.count()


@pytest.fixture
def project(at: Cli) -> str:
    slug: str = at.json("new", f"Env {next(numbers)}")["slug"]
    return slug


def test_a_file_in_and_out(at: Cli, project: str, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("export KEY='two words'\nOTHER=2\n")
    assert "KEY, OTHER set" in at("env", "import", project, str(file)).out
    assert at.json("env", "import", project, "-", input="KEY='two words'\nMORE=3\n") == {
        "set": ["MORE"],
        "unchanged": ["KEY"],
    }
    assert at("env", "export", project).out == "# KEY=****\n# MORE=****\n# OTHER=****\n"
    copy = tmp_path / "copy.env"
    assert at("env", "export", project, "--reveal", "-o", str(copy)).out == ""
    assert copy.read_text() == "KEY='two words'\nMORE=3\nOTHER=2\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert "holds no variables" in at("env", "import", project, "-", input="# nothing\n").out


def test_a_wrong_line_is_named_and_not_quoted(at: Cli, project: str) -> None:
    answer = at("env", "import", project, "-", input="A=1\nhunter22 is my key\n", code=1)
    assert "line 2" in answer.err
    assert "hunter22" not in answer.err
    assert at.json("env", "ls", project) == []


def test_a_file_that_is_no_text(at: Cli, project: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    assert "no text in UTF-8" in at("env", "import", project, str(tmp_path / "x"), code=2).err


def test_a_new_key(at: Cli, project: str) -> None:
    at("env", "set", project, "KEY=value")
    before = (at.data_dir / "secret.key").read_text()
    assert "A new key encrypts" in at("env", "rotate-key").out
    assert (at.data_dir / "secret.key").read_text() != before
    assert at.json("env", "ls", project, "--reveal")[0]["value"] == "value"
