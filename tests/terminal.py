"""A real terminal for tests: a program on a pseudo-terminal, and the screen that a person would see of it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte

_ESC = "\x1b"
KEYS: Mapping[str, str] = {
    "enter": "\r",
    "escape": _ESC,
    "up": f"{_ESC}[A",
    "down": f"{_ESC}[B",
    "right": f"{_ESC}[C",
    "home": f"{_ESC}[H",
    "end": f"{_ESC}[F",
    "ctrl+home": f"{_ESC}[1;5H",
    "ctrl+end": f"{_ESC}[1;5F",
    "f1": f"{_ESC}OP",
    "f2": f"{_ESC}OQ",
    "f3": f"{_ESC}OR",
    "f4": f"{_ESC}OS",
    "f5": f"{_ESC}[15~",
    "f8": f"{_ESC}[19~",
    "ctrl+p": "\x10",
    "ctrl+q": "\x11",
    "ctrl+s": "\x13",
}


class Terminal:
    """A program in a terminal of `columns` × `rows`. As a context manager it kills the program at the end."""

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], columns: int = 120, rows: int = 36
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._command = list(command)
        # The terminal has a size; a test runner's own idea of one would win over it.
        own = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self._environment = {**own, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self._master = -1
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._master, slave = pty.openpty()
        size = struct.pack("HHHH", self._screen.lines, self._screen.columns, 0, 0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
        self._process = subprocess.Popen(
            self._command, stdin=slave, stdout=slave, stderr=slave, env=self._environment, start_new_session=True
        )
        os.close(slave)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        if self._master >= 0:
            self.hang_up()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not entered yet"
        return self._process

    def hang_up(self) -> None:
        """Close the terminal without a word, as a broken connection does."""
        os.close(self._master)
        self._master = -1

    @property
    def text(self) -> str:
        """What stands on the screen now, a line a row."""
        return "\n".join(self._screen.display)

    def press(self, *keys: str) -> None:
        """Press keys, named as Textual names them, or type text as it is."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())

    def until(self, told: Callable[[str], bool], what: str, *, timeout_s: float = 60) -> str:
        """Wait until the screen tells it; the screen's text then.

        Raises:
            AssertionError: it does not in time, with what the screen shows instead.
        """
        deadline = time.monotonic() + timeout_s
        while not told(self.text):
            assert time.monotonic() < deadline, f"{what} is not on the screen:\n{self.text}"
            if not self._read(0.1):
                assert told(self.text), f"the program ended before {what}:\n{self.text}"
        return self.text

    def shows(self, text: str, *, timeout_s: float = 60) -> str:
        """Wait for a text; the whole screen then."""
        return self.until(lambda screen: text in screen, repr(text), timeout_s=timeout_s)

    def ends(self, *, timeout_s: float = 60) -> int:
        """Wait for the program to end; its exit code."""
        deadline = time.monotonic() + timeout_s
        while self._read(0.1):
            assert time.monotonic() < deadline, f"the program does not end:\n{self.text}"
        return self.process.wait(timeout=timeout_s)

    def _read(self, wait_s: float) -> bool:
        """Take what the program wrote; False where it has ended."""
        if select.select([self._master], [], [], wait_s)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # what Linux says for the end of a pseudo-terminal
                return False
            if not data:
                return False
            self._stream.feed(data)
        return True
