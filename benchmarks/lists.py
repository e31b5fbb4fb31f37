"""A long log: what lists and figures cost with a million calls in it, and what its trimming costs those who call."""

import asyncio
import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import cpu, rounds
from benchmarks.loadgen import AsyncioGenerator, percentile
from benchmarks.model import BenchmarkError
from benchmarks.rounds import Row, Sample
from benchmarks.subjects.clowdy import INVOKE_CODE, Clowdy
from clowdy_tui.domain.names import invocation_id_at
from clowdy_tui.store.records import InvocationRecord
from clowdy_tui.store.writer import InvocationWriter

FUNCTIONS = 20
DAYS = 20
TARGET_MS = 10.0
CLIENTS = (1, 8)
# More than this used by other programs, and a load says more of them than of us: left out where others are quiet.
QUIET_CORES = 0.25
_DAY_MS = 86_400_000
_STILL_S = 5.0
_FOR_EVER = {"retention_days": "36500", "retention_bytes": str(1 << 50)}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, sent over and over by the owner's socket: milliseconds, its client's own included.

    `alone_p99_ms` is without the time for which gateway and client were ready to run and had no core; the same as
    `p99_ms` where the system does not tell that.
    """

    what: str
    times: int
    p50_ms: float
    p99_ms: float
    alone_p99_ms: float


@dataclass(slots=True)
class Lists:
    """Half of the calls are of one function, the one that is asked for. `before` and `during` are loads of calls
    without and with the trimming of all but the last day, by number of clients."""

    calls: int
    write_us: float
    file_mb: float
    asked: list[Asked] = field(default_factory=list)
    trimmed: int = 0
    trimmed_s: float = 0.0
    file_after_mb: float = 0.0
    before: dict[int, list[Sample]] = field(default_factory=dict)
    during: dict[int, list[Sample]] = field(default_factory=dict)


def measure(*, calls: int, times: int, seconds: float, say: Callable[[str], None]) -> Lists:
    """One gateway (bubblewrap) with a log of so many calls.

    Raises:
        BenchmarkError: a wrong answer, or the trimming does not end.
    """
    with Clowdy("bubblewrap", **_FOR_EVER) as clowdy:
        clowdy.open()
        functions = [clowdy.make_function(f"f{number}", INVOKE_CODE) for number in range(FUNCTIONS)]
        say(f"lists: writing {calls:,} calls")
        began = time.perf_counter()
        middle = asyncio.run(_fill(clowdy.database, functions, calls))
        lists = Lists(calls, (time.perf_counter() - began) / calls * 1e6, _size_mb(clowdy.database))
        for what, path in _questions(functions[0], middle).items():
            lists.asked.append(_ask(clowdy, what, path, 3 if "a word" in what else times))
            say(f"lists: {what}: p50 {lists.asked[-1].p50_ms:.1f} ms, p99 {lists.asked[-1].p99_ms:.1f} ms")
        # The same restart as before the trimming, so that nothing else differs.
        clowdy.restart()
        _loads(clowdy, functions[0], lists.before, seconds, times=5)
        clowdy.restart(retention_days="1")
        _trim(clowdy, functions[0], lists, seconds)
        say(f"lists: trimmed {lists.trimmed:,} calls in {lists.trimmed_s:.0f} s under load")
    return lists


async def _fill(database: Path, functions: list[str], calls: int) -> str:
    """Write them as the gateway does, spread evenly over the days; the id of the one in the middle."""
    writer = InvocationWriter(database)
    writer.start()
    draw = random.Random(1)
    now = time.time_ns() // 1_000_000
    span = DAYS * _DAY_MS
    middle = ""
    try:
        for number in range(calls):
            id_ = invocation_id_at(now - span + span * number // calls) + (number & 1023)
            failed = draw.random() < 0.01
            writer.add(
                InvocationRecord(
                    id_,
                    functions[0] if number & 1 else functions[draw.randrange(FUNCTIONS)],
                    "local",
                    1,
                    "error" if failed else "success",
                    "test" if number % 1000 == 1 else "gateway",
                    "GET",
                    f"/orders/{number}",
                    False,
                    int(draw.lognormvariate(7, 1)),
                    0,
                    0,
                    20_000,
                    "ValueError" if failed else None,
                    has_body=True,
                    input=b'{"method":"GET","path":"/orders","params":{},"query":{},"headers":{"accept":"*/*"}}',
                    output=b'{"order":%d,"state":"on its way","items":[1,2,3]}' % number,
                    error_message="no such order" if failed else None,
                )
            )
            if number == calls // 2:
                middle = f"{id_:016x}"
            if number % 10_000 == 0:
                await writer.flush()
        await writer.flush()
    finally:
        await writer.close()
    return middle


def _questions(function: str, middle: str) -> dict[str, str]:
    calls = f"/api/functions/{function}/invocations"
    return {
        "the last 50 of a function": calls,
        "50 from the middle": f"{calls}?before={middle}",
        "the last 50 that failed": f"{calls}?status=error",
        "the last 50 of a source, one in 500": f"{calls}?source=test",
        "the last 50 of all functions": "/api/invocations",
        "one whole": f"/api/invocations/{middle}",
        "figures, all calls": "/api/stats",
        "figures, the last day": f"/api/stats?since={_ago(86_000)}",
        "figures, the last 19 days": f"/api/stats?since={_ago(19 * 86_400)}",
        "a word that is in the newest": f"{calls}?q=on+its+way",
        "a word that is nowhere": f"{calls}?q=nowhere",
    }


def _ago(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds))


def _ask(clowdy: Clowdy, what: str, path: str, times: int) -> Asked:
    found: Any = clowdy.call("GET", path)
    if isinstance(found, list) and len(found) != (0 if "nowhere" in what else 50):
        raise BenchmarkError(f"{path} answered with {len(found)} calls")
    pids = clowdy.roots() | {os.getpid()}
    took, alone = list[float](), list[float]()
    for _ in range(times):
        before, began = cpu.scheduled(pids), time.perf_counter()
        clowdy.call("GET", path)
        seconds, after = time.perf_counter() - began, cpu.scheduled(pids)
        took.append(seconds * 1e3)
        # Threads wait at the same time as others, but no request is done in less than the time that was worked on it.
        alone.append(max(seconds - (after.waited_s - before.waited_s), min(after.ran_s - before.ran_s, seconds)) * 1e3)
    took.sort()
    return Asked(what, times, percentile(took, 0.5), percentile(took, 0.99), percentile(sorted(alone), 0.99))


def _loads(
    clowdy: Clowdy, function: str, into: dict[int, list[Sample]], seconds: float, *, times: int = 1, warm: bool = True
) -> None:
    row, generator = Row("a call", clowdy, clowdy.invoke_request(function)), AsyncioGenerator()
    if warm:
        generator.load(row.request, clients=max(CLIENTS), seconds=0.5)
        clowdy.settle()
    for _ in range(times):
        for clients in CLIENTS:
            taken = into.setdefault(clients, [])
            taken.append(rounds.take(row, clients, len(taken), seconds, generator))


def _trim(clowdy: Clowdy, function: str, lists: Lists, seconds: float) -> None:
    began = time.monotonic()
    goal = invocation_id_at(time.time_ns() // 1_000_000 - _DAY_MS)
    while _oldest(clowdy.database) < goal:
        _loads(clowdy, function, lists.during, seconds, warm=not lists.during)
        if time.monotonic() - began > 900:
            raise BenchmarkError("the trimming did not end within 15 minutes")
    lists.trimmed_s = time.monotonic() - began
    lists.trimmed = lists.calls - lists.calls // DAYS
    # The file gets shorter after that, but for a reserve that the next calls take.
    still_since, size = time.monotonic(), _size_mb(clowdy.database)
    while time.monotonic() - still_since < _STILL_S:
        time.sleep(0.5)
        before, size = size, _size_mb(clowdy.database)
        if size != before:
            still_since = time.monotonic()
    lists.file_after_mb = size


def _oldest(database: Path) -> int:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT min(id) FROM invocation").fetchone()[0])


def _size_mb(database: Path) -> float:
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return float(pages * size) / 1e6


def to_markdown(lists: Lists) -> str:
    """The section of the report."""
    last_50 = lists.asked[0]
    verdict = "met" if last_50.alone_p99_ms < TARGET_MS else "**not met**"
    rows = [
        f"| {item.what} | {item.p50_ms:.1f} | {item.p99_ms:.1f} | {item.alone_p99_ms:.1f} | {item.times} |"
        for item in lists.asked
    ]
    parts = [
        f"## A log of {lists.calls:,} calls",
        f"{FUNCTIONS} functions, half of the calls are of the one that is asked for; {DAYS} days, one in a hundred "
        f"failed. Written in {lists.write_us:.0f} µs a call, {lists.file_mb:,.0f} MB. Milliseconds over the owner's "
        f"socket; *alone* is without the time for which gateway and client waited for a core that other programs had. "
        f"Target: the last 50 of a function under {TARGET_MS:g} ms, p99 alone: {verdict}.",
        "\n".join(["| | p50 ms | p99 ms | p99 alone | times |", "| --- | --: | --: | --: | --: |", *rows]),
    ]
    if lists.during:
        loads = [
            f"| {clients} | {_middle(lists.before[clients], 'p50_us')} | {_middle(lists.during[clients], 'p50_us')} "
            f"| {_middle(lists.before[clients], 'p99_us')} | {_middle(lists.during[clients], 'p99_us')} "
            f"| {len(quiet(lists.before[clients]))} | {len(quiet(lists.during[clients]))} |"
            for clients in CLIENTS
        ]
        everything = [sample for each in (lists.before, lists.during) for taken in each.values() for sample in taken]
        elsewhere = [sample.elsewhere for sample in everything if sample.elsewhere is not None]
        noise = f"; other programs used {median(elsewhere):.2f} cores meanwhile (median)" if elsewhere else ""
        parts += [
            f"Trimming {lists.trimmed:,} of them took {lists.trimmed_s:.0f} s under load; the file went from "
            f"{lists.file_mb:,.0f} to {lists.file_after_mb:,.0f} MB, the load's own calls included. "
            "Calls (warm echo by id, bubblewrap) in "
            "milliseconds, medians of the loads during which the machine was quiet (of all, where it never was)"
            f"{noise}:",
            "\n".join(
                [
                    "| clients | p50 before | p50 while | p99 before | p99 while | loads before | while |",
                    "| --: | --: | --: | --: | --: | --: | --: |",
                    *loads,
                ]
            ),
        ]
    return "\n\n".join(parts)


def quiet(taken: list[Sample]) -> list[Sample]:
    """Those during which other programs did little; all, where there were none such."""
    return [sample for sample in taken if (sample.elsewhere or 0.0) <= QUIET_CORES] or taken


def _middle(taken: list[Sample], name: str) -> str:
    return f"{median(getattr(sample, name) for sample in quiet(taken)) / 1000:.2f}"
