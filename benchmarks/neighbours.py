"""Functions beside each other: what a flood on one does to another, and several calls at once in one instance."""

import asyncio
import threading
from collections.abc import Callable

from benchmarks.loadgen import AsyncioGenerator, Connection, encode
from benchmarks.model import Load, Request
from benchmarks.section import Section
from benchmarks.subjects.clowdy import INVOKE_CODE, Clowdy

FLOOD_CLIENTS = 32
BURNS = (
    "import time\ndef handler(event):\n    end = time.thread_time() + 0.02\n"
    "    while time.thread_time() < end:\n        pass\n    return event\n"
)
WAITS = "import asyncio\nasync def handler(event):\n    await asyncio.sleep(0.02)\n    return event\n"
WIDTHS = (1, 8, 32)


class Flood:
    """So many clients that ask one function over and over, in threads of this process, whatever they are answered."""

    def __init__(self, request: Request, clients: int = FLOOD_CLIENTS) -> None:
        self._request = request
        self._clients = clients
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.answers: dict[int, int] = {}

    def __enter__(self) -> "Flood":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._client() for _ in range(self._clients)))

    async def _client(self) -> None:
        connection = await Connection.open(self._request.url)
        data = encode(self._request)
        try:
            while not self._stop.is_set():
                answer = await connection.send(data)
                self.answers[answer.status] = self.answers.get(answer.status, 0) + 1
                if answer.status == 429:
                    await asyncio.sleep(0.05)
        finally:
            connection.close()


def fairness(*, seconds: float, say: Callable[[str], None]) -> Section:
    """One caller of one function: alone, and beside floods on another.

    Raises:
        BenchmarkError: a wrong answer to the one caller.
    """
    section = Section(
        "A flood beside one caller",
        f"One client calls one function while {FLOOD_CLIENTS} clients call another as fast as they can: one that "
        "echoes, and one that burns 20 ms of CPU (10 instances of half a core at most, then a queue of 100).",
        ["beside", "p50 ms", "p99 ms", "calls/s", "the flood's answers"],
    )
    ours = AsyncioGenerator()
    with Clowdy("bubblewrap") as clowdy:
        clowdy.open()
        request = clowdy.invoke_request(clowdy.make_function("one", INVOKE_CODE))
        floods = {
            "nothing": None,
            "a flood of echoes": clowdy.invoke_request(clowdy.make_function("echoes", INVOKE_CODE)),
            "a flood that burns CPU": clowdy.invoke_request(clowdy.make_function("burns", BURNS)),
        }
        ours.load(request, clients=1, seconds=0.5)
        for name, flooded in floods.items():
            if flooded is None:
                load, told = ours.load(request, clients=1, seconds=seconds), "–"
            else:
                with Flood(flooded) as flood:
                    ours.load(request, clients=1, seconds=0.5)
                    load = ours.load(request, clients=1, seconds=seconds)
                told = ", ".join(f"{count:,} × {status}" for status, count in sorted(flood.answers.items()))
            section.rows.append([name, *_figures(load), told])
            say(f"fairness, {name}: p50 {load.p50_us / 1000:.2f} ms, p99 {load.p99_us / 1000:.2f} ms; {told}")
    return section


def concurrency(*, seconds: float, say: Callable[[str], None]) -> Section:
    """What one instance does of calls that wait 20 ms each.

    Raises:
        BenchmarkError: a wrong answer.
    """
    section = Section(
        "Several calls at once in one instance",
        "An `async def` handler that waits for 20 ms, `max_instances` 1, 32 clients.",
        ["`concurrency`", "p50 ms", "p99 ms", "calls/s"],
    )
    ours = AsyncioGenerator()
    with Clowdy("bubblewrap") as clowdy:
        clowdy.open()
        for width in WIDTHS:
            made = clowdy.make_function(f"waits{width}", WAITS, concurrency=width, max_instances=1)
            request = clowdy.invoke_request(made)
            ours.load(request, clients=4, seconds=0.5)
            load = ours.load(request, clients=32, seconds=seconds)
            section.rows.append([str(width), *_figures(load)])
            say(f"concurrency {width}: {load.calls / load.seconds:,.0f} calls/s")
    return section


def _figures(load: Load) -> list[str]:
    return [f"{load.p50_us / 1000:.2f}", f"{load.p99_us / 1000:.2f}", f"{load.calls / load.seconds:,.0f}"]
