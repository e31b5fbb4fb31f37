"""One box with many functions: mixed load, within the bounds of pool and memory, and no error but 429."""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.loadgen import Connection, encode, percentile
from benchmarks.model import PAYLOAD, TOKEN, BenchmarkError, Request
from benchmarks.section import Section
from benchmarks.subjects.clowdy import Clowdy
from benchmarks.weight import resident_mb

FUNCTIONS = 200
CLIENTS = 32
BUDGET_MB = 8192
MEMORY_MB = 64

# What is called, and how many of a hundred functions are like that.
KINDS = {
    "echo": (60, "def handler(event):\n    return event\n"),
    "waits 50 ms": (20, "import time\ndef handler(event):\n    time.sleep(0.05)\n    return event\n"),
    "5 ms of CPU": (
        10,
        "import time\ndef handler(event):\n    end = time.thread_time() + 0.005\n"
        "    while time.thread_time() < end:\n        pass\n    return event\n",
    ),
    "prints 20 lines": (
        5,
        "def handler(event):\n    for n in range(20):\n        print(n, 'a line')\n    return event\n",
    ),
    "raises": (5, "def handler(event):\n    raise ValueError(event['token'])\n"),
}


@dataclass(slots=True)
class _Seen:
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    cold: int = 0
    instances: list[int] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)


def measure(*, seconds: float, say: Callable[[str], None]) -> Section:
    """So many functions, called at random for so long.

    Raises:
        BenchmarkError: an answer was neither right nor 429, or a bound was not kept.
    """
    with Clowdy("bubblewrap", memory_budget_mb=str(BUDGET_MB)) as clowdy:
        clowdy.open()
        draw = random.Random(1)
        kinds = draw.choices(list(KINDS), weights=[share for share, _ in KINDS.values()], k=FUNCTIONS)
        requests = [
            (kind, clowdy.invoke_request(clowdy.make_function(f"f{number}", KINDS[kind][1], memory_mb=MEMORY_MB)))
            for number, kind in enumerate(kinds)
        ]
        (pid,) = clowdy.roots()
        say(f"scale: {FUNCTIONS} functions, {CLIENTS} clients, {seconds:.0f} s")
        seen = asyncio.run(_load(clowdy, requests, seconds, pid, say))
    most_mb = max(seen.instances) * MEMORY_MB
    if seen.wrong:
        raise BenchmarkError(f"scale: {len(seen.wrong)} wrong answers; the first: {seen.wrong[0]}")
    if most_mb > BUDGET_MB:
        raise BenchmarkError(f"scale: {max(seen.instances)} sandboxes of {MEMORY_MB} MB are over {BUDGET_MB} MB")
    calls = sum(seen.statuses.values())
    section = Section(
        "Many functions",
        f"{FUNCTIONS} functions of {MEMORY_MB} MB, {CLIENTS} clients, {seconds:.0f} s, a memory budget of "
        f"{BUDGET_MB:,} MB: {calls:,} calls, {calls / seconds:,.0f} a second, {seen.statuses[429]:,} of them 429, no "
        f"other error; {seen.cold:,} began cold. Most sandboxes at a time: {max(seen.instances)}, {most_mb:,} MB. "
        f"The gateway's memory: {seen.memory_mb[0]:.0f} MiB at the start, {max(seen.memory_mb):.0f} at most, "
        f"{seen.memory_mb[-1]:.0f} at the end.",
        ["kind", "calls", "p50 ms", "p99 ms"],
    )
    for kind, took in sorted(seen.seconds.items()):
        ordered = sorted(took)
        p50, p99 = percentile(ordered, 0.5) * 1e3, percentile(ordered, 0.99) * 1e3
        section.rows.append([kind, f"{len(took):,}", f"{p50:.1f}", f"{p99:.1f}"])
    return section


async def _load(
    clowdy: Clowdy, requests: list[tuple[str, Request]], seconds: float, pid: int, say: Callable[[str], None]
) -> _Seen:
    seen = _Seen(seconds={kind: [] for kind in KINDS})
    until = time.perf_counter() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(_client(clowdy.url, requests, until, random.Random(number), seen))
        group.create_task(_watch(clowdy, until, pid, seen, say))
    return seen


async def _client(
    url: str, requests: list[tuple[str, Request]], until: float, draw: random.Random, seen: _Seen
) -> None:
    connection = await Connection.open(url)
    encoded = [(kind, encode(request)) for kind, request in requests]
    # Some are called often, most now and then.
    weights = [1 / (1 + place) ** 1.3 for place in range(len(encoded))]
    try:
        while time.perf_counter() < until:
            kind, data = draw.choices(encoded, weights)[0]
            answer = await connection.send(data)
            seen.statuses[answer.status] += 1
            if answer.status == 429:
                await asyncio.sleep(0.05)
                continue
            said = json.loads(answer.body) if answer.status == 200 else {}
            right = said.get("error") == TOKEN if kind == "raises" else said.get("output") == PAYLOAD
            if not right:
                seen.wrong.append(f"{kind}: {answer.status} {answer.body[:500]!r}")
            seen.cold += bool(said.get("cold_start"))
            seen.seconds[kind].append(answer.seconds)
    finally:
        connection.close()


async def _watch(clowdy: Clowdy, until: float, pid: int, seen: _Seen, say: Callable[[str], None]) -> None:
    begun = told = time.perf_counter()
    while (now := time.perf_counter()) < until:
        pool = await asyncio.to_thread(clowdy.call, "GET", "/api/pool")
        seen.instances.append(len(pool))
        seen.memory_mb.append(resident_mb(pid))
        if now - told > 30:
            told = now
            say(
                f"scale: {now - begun:.0f} s, {sum(seen.statuses.values()):,} calls, {len(pool)} sandboxes, "
                f"{seen.memory_mb[-1]:.0f} MiB, {len(seen.wrong)} wrong"
            )
        await asyncio.sleep(1)
