"""`clowdy` alone, in a real terminal: attaches or hosts, and what stays when it is closed."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from clowdy_tui.cli.finding import find, lock_holder
from tests.cli.conftest import WAIT_S, Cli, Served

pytestmark = pytest.mark.slow

T = TypeVar("T")

CTRL_G, CTRL_Q, CTRL_S, ENTER, F5, F8 = "\x07", "\x11", "\x13", "\r", "\x1b[15~", "\x1b[19~"
RECORDS_IMPORTS = """
import atexit, os, runpy, sys
sys.argv = ["clowdy", *sys.argv[1:]]
def record():
    with open(os.environ["RECORD"], "w") as file:
        file.write("\\n".join(sorted(sys.modules)))
atexit.register(record)
runpy.run_module("clowdy_tui", run_name="__main__")
"""


class Screen:
    """A `clowdy` in a terminal of its own, 100 columns by 30 rows."""

    def __init__(self, cli: Cli, record: Path, *words: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        env = cli.environment(TERM="xterm-256color", RECORD=str(record))
        # The terminal has a size; a test runner's own idea of one would win over it.
        env = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
        argv = [sys.executable, "-c", RECORDS_IMPORTS, *words]
        self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True)
        os.close(slave)
        self.seen = ""

    def wait_for(self, text: str) -> None:
        """Read until this text has been painted, whatever the colours of its letters."""
        deadline = time.monotonic() + WAIT_S
        while text not in self.painted():
            assert time.monotonic() < deadline, f"{text!r} was never shown:\n{self.painted()[-3000:]}"
            assert self._read(deadline) or text in self.painted(), f"the screen ended:\n{self.painted()[-3000:]}"

    def painted(self) -> str:
        return re.sub(r"\x1b(?:\[[0-9;?<>=$ ]*[a-zA-Z@`~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)", "", self.seen)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def ends(self) -> int:
        """Read until it has ended; its exit code."""
        deadline = time.monotonic() + WAIT_S
        while self._read(deadline):
            assert time.monotonic() < deadline, f"the screen did not end:\n{self.painted()[-3000:]}"
        return self.process.wait(WAIT_S)

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.master >= 0:
            self.hang_up()

    def _read(self, deadline: float) -> bool:
        if not select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def open_screen(tmp_path: Path) -> Iterator[Callable[..., Screen]]:
    opened: list[Screen] = []

    def start(cli: Cli, *words: str) -> Screen:
        opened.append(Screen(cli, tmp_path / "modules", *words))
        return opened[-1]

    yield start
    for screen in opened:
        screen.close()


def test_the_main_job_in_a_real_terminal(cli: Cli, open_screen: Callable[..., Screen]) -> None:
    """Open the example, change a line, save, run, call its route, see the call; close, open again: all is there."""
    screen = open_screen(cli, "--port", "0")
    screen.wait_for("none open")
    screen.type(CTRL_G)
    screen.wait_for("Go to function …")
    screen.type("hello")
    screen.type(ENTER)
    screen.wait_for("Ln 1, Col 1")
    screen.type("print('typed by hand')" + ENTER + CTRL_S)
    version = until(lambda: hello(cli), lambda function: function["active_version"] == 2)
    assert version["code"].startswith("print('typed by hand')\n")

    screen.type(F5)
    screen.wait_for("success")
    route = next(route for route in cli.json("routes", "ls", "hello-clowdy") if route["path"] == "/hello/:name")
    screen.type(F8)
    with urllib.request.urlopen(route["url"].replace(":name", "Grace"), timeout=WAIT_S) as answer:
        assert "Grace" in json.load(answer)["message"]
    screen.wait_for("greeting Grace")
    screen.type(CTRL_Q)
    screen.wait_for("Leave it running")
    screen.type("s")
    assert screen.ends() == 0

    again = open_screen(cli, "--port", "0")
    again.wait_for("none open")
    assert hello(cli)["active_version"] == 2
    sources = [json.loads(line)["source"] for line in cli("logs", "hello-clowdy/hello", "--json").out.splitlines()]
    assert sources[-1] == "gateway"
    assert len(sources) == 2


def hello(cli: Cli) -> dict[str, Any]:
    functions: list[dict[str, Any]] = cli.json("ls", "hello-clowdy")["projects"][0]["functions"]
    return next(function for function in functions if function["name"] == "hello")


def until(look: Callable[[], T], is_right: Callable[[T], bool]) -> T:
    """Look again and again until what is found is right."""
    deadline = time.monotonic() + WAIT_S
    while not is_right(found := look()):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def test_an_attached_screen_imports_no_engine_and_closing_it_stops_nothing(
    at: Cli, served: Served, open_screen: Callable[..., Screen], tmp_path: Path
) -> None:
    screen = open_screen(at)
    screen.wait_for("attached")
    screen.wait_for("none open")
    screen.type(CTRL_Q)
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


def test_a_screen_that_hosts_takes_a_free_port_and_stops_what_it_started(
    cli: Cli, open_screen: Callable[..., Screen]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        screen = open_screen(cli, "--port", str(port))
        screen.wait_for(f"Port {port} is taken")
        screen.wait_for("hosted")
        assert cli.json("status")["pid"] == screen.process.pid
        screen.type(CTRL_Q)
        screen.wait_for("Leave it running")
        screen.type("s")
        assert screen.ends() == 0
    assert find(cli.data_dir) is None
    assert lock_holder(cli.data_dir) is None


def test_a_hosted_gateway_can_be_left_running(cli: Cli, open_screen: Callable[..., Screen]) -> None:
    screen = open_screen(cli, "--port", "0")
    screen.wait_for("hosted")
    url = cli.json("status")["url"]
    screen.type(CTRL_Q)
    screen.wait_for("Leave it running")
    screen.type("l")
    assert screen.ends() == 0
    assert f"Clowdy goes on at {url}" in screen.painted()
    status = cli.json("status")
    assert status["url"] == url
    assert status["pid"] != screen.process.pid
    cli("stop")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_closes_the_screen_and_the_gateway_that_it_hosts(
    cli: Cli, open_screen: Callable[..., Screen], number: signal.Signals
) -> None:
    screen = open_screen(cli, "--port", "0")
    screen.wait_for("hosted")
    screen.process.send_signal(number)
    assert screen.ends() == 0
    assert find(cli.data_dir) is None
    assert lock_holder(cli.data_dir) is None


def test_a_terminal_that_is_gone_without_a_word_ends_it_too(cli: Cli, open_screen: Callable[..., Screen]) -> None:
    screen = open_screen(cli, "--port", "0")
    screen.wait_for("hosted")
    screen.hang_up()
    screen.process.wait(WAIT_S)
    assert find(cli.data_dir) is None
    assert lock_holder(cli.data_dir) is None


def test_without_a_terminal_it_says_what_to_do_instead(cli: Cli) -> None:
    answer = cli.apart()
    assert answer.code == 2
    assert "clowdy demo" in answer.err
