"""What a function's first call costs: served by a spare, with no spare at all, and twenty new ones at once."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from benchmarks import engine
from benchmarks.loadgen import Answer, Connection, check, encode, percentile
from benchmarks.model import BenchmarkError, Request
from benchmarks.subjects.clowdy import INVOKE_CODE, Clowdy

BURST = 20


@dataclass(frozen=True, slots=True)
class FirstCalls:
    """One driver's figures, all in milliseconds. `burst_bound_ms` is five times the cold start's p50.

    `burst_spares` is how many spares stood ready when the twenty came. `bare_p50_ms`: a container of the same image
    from `create` to the first byte that its Python prints, measured beside the cold starts; None for bubblewrap.
    """

    driver: str
    calls: int
    warm_p50_ms: float
    spare_p50_ms: float
    spare_max_ms: float
    cold_p50_ms: float
    cold_max_ms: float
    burst_all_ms: float
    burst_p50_ms: float
    burst_bound_ms: float
    burst_spares: int
    bare_p50_ms: float | None


def measure(driver: str, *, calls: int, say: Callable[[str], None]) -> FirstCalls:
    """Two gateways in turn, one with spares (its default) and one with none.

    Raises:
        BenchmarkError: a wrong answer, or a first call that did not come from where it should.
    """
    say(f"first calls, {driver}: with spares")
    with Clowdy(driver) as clowdy:
        clowdy.open()
        warm, spare = asyncio.run(_one_by_one(clowdy, calls, spares=True))
        spares = clowdy.settled_spares()
        whole, burst = asyncio.run(_burst(clowdy))
    say(f"first calls, {driver}: with none")
    with Clowdy(driver, spares="0") as clowdy:
        clowdy.open()
        _, cold = asyncio.run(_one_by_one(clowdy, calls, spares=False))
        bare = engine.bare_starts(*engine.runtime_image(clowdy.installation), calls) if driver == "docker" else None
    return FirstCalls(
        driver,
        calls,
        median(warm) * 1e3,
        median(spare) * 1e3,
        max(spare) * 1e3,
        median(cold) * 1e3,
        max(cold) * 1e3,
        whole * 1e3,
        percentile(sorted(burst), 0.5) * 1e3,
        median(cold) * 5 * 1e3,
        spares,
        median(bare) * 1e3 if bare else None,
    )


def _parse(answer: Answer, request: Request, *, cold: bool) -> None:
    check(answer, request)
    said = json.loads(answer.body)
    if said["cold_start"] is not cold:
        raise BenchmarkError(f"{request.url}: cold_start is {said['cold_start']} where it should be {cold}")


async def _one_by_one(clowdy: Clowdy, calls: int, *, spares: bool) -> tuple[list[float], list[float]]:
    """Seconds of warm calls and of first calls, one new function after the other."""
    warm, first = [], []
    connection = await Connection.open(clowdy.url)
    try:
        for number in range(calls):
            request = clowdy.invoke_request(clowdy.make_function(f"f{number}", INVOKE_CODE))
            if spares and not clowdy.settled_spares():
                raise BenchmarkError(f"{clowdy.driver}: there is no spare")
            data = encode(request)
            # The connection has carried a request before: its own set-up is no part of the figure.
            await connection.send(encode(Request(f"{clowdy.url}/api/health", "ok")))
            answer = await connection.send(data)
            _parse(answer, request, cold=True)
            first.append(answer.seconds)
            for _ in range(5):
                answer = await connection.send(data)
                _parse(answer, request, cold=False)
                warm.append(answer.seconds)
    finally:
        connection.close()
    return warm, first


async def _burst(clowdy: Clowdy) -> tuple[float, list[float]]:
    """Seconds until the last of twenty new functions has answered, and of each."""
    requests = [clowdy.invoke_request(clowdy.make_function(f"b{number}", INVOKE_CODE)) for number in range(BURST)]
    connections = [await Connection.open(clowdy.url) for _ in requests]
    try:
        for connection in connections:
            await connection.send(encode(Request(f"{clowdy.url}/api/health", "ok")))
        begun = time.perf_counter()
        answers = await asyncio.gather(
            *(connection.send(encode(request)) for connection, request in zip(connections, requests, strict=True))
        )
        whole = time.perf_counter() - begun
    finally:
        for connection in connections:
            connection.close()
    for answer, request in zip(answers, requests, strict=True):
        _parse(answer, request, cold=True)
    return whole, [answer.seconds for answer in answers]
