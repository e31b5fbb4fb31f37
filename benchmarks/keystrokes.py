"""What typing costs the gateway that shares the screen's loop, and how long a key takes to be seen.

A real `clowdy` in a terminal of its own with a function of 3,000 lines open, once sound and once broken; 500 calls a
second come from outside, open-loop. The same load with nobody typing, in the same run, is what it is compared with.
Then all that once more with the gateway in the background and the screen attached to it.
"""

import fcntl
import json
import os
import pty
import random
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import httpx

from benchmarks.loadgen import percentile
from benchmarks.model import BenchmarkError
from benchmarks.open_loop import OpenLoad
from benchmarks.subjects.clowdy import Clowdy

ROWS, COLUMNS = 36, 120
LINES = 3_000
RATE = 500
KEYS_PER_S = 8
WITHIN_S = 60.0
BOUNDS = {"p50": 1.5, "stall_ms": 25.0, "echo_ms": 33.0, "background": 1.1, "growth_mb": 8.0}
BROKEN = 'x = (((\ny = """\n'
SCREEN = Path(__file__).parent / "servers" / "watched_screen.py"
_ESCAPES = re.compile(rb"\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78]")


@dataclass(frozen=True, slots=True)
class Typing:
    """One load with somebody typing: the gateway's latency, and per key the loop's longest stall and the echo."""

    what: str
    load: OpenLoad
    stall_p50_ms: float = 0.0
    stall_p95_ms: float = 0.0
    echo_p50_ms: float = 0.0
    echo_p95_ms: float = 0.0
    memory_mb: float = 0.0


@dataclass(frozen=True, slots=True)
class Keystrokes:
    """The load with nobody typing, before and after, and the loads with somebody typing."""

    idle: list[OpenLoad]
    typing: list[Typing] = field(default_factory=list)
    background: "Keystrokes | None" = None

    @property
    def idle_p50_ms(self) -> float:
        return median(load.p50_ms for load in self.idle)

    @property
    def worst(self) -> float:
        """The gateway's p50 while somebody types, over that with nobody typing."""
        return max(typing.load.p50_ms for typing in self.typing) / self.idle_p50_ms

    @property
    def growth_mb(self) -> float:
        """What the screen's process grew by from the end of the first load with somebody typing to the last's."""
        return self.typing[-1].memory_mb - self.typing[0].memory_mb


def measure(seconds: float, say: Callable[[str], None]) -> Keystrokes:
    """Each load this long.

    Raises:
        BenchmarkError: the screen does not come, does not show what was typed, or calls fail.
    """
    folder = Path(tempfile.mkdtemp(prefix="clowdy-"))
    folder.chmod(0o711)
    try:
        with _Screen(folder / "data", folder / "lateness") as screen:
            found = _measure(screen, seconds, say)
        with Clowdy("bubblewrap") as gateway:
            gateway.open()
            with _Screen(gateway.database.parent, folder / "attached") as screen:
                say("keystrokes: the same with the gateway in the background")
                return replace(found, background=_measure(screen, seconds, say))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(screen: "_Screen", seconds: float, say: Callable[[str], None]) -> Keystrokes:
    url = screen.ready()
    called = screen.make("called", "def handler(event, context):\n    return event\n", cpus=1)
    screen.make("long", _code())
    screen.open("long")
    load = _load_command(url, called)
    _run(screen, load, seconds=1)
    idle = [_run(screen, load, seconds)]
    say(f"keystrokes: nobody types: p50 {idle[0].p50_ms:.2f} ms, p99 {idle[0].p99_ms:.2f} ms")
    found = Keystrokes(idle)
    for what, before in (("sound", ""), ("broken", BROKEN)):
        screen.press("\x1b[1;5H" + before.replace("\n", "\r"))
        screen.press("\x1b[B" * 40)
        screen.drain(1.0)
        typing = _type(screen, load, what, seconds)
        found.typing.append(typing)
        say(
            f"keystrokes: {what}: p50 {typing.load.p50_ms:.2f} ms, stall p95 {typing.stall_p95_ms:.1f} ms, "
            f"echo p95 {typing.echo_p95_ms:.1f} ms"
        )
    screen.drain(2.0)
    found.idle.append(_run(screen, load, seconds))
    return found


def _code() -> str:
    """A sound file of 3,000 lines that looks like one."""
    head = (
        '"""Made for the benchmark."""\n\nimport json\n\n\ndef handler(event, context):\n    return json.dumps(event)\n'
    )
    return head + "".join(
        f"\n\nclass Order{number}:\n    '''Number {number}.'''\n\n    def total(self, items, *, rate=0.19):\n"
        f"        # What comes to how much.\n        known = [item for item in items if item]\n"
        f'        return f"{{{{sum(known):>8}}}} {number}"\n'
        for number in range(LINES // 10)
    )


def _load_command(url: str, function_id: str) -> list[str]:
    body = json.dumps({"input": {"n": 1}})
    return [sys.executable, "-m", "benchmarks.open_loop", f"{url}/api/invoke/{function_id}", body, str(RATE)]


def _result(said: str) -> OpenLoad:
    load = OpenLoad(**json.loads(said))
    if load.failed:
        raise BenchmarkError(f"{load.failed} of {load.calls} calls failed")
    return load


def _run(screen: "_Screen", command: list[str], seconds: float) -> OpenLoad:
    """One load with nobody typing."""
    with subprocess.Popen([*command, str(seconds)], stdout=subprocess.PIPE, text=True) as process:
        # A terminal that takes nothing would hold up the screen, and the gateway with it.
        screen.drain(seconds + WITHIN_S, until=lambda: process.poll() is not None)
        return _result(process.communicate(timeout=1)[0])


def _type(screen: "_Screen", command: list[str], what: str, seconds: float) -> Typing:
    rng = random.Random(3)
    keys: list[tuple[float, float]] = []
    with subprocess.Popen([*command, str(seconds)], stdout=subprocess.PIPE, text=True) as process:
        begun = time.monotonic()
        typed = ""
        number = 0
        while process.poll() is None and (time.monotonic() - begun) < seconds:
            due = begun + number / KEYS_PER_S
            screen.drain(due - time.monotonic())
            number += 1
            if len(typed) == 24:
                screen.press("\r")
                typed = ""
                continue
            letter = rng.choice("bcdfghjkmnpqrtvwxz")
            typed += letter
            pressed = time.monotonic()
            screen.press(letter)
            keys.append((pressed, screen.sees(typed[-5:])))
        screen.drain(max(0.0, seconds + 5 - (time.monotonic() - begun)), until=lambda: process.poll() is not None)
        said = process.communicate(timeout=60)[0]
    stalls = sorted(screen.stall_between(at, at + 1 / KEYS_PER_S) for at, _ in keys)
    echoes = sorted(echo * 1e3 for _, echo in keys)
    return Typing(
        what,
        _result(said),
        percentile(stalls, 0.5),
        percentile(stalls, 0.95),
        percentile(echoes, 0.5),
        percentile(echoes, 0.95),
        screen.memory_mb(),
    )


class _Screen:
    """`clowdy` on a pseudo-terminal, hosting the gateway of its data folder or attached to it where one runs."""

    def __init__(self, data: Path, lateness: Path) -> None:
        self._data = data
        self._lateness = lateness
        self._master = -1
        self._process: subprocess.Popen[bytes] | None = None
        self._seen = b""

    def __enter__(self) -> "_Screen":
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOWDY_", "SSH_"))}
        environment = kept | {
            "TERM": "xterm-256color", "COLORTERM": "truecolor", "CLOWDY_DATA_DIR": str(self._data),
            "CLOWDY_CONFIG": os.devnull, "CLOWDY_DRIVER": "bubblewrap", "CLOWDY_PORT": "0",
        }  # fmt: skip
        self._master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, str(SCREEN), str(self._lateness)],
            stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True,
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
        os.close(terminal)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.terminate()
        deadline = time.monotonic() + WITHIN_S
        # What it says while it ends has to be taken from it, or it would wait for ever.
        with suppress(BenchmarkError):
            while self._process.poll() is None and time.monotonic() < deadline:
                self.drain(0.1)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._master)

    def ready(self) -> str:
        """Wait until the gateway answers; its address."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            self.drain(0.2)
            with self._api() as api:
                try:
                    return str(api.get("/api/health").json()["url"])
                except (httpx.TransportError, KeyError):
                    continue
        raise BenchmarkError(f"the screen's gateway does not answer; it showed {self._seen[-2000:]!r}")

    @contextmanager
    def _api(self) -> Iterator[httpx.Client]:
        recorded = self._data / "run" / "socket"
        path = recorded.read_text().strip() if recorded.exists() else str(self._data / "run" / "clowdy.sock")
        with httpx.Client(transport=httpx.HTTPTransport(uds=path), base_url="http://clowdy", timeout=60) as api:
            yield api

    def make(self, name: str, code: str, **settings: object) -> str:
        """A function's id."""
        with self._api() as api:
            answer = api.post("/api/functions", json={"name": name, "code": code, **settings})
            if answer.status_code != 200:
                raise BenchmarkError(f"{name} was not made: {answer.text[:500]}")
            return str(answer.json()["id"])

    def open(self, name: str) -> None:
        """Open a function by the palette, as a person does."""
        self.drain(1.0)
        self.press("\x10")
        self.drain(1.5)
        self.press(name)
        self.drain(1.5)
        self.press("\r")
        self.drain(2.0)

    def press(self, keys: str) -> None:
        """Write to the terminal."""
        os.write(self._master, keys.encode())

    def drain(self, seconds: float, *, until: Callable[[], bool] | None = None) -> None:
        """Take what the screen paints for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not (until and until()):
            self._read(min(left, 0.05))

    def sees(self, text: str) -> float:
        """Seconds until a text stands in what is painted from now on.

        Raises:
            BenchmarkError: it is never painted.
        """
        begun = time.monotonic()
        self._seen = b""
        while text.encode() not in _ESCAPES.sub(b"", self._seen):
            if time.monotonic() > begun + WITHIN_S:
                raise BenchmarkError(f"{text!r} is not echoed; painted was {self._seen[-2000:]!r}")
            self._read(0.05)
        return time.monotonic() - begun

    def stall_between(self, begin: float, end: float) -> float:
        """The longest time that the loop was late then, in milliseconds."""
        late = [0.0]
        for line in self._lateness.read_text().splitlines():
            parts = line.split()
            if len(parts) == 2 and begin <= float(parts[0]) < end:
                late.append(float(parts[1]))
        return max(late)

    def memory_mb(self) -> float:
        """What the screen's process holds in memory (VmRSS); 0 where the system does not say."""
        assert self._process is not None
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0.0
        found = re.search(r"VmRSS:\s+(\d+)", status)
        return int(found[1]) / 1024 if found else 0.0

    def _read(self, seconds: float) -> None:
        if select.select([self._master], [], [], seconds)[0]:
            try:
                self._seen = (self._seen + os.read(self._master, 65536))[-65536:]
            except OSError as error:
                raise BenchmarkError(f"the screen ended; it showed {self._seen[-2000:]!r}") from error


def to_markdown(found: Keystrokes) -> str:
    """A section of the report."""
    lines = [
        "## Typing while the gateway answers",
        "",
        f"{RATE} calls a second, open-loop, latency from the due time, to the gateway inside the screen, then to one "
        f"in the background to which it is attached; {KEYS_PER_S} keys a second into a file of {LINES:,} lines at "
        f"{COLUMNS}×{ROWS}. Stalls of the loop and echoes are per key.",
        "",
        "| ms | p50 | × idle | p99 | stall p50 | stall p95 | echo p50 | echo p95 | memory MiB |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
        *_rows(found, ""),
        *(_rows(found.background, ", in the background") if found.background else []),
        "",
    ]
    targets = [
        ("p50 at most 1.5 × idle", found.worst, BOUNDS["p50"]),
        ("stall p95 at most 25 ms", max(typing.stall_p95_ms for typing in found.typing), BOUNDS["stall_ms"]),
        ("echo p95 at most 33 ms", max(typing.echo_p95_ms for typing in found.typing), BOUNDS["echo_ms"]),
        ("memory flat: MiB more after the second load of typing, at most 8", found.growth_mb, BOUNDS["growth_mb"]),
    ]
    if found.background:
        targets.append(("a gateway in the background: p50 at most 1.1 × idle", found.background.worst,
                        BOUNDS["background"]))  # fmt: skip
    for what, worst, bound in targets:
        lines.append(f"- target: {what}: {worst:.2f}, {'met' if worst <= bound else '**not met**'}")
    return "\n".join(lines)


def _rows(found: Keystrokes, where: str) -> list[str]:
    rows: list[tuple[str, list[float | None]]] = [
        (f"nobody types{where}", [load.p50_ms, None, load.p99_ms] + [None] * 5) for load in found.idle
    ]
    for typing in found.typing:
        figures: list[float | None] = [
            typing.load.p50_ms,
            typing.load.p50_ms / found.idle_p50_ms,
            typing.load.p99_ms,
            typing.stall_p50_ms,
            typing.stall_p95_ms,
            typing.echo_p50_ms,
            typing.echo_p95_ms,
            typing.memory_mb,
        ]
        rows.append((f"typing, {typing.what}{where}", figures))
    return [
        f"| {name} | {' | '.join('' if value is None else f'{value:.2f}' for value in row)} |" for name, row in rows
    ]
