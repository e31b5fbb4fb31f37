"""Our own load generator, used where `wrk` is not installed; its connections also measure single calls.

Raw asyncio protocols on keep-alive connections: a call's latency runs from the write to the last byte of its answer.
Run as a program it is one load in a process of its own, so that the harness's work never shows in the figures.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from benchmarks.model import BenchmarkError, Load, Request


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `seconds` from the request's first byte out to the answer's last byte in."""

    status: int
    body: bytes
    seconds: float


def encode(request: Request) -> bytes:
    """The request's bytes."""
    parts = urlsplit(request.url)
    body = request.body.encode()
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = f"{request.method} {path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time. Understands answers with a Content-Length, and no others."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._body_at = -1
        self._end_at = -1
        self._status = 0

    @classmethod
    async def open(cls, url: str) -> "Connection":
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        _, connection = await asyncio.get_running_loop().create_connection(cls, parts.hostname, parts.port)
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._end_at < 0:
            head_end = self._buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return
            self._read_head(bytes(self._buffer[:head_end]).lower())
            self._body_at = head_end + 4
            self._end_at = self._body_at + self._length
        if self._end_at >= 0 and len(self._buffer) >= self._end_at:
            body = bytes(self._buffer[self._body_at : self._end_at])
            del self._buffer[: self._end_at]
            self._end_at = -1
            if self._answer and not self._answer.done():
                self._answer.set_result((self._status, body))

    def _read_head(self, head: bytes) -> None:
        self._status = int(head[9:12])
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            self._fail("the answer has no Content-Length")
            self._length = 0
            return
        self._length = int(head[at + 17 :].split(b"\r\n", 1)[0])

    def _fail(self, why: str) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(BenchmarkError(why))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the server closed the connection ({exc or 'cleanly'})")

    async def send(self, data: bytes) -> Answer:
        """Send one encoded request and wait for its answer."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        begun = time.perf_counter()
        self._transport.write(data)
        status, body = await self._answer
        return Answer(status, body, time.perf_counter() - begun)

    def close(self) -> None:
        if self._transport:
            self._transport.close()


def check(answer: Answer, request: Request) -> None:
    """Raises BenchmarkError where the answer is not what the request must get."""
    if answer.status != 200 or request.expect.encode() not in answer.body:
        shown = answer.body[:300].decode(errors="replace")
        raise BenchmarkError(f"{request.method} {request.url} answered {answer.status}: {shown}")


async def _client(request: Request, until: float, latencies: list[float]) -> None:
    connection = await Connection.open(request.url)
    data = encode(request)
    try:
        while time.perf_counter() < until:
            answer = await connection.send(data)
            check(answer, request)
            latencies.append(answer.seconds)
    finally:
        connection.close()


async def run_load(request: Request, *, clients: int, seconds: float) -> Load:
    """One load from this very process."""
    latencies: list[float] = []
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(_client(request, begun + seconds, latencies))
    took = time.perf_counter() - begun
    ordered = sorted(latencies)
    return Load(len(ordered), took, percentile(ordered, 0.50) * 1e6, percentile(ordered, 0.99) * 1e6)


def percentile(ordered: list[float], share: float) -> float:
    """The value that this share of them does not exceed (nearest rank)."""
    if not ordered:
        raise BenchmarkError("nothing was measured")
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


class AsyncioGenerator:
    """Each load in a process of its own."""

    name = "our own asyncio load generator (benchmarks/loadgen.py)"

    def load(self, request: Request, *, clients: int, seconds: float) -> Load:
        order = json.dumps({"request": asdict(request), "clients": clients, "seconds": seconds})
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.loadgen"],
            input=order,
            check=False,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            cwd=Path(__file__).parent.parent,
        )
        if done.returncode:
            raise BenchmarkError(done.stderr.strip()[-2000:])
        return Load(**json.loads(done.stdout))


def _main() -> int:
    import uvloop

    order = json.load(sys.stdin)
    request = Request(**order["request"])
    try:
        load = uvloop.run(run_load(request, clients=order["clients"], seconds=order["seconds"]))
    except ExceptionGroup as group:
        expected, other = group.split((BenchmarkError, OSError))
        if other or not expected:
            raise
        sys.stderr.write(f"{expected.exceptions[0]}\n")
        return 1
    sys.stdout.write(json.dumps(asdict(load)))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
