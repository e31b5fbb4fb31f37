"""A load that does not wait for answers: so many calls a second, each at its time; latency counts from when it is due.

As a program: `python -m benchmarks.open_loop URL BODY RATE SECONDS`, one JSON object on stdout. A closed loop would
call less often while the server stands still, and so not see that it did.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from statistics import quantiles

from benchmarks.loadgen import Connection, encode
from benchmarks.model import Request

CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """What came of it: milliseconds from when a call was due to its answer's last byte; calls with another status."""

    calls: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    failed: int


async def load(request: Request, rate: float, seconds: float) -> OpenLoad:
    """Call at that rate. A call whose time comes while all connections are busy waits for one, and that counts."""
    data = encode(request)
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(request.url))
    taken: list[float] = []
    failed = 0

    async def call(due: float) -> None:
        nonlocal failed
        connection = await free.get()
        answer = await connection.send(data)
        taken.append((time.perf_counter() - due) * 1e3)
        failed += answer.status != 200
        free.put_nowait(connection)

    begun = time.perf_counter()
    tasks = set()
    for number in range(int(rate * seconds)):
        due = begun + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(call(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    cuts = quantiles(taken, n=100)
    return OpenLoad(len(taken), cuts[49], cuts[94], cuts[98], failed)


if __name__ == "__main__":
    url, body, rate, seconds = sys.argv[1:]
    found = asyncio.run(load(Request(url, "", "POST", body), float(rate), float(seconds)))
    sys.stdout.write(json.dumps(asdict(found)) + "\n")
