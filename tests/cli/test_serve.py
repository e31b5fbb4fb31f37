"""The gateway's life: serve in front and in the background, status, stop, and what keeps one from starting."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clowdy_tui.cli.finding import find, lock_holder
from tests.cli.conftest import Cli, Served

pytestmark = pytest.mark.slow

Serve = Callable[..., Served]


def stops(served: Served, number: signal.Signals) -> None:
    code, said = served.stop(number)
    assert code == 0, said
    assert find(served.cli.data_dir) is None
    assert lock_holder(served.cli.data_dir) is None
    assert "Traceback" not in said


def test_serve_says_one_line_when_it_answers_and_stops_on_a_signal_and_all_is_still_there_afterwards(
    cli: Cli, serve: Serve
) -> None:
    served = serve("--port", "0")
    assert set(served.report) == {"version", "url", "socket", "data_dir", "pid"}
    status = cli.json("status")
    assert status["running"] is True
    assert (status["pid"], status["url"]) == (served.process.pid, served.report["url"])
    assert served.report["url"] in cli("status").out
    cli("new", "Kept")
    stops(served, signal.SIGTERM)
    again = serve("--port", "0")
    assert {project["slug"] for project in cli.json("ls")["projects"]} == {"hello-clowdy", "kept"}
    stops(again, signal.SIGINT)


def test_serve_detach_answers_goes_on_and_is_stopped(cli: Cli) -> None:
    report = cli.json("serve", "--detach", "--port", "0")
    try:
        assert report["pid"] != os.getpid()
        assert os.getsid(report["pid"]) != os.getsid(0)
        assert Path(report["log"]).stat().st_mode & 0o777 == 0o600
        assert cli.json("status")["pid"] == report["pid"]
    finally:
        assert "has stopped" in cli("stop").out
    assert lock_holder(cli.data_dir) is None
    assert cli("status", code=3).out == ""
    assert cli.json("status", code=3) == {"running": False, "data_dir": str(cli.data_dir), "lock_holder": None}


@pytest.mark.parametrize("words", [("stop",), ("ls",), ("new", "x"), ("invoke", "x"), ("token", "ls")])
def test_where_no_gateway_runs_commands_end_with_3(cli: Cli, words: tuple[str, ...]) -> None:
    assert "no gateway runs" in cli(*words, code=3).err


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_a_port_that_is_taken_is_said_and_ends_it(cli: Cli, detach: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        answer = cli.apart("serve", "--port", str(port), *detach)
    assert answer.code == 1
    assert f"127.0.0.1:{port}" in answer.err
    assert "--port" in answer.err
    assert "Traceback" not in answer.err
    assert lock_holder(cli.data_dir) is None


@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_a_second_gateway_on_the_same_folder_names_the_first(at: Cli, served: Served, detach: tuple[str, ...]) -> None:
    answer = at.apart("serve", "--port", "0", *detach)
    assert answer.code == 1
    assert f"pid {served.process.pid}" in answer.err
    assert at.json("status")["pid"] == served.process.pid


def test_a_killed_gateway_leaves_nothing_in_the_way(cli: Cli, serve: Serve) -> None:
    served = serve("--port", "0")
    served.process.kill()
    served.process.communicate()
    assert find(cli.data_dir) is None
    assert "no gateway runs" in cli("ls", code=3).err
    again = serve("--port", "0")
    assert cli.json("status")["pid"] == again.process.pid
    again.stop()


def test_a_database_of_a_newer_clowdy_is_left_alone(cli: Cli) -> None:
    database = next(cli.data_dir.glob("*.db"))
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    connection.close()
    answer = cli.apart("serve", "--port", "0")
    assert answer.code == 1
    assert "newer" in answer.err
    assert "Traceback" not in answer.err


def test_a_data_folder_that_cannot_be_written_is_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = Cli(tmp_path / "file" / "data").apart("serve", "--port", "0")
    assert answer.code == 1
    assert str(tmp_path / "file") in answer.err
    assert "Traceback" not in answer.err


def test_a_wrong_setting_is_wrong_usage(cli: Cli, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("prot: 1\n")
    assert "did you mean 'port'?" in cli("serve", "--config", str(config), code=2).err
    assert "one of auto, bubblewrap, docker" in cli("serve", "--driver", "podman", code=2).err
    assert json.loads(cli("serve", "--port", "99999", "--json", code=2).err)["exit_code"] == 2


IMPORTS = """
import sys, runpy
sys.argv = ["clowdy", *sys.argv[1:]]
import atexit
atexit.register(lambda: print("\\n".join(sorted(sys.modules)), file=sys.stderr))
runpy.run_module("clowdy_tui", run_name="__main__")
"""


def modules_of(cli: Cli, *words: str) -> set[str]:
    """What a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, *words], env=cli.environment(), capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_serving_imports_no_screen(cli: Cli) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", IMPORTS, "serve", "--port", "0"],
        env=cli.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.terminate()
        _, said = process.communicate(timeout=60)
    modules = set(said.split())
    assert "clowdy_tui.gateway" in modules
    # Slow to import, and most gateways are never asked for it.
    assert not {name for name in modules if name.partition(".")[0] == "groq"}
    assert not {name for name in modules if name.partition(".")[0] == "textual" or name.startswith("clowdy_tui.tui")}


def test_a_client_imports_no_server(at: Cli) -> None:
    modules = modules_of(at, "ls")
    assert "clowdy_tui.client" in modules
    servers = ("clowdy_tui.engine", "clowdy_tui.store", "clowdy_tui.services", "clowdy_tui.gateway", "sqlalchemy")
    assert not {name for name in modules if name.startswith(servers)}


@pytest.mark.parametrize("flag", ["--version", "--help"])
def test_help_and_version_import_next_to_nothing(cli: Cli, flag: str) -> None:
    modules = modules_of(cli, flag)
    assert not modules & {"pydantic", "yaml", "httpx", "asyncio", "textual", "aiohttp"}
