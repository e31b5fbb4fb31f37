"""Ten thousand log lines a second on the screen: whether it stays usable, and whether memory stays flat.

A gateway in a process of its own, a function that prints, calls of it from a third process, and the screen here, with
the log in sight and following. Keys are pressed in the tree at a steady pace, counted from when each was due until the
screen that it changed is painted: with nothing coming in, and then in the flood.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from textual import events
from textual.pilot import Pilot

from benchmarks.model import BenchmarkError
from benchmarks.subjects.clowdy import Clowdy
from clowdy_tui import resources
from clowdy_tui.client import Clowdy as Client
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.session import ScreenOptions, Session
from clowdy_tui.tui.state import Link

LINES_A_CALL, CALLS_A_SECOND = 500, 20
KEYS_A_SECOND = 8
SIZE = (120, 36)
TICK_S = 0.005
CODE = f"""
def handler(event, context):
    for number in range({LINES_A_CALL}):
        print(f"INFO order {{number}}: two items, packed by the till and sent")
"""
CALLER = Path(__file__).parent / "servers" / "caller.py"
BOUND_MS = 100.0
GROWTH_MB = 8.0


@dataclass(frozen=True, slots=True)
class Calm:
    """Milliseconds from when a key was due until it was to be seen; how late the loop's ticks were.

    `cores` is what this process, the screen, used: it says the same on a busy machine as on a quiet one.
    """

    key_p50_ms: float
    key_p95_ms: float
    stall_p95_ms: float
    cores: float


@dataclass(frozen=True, slots=True)
class Flood:
    """`growth_mb` is what this process grew by in the flood's second half: its first fills the ring of lines."""

    seconds: float
    lines_a_second: float
    held: int
    growth_mb: float
    idle: Calm
    flooded: Calm


def measure(seconds: float, say: Callable[[str], None]) -> Flood:
    """Idle for a third of the time, flooded for all of it.

    Raises:
        BenchmarkError: the gateway does not start, or nothing arrives.
    """
    say("starting a gateway for the flood of log lines")
    gateway = Clowdy("bubblewrap")
    with gateway:
        gateway.open()
        function = gateway.make_function("printing", CODE, cpus=1)
        gateway.call("POST", f"/api/invoke/{function}", input=None)
        found = asyncio.run(_measure(gateway, function, seconds))
    say(f"flood: {found.lines_a_second:,.0f} lines/s, a key {found.flooded.key_p50_ms:.1f} ms "
        f"(idle {found.idle.key_p50_ms:.1f}), {found.growth_mb:+.1f} MB")  # fmt: skip
    return found


async def _measure(gateway: Clowdy, function: str, seconds: float) -> Flood:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        async with Client(socket=gateway.socket) as client:
            yield Session(client=client, hosted=False, url=gateway.url)

    themes = [resources.folder("themes")]
    app = ClowdyApp(connect=connect, themes=themes, options=ScreenOptions(ssh=True))
    async with app.run_test(size=SIZE) as pilot:
        async with asyncio.timeout(30):
            while app.state.link is not Link.ONLINE:
                await pilot.pause(0.02)
        app.workbench.show_dock("logs")
        app.workbench.go("tree")
        await pilot.pause()
        idle = await _keys(app, pilot, seconds / 3)
        caller = await asyncio.create_subprocess_exec(
            sys.executable, str(CALLER), f"{gateway.url}/api/invoke/{function}", str(CALLS_A_SECOND), str(seconds)
        )
        buffer = app.workbench.dock.logs.buffer
        begun, before = asyncio.get_running_loop().time(), _lines(app)
        halfway = asyncio.get_running_loop().call_later(seconds / 2, lambda: sizes.append(_resident_mb()))
        sizes: list[float] = []
        flooded = await _keys(app, pilot, seconds)
        halfway.cancel()
        taken = asyncio.get_running_loop().time() - begun
        came = _lines(app) - before
        if not came:
            raise BenchmarkError("no log line arrived on the screen")
        growth = _resident_mb() - sizes[0] if sizes else float("nan")
        if await caller.wait():
            raise BenchmarkError("a call of the function that prints failed")
        found = Flood(taken, came / taken, len(buffer.lines), growth, idle, flooded)
        app.exit()
    return found


def _lines(app: ClowdyApp) -> int:
    buffer = app.workbench.dock.logs.buffer
    return buffer.dropped + len(buffer.lines)


async def _keys(app: ClowdyApp, pilot: Pilot[None], seconds: float) -> Calm:
    """Press keys in the tree for so long."""
    loop = asyncio.get_running_loop()
    late, ticking = list[float](), asyncio.create_task(_tick(stalls := list[float]()))
    begun, used = loop.time(), time.process_time()
    for number in range(round(seconds * KEYS_A_SECOND)):
        due = begun + number / KEYS_A_SECOND
        await asyncio.sleep(max(0.0, due - loop.time()))
        painted = asyncio.Event()
        tree = app.workbench.project_tree
        key = "down" if number % 2 else "up"
        app.post_message(events.Key(key, None))
        tree.call_after_refresh(painted.set)
        await painted.wait()
        late.append(loop.time() - due)
    ticking.cancel()
    cores = (time.process_time() - used) / (loop.time() - begun)
    return Calm(_percentile(late, 50), _percentile(late, 95), _percentile(stalls, 95), cores)


async def _tick(stalls: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK_S
        await asyncio.sleep(TICK_S)
        stalls.append(loop.time() - due)


def _percentile(seconds: list[float], percent: int) -> float:
    return quantiles(seconds, n=100)[percent - 1] * 1e3


def _resident_mb() -> float:
    """What this process holds; not a number where the machine does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return float("nan")
    return pages * 4096 / 1024 / 1024


def to_markdown(found: Flood) -> str:
    """A section of the report."""
    idle, flooded = found.idle, found.flooded
    usable = "met" if flooded.key_p95_ms <= BOUND_MS else "**not met**"
    flat = "met" if found.growth_mb <= GROWTH_MB else "**not met**"
    return (
        f"## Log lines on the screen\n\n{found.lines_a_second:,.0f} lines a second for {found.seconds:.0f} s, the log "
        f"in sight at {SIZE[0]}×{SIZE[1]}; {KEYS_A_SECOND} keys a second, each from when it was due until it was "
        "painted (ms).\n\n"
        "| | key p50 | key p95 | stall of the loop p95 | cores used |\n| --- | --: | --: | --: | --: |\n"
        f"| idle | {idle.key_p50_ms:.1f} | {idle.key_p95_ms:.1f} | {idle.stall_p95_ms:.1f} | {idle.cores:.2f} |\n"
        f"| flooded | {flooded.key_p50_ms:.1f} | {flooded.key_p95_ms:.1f} | {flooded.stall_p95_ms:.1f} "
        f"| {flooded.cores:.2f} |\n"
        f"| × | {flooded.key_p50_ms / idle.key_p50_ms:.2f} | {flooded.key_p95_ms / idle.key_p95_ms:.2f} "
        f"| {flooded.stall_p95_ms / idle.stall_p95_ms:.2f} | {flooded.cores / idle.cores:.2f} |\n\n"
        f"Targets: a key's p95 at most {BOUND_MS:g} ms in the flood: {usable}; memory flat "
        f"({found.growth_mb:+.1f} MB in the second half, at most {GROWTH_MB:g}; {found.held:,} lines held): {flat}."
    )
