"""How long until the screen shows something: from the process's start to its first frame, in a terminal of its own.

Beside it, in the same run and in turn with it, a Textual app with nothing but one line of text: what any app costs.
"""

import fcntl
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.model import BenchmarkError

ROWS, COLUMNS = 36, 120
WITHIN_S = 30.0
BOUND = 2.0
EMPTY = Path(__file__).parent / "servers" / "empty_app.py"


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """Medians in milliseconds; `ratio` is taken within a round before its median, `best_ratio` is of the two minima."""

    rounds: int
    clowdy_ms: float
    empty_ms: float
    ratio: float
    best_ratio: float


def measure(rounds: int, say: Callable[[str], None]) -> FirstFrame:
    """Each as often as there are rounds, after one that does not count and fills the caches.

    Raises:
        BenchmarkError: one of them shows nothing.
    """
    folder = Path(tempfile.mkdtemp(prefix="clowdy-"))
    folder.chmod(0o711)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CLOWDY_", "SSH_", "PYTHON"))}
    environment = {
        **kept, "TERM": "xterm-256color", "COLORTERM": "truecolor", "CLOWDY_DATA_DIR": str(folder / "data"),
        # Bytecode as a second start has it, also where this machine forbids to write it.
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "CLOWDY_CONFIG": os.devnull, "CLOWDY_DRIVER": "bubblewrap", "CLOWDY_PORT": "0",
    }  # fmt: skip
    ours, theirs = list[float](), list[float]()
    try:
        for number in range(rounds + 1):
            ms = [
                frame([sys.executable, str(EMPTY)], b"ready", environment) * 1e3,
                frame([sys.executable, "-m", "clowdy_tui"], b"clowdy", environment) * 1e3,
            ]
            if number:
                theirs.append(ms[0])
                ours.append(ms[1])
                say(f"first frame, round {number}: clowdy {ms[1]:.0f} ms, an empty app {ms[0]:.0f} ms")
    finally:
        shutil.rmtree(folder)
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return FirstFrame(rounds, median(ours), median(theirs), median(ratios), min(ours) / min(theirs))


def frame(command: list[str], sign: bytes, environment: Mapping[str, str]) -> float:
    """Seconds from the start of a program until its output holds `sign`; it is ended then, and waited for.

    Raises:
        BenchmarkError: it ends before, or takes too long.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env=dict(environment), start_new_session=True
    )
    os.close(terminal)
    try:
        seen = b""
        while sign not in seen:
            seen += _read(controller, begun + WITHIN_S)
        taken = time.perf_counter() - begun
        process.terminate()
        # What it says while it ends has to be taken from it, or it would wait for ever.
        while process.poll() is None:
            _read(controller, begun + WITHIN_S, must=False)
        return taken
    except BenchmarkError as error:
        raise BenchmarkError(f"{' '.join(command)}: {error}; it showed {seen[-500:]!r}") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(controller)


def _read(controller: int, deadline: float, *, must: bool = True) -> bytes:
    ready, _, _ = select.select([controller], [], [], 0.05)
    if time.perf_counter() > deadline:
        raise BenchmarkError("nothing came in time")
    if not ready:
        return b""
    try:
        return os.read(controller, 65536)
    except OSError:
        # Linux says so where the last writer is gone.
        if must:
            raise BenchmarkError("it ended") from None
        time.sleep(0.01)
        return b""


def to_markdown(found: FirstFrame) -> str:
    """A section of the report."""
    met = "met" if found.ratio <= BOUND else "**not met**"
    return (
        f"## First frame\n\nMilliseconds from the start of a process to its first frame at {COLUMNS}×{ROWS}, in a "
        f"terminal of its own; {found.rounds} rounds, in turn.\n\n"
        "| `clowdy` | an empty Textual app | × | of the best | |\n| --: | --: | --: | --: | --- |\n"
        f"| {found.clowdy_ms:.0f} | {found.empty_ms:.0f} | {found.ratio:.2f} | {found.best_ratio:.2f} "
        f"| target: at most {BOUND:g} ×: {met} |"
    )
