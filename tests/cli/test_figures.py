"""`stats` and `pool`: what the calls came to, and the sandboxes they ran in."""

import itertools
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

numbers = itertools.count()


@pytest.fixture
def function(at: Cli, tmp_path: Path) -> str:
    """A deployed function that fails when it is told to; its full name."""
    slug = at.json("new", f"Figures {next(numbers)}")["slug"]
    file = tmp_path / "f.py"
    file.write_text("def handler(event):\n    return 1 / event\n")
    at("deploy", str(file), "--project", slug)
    return f"{slug}/f"


def test_stats_of_a_function_and_of_a_project(at: Cli, function: str) -> None:
    at("invoke", function, "--input", "1")
    at("invoke", function, "--input", "0", code=10)
    for words in ((function,), ("--project", function.partition("/")[0]), (function, "--since", "30m")):
        found = at.json("stats", *words)
        assert (found["total_invocations"], found["success_rate"]) == (2, 50)
        assert found["errors_by_status"] == {"error": 1}
    shown = at("stats", function).out
    assert "50 %" in shown
    assert "p99" in shown


def test_stats_refuse_what_makes_no_sense(at: Cli, function: str) -> None:
    assert "30m, 24h or 7d" in at("stats", "--since", "yesterday", code=2).err
    assert "not both" in at("stats", function, "--project", "x", code=2).err
    at("stats", "nothing", code=5)


def test_the_pool_is_warmed_listed_and_ended(at: Cli, function: str) -> None:
    assert "is warm" in at("pool", "warm", function).out
    mine = [item for item in at.json("pool", "ls") if item["function_name"] == "f" and item["calls"] == 0]
    assert mine
    assert not at.json("invoke", function, "--input", "1")["cold_start"]
    shown = at("pool", "ls").out
    assert mine[0]["id"] in shown
    assert "is ended" in at("pool", "rm", mine[0]["id"]).out
    assert mine[0]["id"] not in {item["id"] for item in at.json("pool", "ls")}
    at("pool", "rm", "nonsense", code=5)


def test_a_call_is_run_again_by_its_id(at: Cli, function: str) -> None:
    at("invoke", function, "--input", "4")
    call = at.json("invoke", function, "--input", "0", code=10)["invocation_id"]
    assert "ZeroDivisionError" in at("replay", call, code=10).err
    good = at.json("invoke", function, "--input", "2")["invocation_id"]
    assert at("replay", good).out.strip() == "0.5"
    assert at.json("replay", good, "--version", "1")["replay_of"] == good
    at("replay", "0" * 16, code=5)
