"""A subject, and a server in a process of its own."""

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks import cpu
from benchmarks.model import BenchmarkError, Request

STOP_WITHIN_S = 30


class Unavailable(Exception):
    """This subject cannot be measured here; the reason in one sentence. The others go on."""


class Subject(ABC):
    """One server. `with subject:` starts and stops it; nothing of it is left afterwards."""

    key: str
    title: str

    @abstractmethod
    def start(self) -> dict[str, Request]:
        """Start it and return what to ask it: a row's name → request. Every request has been answered once.

        Raises:
            Unavailable: it cannot be run on this machine.
            BenchmarkError: it should run here and does not.
        """

    @abstractmethod
    def stop(self) -> None:
        """Stop it. Safe when it never started."""

    @abstractmethod
    def roots(self) -> set[int]:
        """The pids under which all of the server's work is done."""

    def settle(self) -> None:  # noqa: B027 (most have nothing to wait for)
        """Return when the warm-up's consequences are over: nothing is being started in the background any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Server:
    """One program that listens, its output kept in a file for the case that it fails."""

    def __init__(self, argv: list[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        self._log = tempfile.TemporaryFile(prefix="clowdy-bench-")  # noqa: SIM115 (closed by stop)
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ | (env or {}),
            cwd=cwd,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, url: str, *, within_s: float = 30) -> None:
        """Return when it answers this URL with whatever status.

        Raises:
            BenchmarkError: it ended, or did not answer in time; with the end of what it printed.
        """
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self.must_live()
            try:
                urllib.request.urlopen(url, timeout=5).close()
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise BenchmarkError(f"{self.said()}\ndid not answer {url} within {within_s:.0f} s")

    def must_live(self) -> None:
        if self._process.poll() is not None:
            raise BenchmarkError(f"{self.said()}\nended with {self._process.returncode}")

    def said(self) -> str:
        """How it was started, and the end of what it printed."""
        self._log.seek(0)
        output = self._log.read().decode(errors="replace")[-2000:]
        return f"{' '.join(map(str, self._process.args)) if isinstance(self._process.args, list) else ''}\n{output}"

    def stop(self) -> None:
        """End it, and make sure that all which descended from it is gone.

        Raises:
            BenchmarkError: it did not end when asked to, or processes of it were left behind. They are killed.
        """
        family = _family(self.pid)
        problem = ""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            problem = f"{self.said()}\ndid not end within {STOP_WITHIN_S} s of SIGTERM"
            family |= _family(self.pid)
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
        left = _still_alive(family, within_s=5)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        if left and not problem:
            problem = f"{self.said()}\nleft {len(left)} processes behind"
        self._log.close()
        if problem:
            raise BenchmarkError(problem)


def _family(pid: int) -> set[int]:
    return set(cpu.tree({pid})) if cpu.can_be_read() else set()


def _still_alive(pids: set[int], *, within_s: float) -> set[int]:
    deadline = time.monotonic() + within_s
    while left := pids & cpu.processes().keys() if pids else set():
        if time.monotonic() > deadline:
            return left
        time.sleep(0.02)
    return set()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
