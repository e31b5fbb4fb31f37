"""Handlers that stream, on both drivers: what comes, when it comes, who waits for whom, and how it ends."""

import asyncio
import json
from typing import Any

import pytest
from engine_support import Engine, choosing, deployment, texts, until, value

from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.streaming import Flow


class Taker:
    """Takes a stream as the gateway does: it is held back where `room` bytes wait, until somebody takes them."""

    def __init__(self, room: int | None = None) -> None:
        self.head: Any = None
        self.binary = False
        self.data = b""
        self.taken = 0
        self.flow: Flow | None = None
        self._room = room

    def begin(self, head: bytes, flow: Flow, *, binary: bool) -> None:
        self.head, self.flow, self.binary = json.loads(head), flow, binary

    def feed(self, data: bytes) -> None:
        self.data += data
        if self._room is not None and len(self.data) - self.taken > self._room:
            assert self.flow is not None
            self.flow.pause()

    def kept(self) -> bytes:
        return b'"kept"'

    def take(self) -> None:
        assert self.flow is not None
        self.taken = len(self.data)
        self.flow.resume()


async def stream(engine: Engine, code: str, taker: Taker, event: int | None = None, **changes: Any) -> Outcome:
    what = deployment(code, **changes)
    return await engine.service.invoke(what, json.dumps(event).encode(), invocation_id="1" * 16, receiver=taker)


GENERATORS = {
    "generator": "def handler(event):\n    {body}\n",
    "async generator": "async def handler(event):\n    {body}\n",
    "returns one": "def handler(event):\n    def items():\n        {body}\n    return items()\n",
    "async, returns an async one": (
        "async def handler(event):\n    async def items():\n        {body}\n    return items()\n"
    ),
}


@pytest.mark.parametrize("code", GENERATORS.values(), ids=GENERATORS)
async def test_whatever_generates_streams(engine: Engine, code: str) -> None:
    taker = Taker()
    body = (
        "yield {'statusCode': 201, 'headers': {'x': 'y'}}; yield 'é'; yield b'\\xff'; yield ''; yield bytearray(b'.')"
    )
    outcome = await stream(engine, code.format(body=body), taker)
    assert (outcome.status, outcome.output) == ("success", b'"kept"')
    assert (taker.head, taker.binary) == ({"statusCode": 201, "headers": {"x": "y"}}, False)
    assert taker.data == "é".encode() + b"\xff."


async def test_without_a_head_the_first_piece_says_what_it_is(engine: Engine) -> None:
    told = {
        "yield 'a'; yield b'b'": (False, b"ab"),
        "yield b'a'; yield 'b'": (True, b"ab"),
        "yield from ()": (False, b""),
    }
    for number, (binary, data) in enumerate(told.values()):
        taker = Taker()
        outcome = await stream(engine, choosing(told), taker, number)
        assert (outcome.status, taker.head, taker.binary, taker.data) == ("success", {}, binary, data)


async def test_pieces_come_as_they_are_made(engine: Engine) -> None:
    code = "import time\ndef handler(event):\n    yield 'first'\n    print('waits')\n    time.sleep(60)\n"
    taker = Taker()
    call = asyncio.ensure_future(stream(engine, code, taker, timeout_s=90))
    await until(lambda: taker.data == b"first")
    assert not call.done()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: not engine.service.snapshot(), why="its instance is killed")


async def test_without_a_taker_it_is_one_text(engine: Engine) -> None:
    code = "def handler(event):\n    yield {'statusCode': 201}\n    yield 'é\"'\n    yield b'\\xff'\n"
    assert value(await engine.run(code)) == 'é"\ufffd'
    what = deployment(code)
    first = await engine.invoke(what)
    assert (await engine.invoke(what)).instance_id == first.instance_id, "an instance streams more than once"


WRONG = {
    "yield {'a': 1}": ("ChunkNotText", "Item 1 is a value of type dict"),
    "yield 'a'; yield {'statusCode': 200}": ("ChunkNotText", "Item 2 is a value of type dict"),
    "yield 'a'; yield 1": ("ChunkNotText", "Item 2 is a value of type int: only text and bytes can be streamed"),
    "yield '\\ud800'": ("ChunkNotText", "half of a surrogate pair"),
    "yield {'statusCode': 200, 'headers': {'x': object()}}": ("ResultNotJSON", "type object at ['headers']['x']"),
    "yield {'statusCode': 200, 'headers': {'x': 'y' * 100_000}}": ("ResultTooLarge", "The head is"),
    "yield 'a'; raise ValueError('bad')": ("ValueError", "bad"),
    "raise ValueError('bad'); yield 'a'": ("ValueError", "bad"),
}


async def test_what_goes_wrong_is_told(engine: Engine) -> None:
    what = deployment(choosing(f"try:\n    {body}\nfinally:\n    print('closed')" for body in WRONG))
    for number, (body, (kind, words)) in enumerate(WRONG.items()):
        outcome = await engine.invoke(what, number)
        assert (outcome.status, outcome.error_type) == ("error", kind), (body, outcome)
        assert words in (outcome.error_message or ""), body
        assert texts(outcome) == ["closed"], body
        assert "runner.py" not in (outcome.stack_trace or ""), body


async def test_the_time_limit_covers_the_last_byte(engine: Engine) -> None:
    code = "import time\ndef handler(event):\n    while True:\n        yield 'x'\n        time.sleep(0.05)\n"
    taker = Taker()
    outcome = await stream(engine, code, taker, timeout_s=0.5)
    assert (outcome.status, outcome.output) == ("timeout", None)
    assert len(taker.data) > 2


@pytest.mark.parametrize(
    ("ending", "status"),
    [("os._exit(3)", "crashed"), ("hoard = [b'x' * (1 << 20) for _ in range(4096)]", "out_of_memory")],
)
async def test_an_instance_that_ends_in_the_middle(engine: Engine, ending: str, status: str) -> None:
    code = f"import os\ndef handler(event):\n    yield 'a'\n    {ending}\n"
    taker = Taker()
    outcome = await stream(engine, code, taker, memory_mb=64)
    assert outcome.status == status, outcome
    assert taker.data == b"a", "it is not tried a second time"


class TestLimits:
    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(spares=0, max_result_bytes=100_000)

    async def test_one_answer_holds_no_endless_stream(self, engine: Engine) -> None:
        outcome = await engine.run("def handler(event):\n    while True:\n        yield 'x' * 1000\n")
        assert (outcome.status, outcome.error_type) == ("error", "ResultTooLarge")
        assert value(await engine.run("def handler(event):\n    yield 'x' * 100_000\n")) == "x" * 100_000

    async def test_a_taker_has_no_such_limit(self, engine: Engine) -> None:
        taker = Taker()
        code = "def handler(event):\n    for _ in range(50):\n        yield 'x' * 100_000\n"
        assert (await stream(engine, code, taker)).status == "success"
        assert len(taker.data) == 5_000_000


ENDLESS = "def handler(event):\n    while True:\n        yield b'x' * 65536\n"


async def test_who_takes_nothing_holds_the_handler_back(engine: Engine) -> None:
    taker = Taker(room=200_000)
    call = asyncio.ensure_future(stream(engine, ENDLESS, taker, timeout_s=4))
    await until(lambda: len(taker.data) > 200_000)
    before = len(taker.data)
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert len(taker.data) == before, "nothing comes while it is paused"
    for _ in range(30):
        taker.take()
        await until(lambda: len(taker.data) - taker.taken > 200_000)
    # What lies in sockets and pipes on the way is a few megabytes; the rest was never made.
    assert len(taker.data) - taker.taken < 1_500_000
    outcome = await call
    assert outcome.status == "timeout", "the deadline holds while it is paused, too"
    await until(lambda: not engine.service.snapshot(), why="a paused instance can be killed")


async def test_a_paused_call_can_be_cancelled(engine: Engine) -> None:
    taker = Taker(room=1000)
    call = asyncio.ensure_future(stream(engine, ENDLESS, taker))
    await until(lambda: bool(taker.data))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(lambda: not engine.service.snapshot(), why="a paused instance can be killed")


async def test_an_instance_that_dies_while_it_is_paused(engine: Engine) -> None:
    code = "import os, threading\ndef handler(event):\n    threading.Timer(0.2, os._exit, [1]).start()\n"
    code += "    while True:\n        yield b'x' * 65536\n"
    taker = Taker(room=1000)
    call = asyncio.ensure_future(stream(engine, code, taker))
    await until(lambda: bool(taker.data))
    while not call.done():
        taker.take()
        await asyncio.sleep(0.01)
    assert (await call).status == "crashed"


@pytest.mark.parametrize("status", [OutcomeStatus.SUCCESS, OutcomeStatus.ERROR])
async def test_who_takes_it_can_end_it(engine: Engine, status: OutcomeStatus) -> None:
    taker = Taker()
    call = asyncio.ensure_future(stream(engine, ENDLESS, taker))
    await until(lambda: bool(taker.data))
    assert taker.flow is not None
    taker.flow.stop(status, "Enough", "no more")
    taker.flow.stop(OutcomeStatus.CRASHED, "Late", "is not heard")
    outcome = await call
    assert (outcome.status, outcome.error_type) == (status, "Enough")
    await until(lambda: not engine.service.snapshot())


FORGED = """
import os, struct
def frame(kind, body):
    for fd in range(100, 110):
        try:
            os.write(fd, struct.pack(">IB", len(body) + 1, kind) + body)
        except OSError:
            pass
def handler(event):
    {body}
"""


@pytest.mark.parametrize(
    "body",
    [
        "frame(0x15, struct.pack('>I', 1) + b'x')",
        "frame(0x16, struct.pack('>I', 2) + b'\\0{}')",
        "frame(0x16, struct.pack('>I', 1))",
        "frame(0x16, b'')",
        "yield 'a'; frame(0x16, struct.pack('>I', 1) + b'\\0{}')",
        "yield 'a'; frame(0x12, struct.pack('>III', 1, 1, 1) + b'1')",
    ],
)
async def test_forged_pieces_end_the_instance(engine: Engine, body: str) -> None:
    outcome = await engine.run(FORGED.format(body=body + "\n    import time; time.sleep(20)"))
    assert outcome.status == "crashed", outcome
    assert "something other than the runner" in (outcome.error_message or "")
