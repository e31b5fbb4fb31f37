"""`clowdy` alone, in a real terminal: attaches or hosts, and what stays when it is closed."""

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from clowdy_tui.cli.finding import find, lock_holder
from tests.cli.conftest import WAIT_S, Cli, Served
from tests.terminal import Terminal

pytestmark = pytest.mark.slow

OpenScreen = Callable[..., Terminal]

RECORDS_IMPORTS = """
import atexit, os, runpy, sys
sys.argv = ["clowdy", *sys.argv[1:]]
def record():
    with open(os.environ["RECORD"], "w") as file:
        file.write("\\n".join(sorted(sys.modules)))
atexit.register(record)
runpy.run_module("clowdy_tui", run_name="__main__")
"""


@pytest.fixture
def open_screen(tmp_path: Path) -> Iterator[OpenScreen]:
    with ExitStack() as opened:

        def start(cli: Cli, *words: str) -> Terminal:
            command = [sys.executable, "-c", RECORDS_IMPORTS, *words]
            environment = cli.environment(RECORD=str(tmp_path / "modules"))
            return opened.enter_context(Terminal(command, environment=environment, columns=100, rows=30))

        yield start


def test_ones_own_keys_work_and_what_they_took_is_said(at: Cli, served: Served, open_screen: OpenScreen) -> None:
    theirs = Cli(at.data_dir, {**at.env, "CLOWDY_KEYMAP": "app.help=f5; nothing.there=f2"})
    screen = open_screen(theirs)
    screen.shows("F5 is now 'Help'")
    screen.shows("there is no action 'nothing.there'")
    screen.press("f5")
    screen.shows("Enter opens, space")
    screen.shows("Close  esc")
    screen.press("escape")
    # The keys of the workbench do nothing while something lies over it. By its frame: its text moves as it is painted.
    screen.until(lambda shown: "─ Help ─" not in shown, "the workbench, with no help over it")
    screen.press("ctrl+q")
    assert screen.ends() == 0


def test_an_attached_screen_imports_no_engine_and_closing_it_stops_nothing(
    at: Cli, served: Served, open_screen: OpenScreen, tmp_path: Path
) -> None:
    screen = open_screen(at)
    screen.shows("attached")
    screen.shows("none open")
    screen.press("ctrl+q")
    assert screen.ends() == 0
    modules = set((tmp_path / "modules").read_text().split())
    assert "clowdy_tui.tui.app" in modules
    servers = (
        "clowdy_tui.engine",
        "clowdy_tui.store",
        "clowdy_tui.services",
        "clowdy_tui.gateway",
        "sqlalchemy",
        "docker",
    )
    assert not {name for name in modules if name.startswith(servers)}
    assert at.json("status")["pid"] == served.process.pid


def test_a_screen_that_hosts_takes_a_free_port_and_stops_what_it_started(cli: Cli, open_screen: OpenScreen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        screen = open_screen(cli, "--port", str(port))
        screen.shows(f"Port {port} is taken")
        screen.shows("hosted")
        assert cli.json("status")["pid"] == screen.process.pid
        screen.press("ctrl+q")
        screen.shows("Leave it running")
        screen.press("s")
        assert screen.ends() == 0
    assert find(cli.data_dir) is None
    assert lock_holder(cli.data_dir) is None


def test_a_hosted_gateway_can_be_left_running(cli: Cli, open_screen: OpenScreen) -> None:
    screen = open_screen(cli, "--port", "0")
    screen.shows("hosted")
    url = cli.json("status")["url"]
    screen.press("ctrl+q")
    screen.shows("Leave it running")
    screen.press("l")
    assert screen.ends() == 0
    assert f"Clowdy goes on at {url}" in screen.text
    status = cli.json("status")
    assert status["url"] == url
    assert status["pid"] != screen.process.pid
    cli("stop")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_closes_the_screen_and_the_gateway_that_it_hosts(
    cli: Cli, open_screen: OpenScreen, number: signal.Signals
) -> None:
    screen = open_screen(cli, "--port", "0")
    screen.shows("hosted")
    screen.process.send_signal(number)
    assert screen.ends() == 0
    assert find(cli.data_dir) is None
    assert lock_holder(cli.data_dir) is None


def test_a_terminal_that_is_gone_without_a_word_ends_it_too(cli: Cli, open_screen: OpenScreen) -> None:
    screen = open_screen(cli, "--port", "0")
    screen.shows("hosted")
    screen.hang_up()
    screen.process.wait(WAIT_S)
    assert find(cli.data_dir) is None
    assert lock_holder(cli.data_dir) is None


def test_without_a_terminal_it_says_what_to_do_instead(cli: Cli) -> None:
    answer = cli.apart()
    assert answer.code == 2
    assert "clowdy demo" in answer.err
