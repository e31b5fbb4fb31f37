"""The lane answers as the application does, whatever a function makes of a call, and takes turns on a connection."""

import asyncio
import gc
import json
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from api_support import ECHO, Workshop, until

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch, RoutePatch
from clowdy_tui.engine.call import Call
from clowdy_tui.gateway.app import Gateway
from clowdy_tui.gateway.lane import Lane, Lap
from clowdy_tui.services.running import Running

ANSWERS = {
    "a value": "return {'a': [1, 'ü']}",
    "nothing": "return None",
    "text": "return {'statusCode': 201, 'body': 'made', 'headers': {'X-One': 'ü', 'x-two': ['a', 'b']}}",
    "cookies": "return {'statusCode': 200, 'cookies': ['a=1', 'b=2'], 'body': {'x': 1}}",
    "bytes": "return {'statusCode': 418, 'body': 'AAEC', 'isBase64Encoded': True}",
    "no body": "return {'statusCode': 204, 'headers': {'x-a': 'b'}}",
    "not modified": "return {'statusCode': 304}",
    "an empty body": "return {'statusCode': 299}",
    "its own server and date": "return {'statusCode': 200, 'headers': {'Server': 'me', 'Date': 'now'}, 'body': 'x'}",
    "a malformed answer": "return {'statusCode': 'often'}",
    "an error": "raise ValueError('no')",
    "its end": "import os; os._exit(3)",
    "a stream": "yield {'statusCode': 203, 'headers': {'x-a': 'b'}}; yield 'one '; yield 'two'",
    "a stream with a malformed head": "yield {'statusCode': 1}; yield 'x'",
    "a stream that fails at once": "raise ValueError('no'); yield",
}
PASSING = {"date", "x-request-id", "server-timing", "connection", "transfer-encoding"}
IDS = re.compile(r'"(invocation_id|duration_ms|duration_us|queue_us|init_us|memory_mb|cold_start|run_us)": ?[^,}]+')


@pytest.fixture
def lane_taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether the lane took a request that it was asked about, one after the other."""
    taken: list[bool] = []
    begin = Lane.begin

    def noted(self: Lane, *given: Any) -> Any:
        lap = begin(self, *given)
        taken.append(lap is not None)
        return lap

    monkeypatch.setattr(Lane, "begin", noted)
    return taken


def told(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], str]:
    headers = sorted((name, value) for name, value in answer.headers.multi_items() if name not in PASSING)
    # How long an answer that says ids and times is may differ with them.
    headers = [item for item in headers if item[0] != "content-length" or not IDS.search(answer.text)]
    return answer.status_code, headers, IDS.sub("", answer.text)


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS)
async def test_both_ways_answer_alike(
    shop: Workshop, http: httpx.AsyncClient, lane_taken: list[bool], body: str
) -> None:
    function = await shop.function(f"def handler(event, context):\n    {body}\n")
    await shop.route(function, "/x")
    for path in (shop.path("/x"), f"/api/invoke/{function.id}"):
        content = {"input": 1}
        lane_taken.clear()
        by_lane = await http.post(path, json=content)
        assert lane_taken == [True]
        # What ends with its answer is none for the lane.
        long_way = await http.post(path, json=content, headers={"Connection": "close"})
        assert lane_taken == [True]
        assert told(by_lane) == told(long_way)
        assert by_lane.headers.keys() - PASSING == long_way.headers.keys() - PASSING
        assert by_lane.headers["x-request-id"]


async def test_a_secret_in_a_malformed_answer_is_hidden_on_both_ways(
    shop: Workshop, owner: Clowdy, http: httpx.AsyncClient, lane_taken: list[bool]
) -> None:
    await owner.variables.set(shop.project.id, "KEY", "not-for-callers", is_secret=True)
    code = "import os\ndef handler(event):\n    {} {{'statusCode': os.environ['KEY']}}\n"
    for word in ("return", "yield"):
        await shop.route(await shop.function(code.format(word), name=f"f-{word}"), f"/{word}")
        by_lane = await http.post(shop.path(f"/{word}"))
        long_way = await http.post(shop.path(f"/{word}"), headers={"Connection": "close"})
        assert "not ****" in by_lane.text.replace('\\"', "")
        assert told(by_lane) == told(long_way)
    assert lane_taken == [True, True]


async def test_of_a_long_head_nothing_is_kept(
    shop: Workshop, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shop.route(await shop.function(ECHO), "/x")
    lines: list[Any] = []
    begin = Lane.begin

    def noted(self: Lane, message: Any, body: bytes, line: Any) -> Any:
        lines.append(line)
        return begin(self, message, body, line)

    monkeypatch.setattr(Lane, "begin", noted)
    for length, kept in ((10, True), (6000, False), (10, True)):
        answer = await http.post(shop.path("/x"), headers={"X-Long": "x" * length})
        assert answer.status_code == 200
        assert (lines[-1].known is not None) == kept
    assert len(set(map(id, lines))) == 1


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Authorization": "Bearer clowdy_wrong"}, b"{}"),
        ({"Content-Encoding": "gzip"}, b"{}"),
        ({}, b'{"input": nonsense}'),
        ({}, b'{"other": 1}'),
    ],
)
async def test_what_is_refused_goes_the_long_way_with_its_body(
    shop: Workshop, http: httpx.AsyncClient, lane_taken: list[bool], headers: dict[str, str], body: bytes
) -> None:
    function = await shop.function()
    answer = await http.post(f"/api/invoke/{function.id}", content=body, headers=headers)
    assert lane_taken == [False]
    assert answer.status_code in {401, 415, 422}


async def test_requests_that_come_all_at_once_are_answered_in_turn(shop: Workshop, gateway: Gateway) -> None:
    slow = await shop.function("import time\ndef handler(event):\n    time.sleep(event)\n    return event\n")
    quick = await shop.function(ECHO)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    waits = [0.2, 0.0, 0.1]
    for id_, value in [(slow.id, wait) for wait in waits] + [(quick.id, "last")]:
        content = json.dumps({"input": value})
        head = f"POST /api/invoke/{id_} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write((head + content).encode())
        if value == 0.2:
            # The first alone: the lane has it while the others come.
            await asyncio.sleep(0.05)
    outputs = []
    async with asyncio.timeout(60):
        for _ in range(4):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: (\d+)", head)
            assert length is not None
            outputs.append(json.loads(await reader.readexactly(int(length[1])))["output"])
    writer.close()
    assert outputs == [*waits, "last"]


async def test_who_hangs_up_ends_the_call(shop: Workshop, gateway: Gateway, lane_taken: list[bool]) -> None:
    function = await shop.function("import time\ndef handler(event):\n    time.sleep(30)\n")
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(f"POST /api/invoke/{function.id} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    async with asyncio.timeout(60):
        while not lane_taken:
            await asyncio.sleep(0.01)
        writer.close()
        while True:
            calls = await shop.client.functions.invocations(function.id)
            if calls:
                break
            await asyncio.sleep(0.02)
    assert (lane_taken, calls[0].status) == ([True], "cancelled")


async def test_a_call_leaves_nothing_that_only_a_look_for_garbage_finds(
    shop: Workshop, http: httpx.AsyncClient, lane_taken: list[bool]
) -> None:
    function = await shop.function(ECHO)
    await shop.route(function, "/x")
    gc.collect()
    gc.disable()
    try:
        for path in (shop.path("/x"), f"/api/invoke/{function.id}"):
            for number in range(10):
                await http.post(path, json={"input": number})
        left = Counter(type(thing).__name__ for thing in gc.get_objects() if isinstance(thing, Lap | Running | Call))
    finally:
        gc.enable()
    assert lane_taken == [True] * 20
    # The last one of each path may be held by its connection.
    assert all(count <= 2 for count in left.values()), left


class Raw:
    """One connection, and how often what came by it was parsed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes that arrive as one piece: the next ones go out when an answer has come."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> tuple[int, str]:
        async with asyncio.timeout(60):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: (\d+)", head)
            assert length is not None
            return int(head.split()[1]), (await self._reader.readexactly(int(length[1]))).decode()

    async def ask(self, data: bytes) -> tuple[int, str]:
        await self.send(data)
        return await self.answer()


@pytest_asyncio.fixture(loop_scope="session")
async def raw(gateway: Gateway) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    yield Raw(reader, writer)
    writer.close()


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What aiohttp's handler was given to parse of calls by a route."""
    pieces: list[bytes] = []
    receive = web.RequestHandler.data_received

    def noted(self: web.RequestHandler, data: bytes) -> None:
        if b"/api/gateway/" in data:
            pieces.append(data)
        receive(self, data)

    monkeypatch.setattr(web.RequestHandler, "data_received", noted)
    return pieces


def posted(shop: Workshop, body: bytes, more: str = "") -> bytes:
    head = f"POST {shop.path('/x')} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def has_come(parsed: list[bytes], data: bytes) -> Callable[[], Awaitable[bool]]:
    async def whether() -> bool:
        return data in parsed

    return whether


SEES = "def handler(event):\n    return [event['body'], event['headers'].get('x-a'), event['request_id']]\n"


async def test_a_head_that_came_before_is_not_parsed_again(shop: Workshop, raw: Raw, parsed: list[bytes]) -> None:
    await shop.route(await shop.function(SEES), "/x")
    seen = [json.loads((await raw.ask(posted(shop, body)))[1]) for body in (b"11", b"22", b"33")]
    assert parsed == [posted(shop, b"11")]
    assert [body for body, *_ in seen] == [11, 22, 33]
    assert len({request_id for *_, request_id in seen}) == 3
    # Another head, then the first again: only the last one is known.
    for data in (posted(shop, b"44", "X-A: b\r\n"), posted(shop, b"55"), posted(shop, b"666"), posted(shop, b"777")):
        status, _ = await raw.ask(data)
        assert status == 200
    assert [len(data) for data in parsed[1:]] == [
        len(posted(shop, b"44", "X-A: b\r\n")),
        len(posted(shop, b"55")),
        len(posted(shop, b"666")),
    ]


async def test_it_is_known_too_where_another_request_came_first(shop: Workshop, raw: Raw, parsed: list[bytes]) -> None:
    await shop.route(await shop.function(SEES), "/x")
    asked = b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
    for data in (asked, posted(shop, b"11"), posted(shop, b"22"), asked, posted(shop, b"33"), posted(shop, b"44")):
        assert (await raw.ask(data))[0] == 200
    assert parsed == [posted(shop, b"11")]


async def test_it_is_known_too_where_the_first_came_before_anybody_waited_for_it(
    shop: Workshop, gateway: Gateway, parsed: list[bytes]
) -> None:
    await shop.route(await shop.function(SEES), "/x")
    # The gateway, in this thread, finds both at once: a connection and a request by it.
    connection = socket.create_connection(("127.0.0.1", gateway.port))
    connection.sendall(posted(shop, b"11"))
    reader, writer = await asyncio.open_connection(sock=connection)
    raw = Raw(reader, writer)
    assert (await raw.answer())[0] == 200
    for body in (b"22", b"33", b"44"):
        assert (await raw.ask(posted(shop, body)))[0] == 200
    assert parsed[:1] == [posted(shop, b"11")]
    # Whoever was not asked the first time is asked the second.
    assert parsed[1:] in ([], [posted(shop, b"22")])
    writer.close()


async def test_a_head_that_came_before_is_no_request_inside_of_one(
    shop: Workshop, raw: Raw, parsed: list[bytes]
) -> None:
    await shop.route(await shop.function(SEES), "/x")
    known = posted(shop, b"11")
    for _ in range(2):
        assert json.loads((await raw.ask(known))[1])[0] == 11
    # Inside a body that is not whole yet the same bytes are no request.
    whole = posted(shop, b"<" + known)
    await raw.send(whole[: -len(known)])
    await until(has_come(parsed, whole[: -len(known)]))
    assert json.loads((await raw.ask(known))[1])[0] == "<" + known.decode()


async def test_a_head_that_came_before_is_the_value_of_a_header_that_has_begun(
    shop: Workshop, raw: Raw, parsed: list[bytes]
) -> None:
    await shop.route(await shop.function(SEES), "/x")
    known = posted(shop, b"11")
    assert (await raw.ask(known))[0] == 200
    begun = posted(shop, b"", "X-A: \r\n")[: -len("\r\n\r\n")]
    await raw.send(begun)
    await until(has_come(parsed, begun))
    # Read as one request it has two hosts.
    assert (await raw.ask(known))[0] == 400


async def test_a_head_that_came_before_asks_whether_it_may_still_call(
    shop: Workshop, raw: Raw, parsed: list[bytes]
) -> None:
    function = await shop.function(SEES)
    await shop.route(function, "/x")
    for _ in range(2):
        assert (await raw.ask(posted(shop, b"1")))[0] == 200
    assert len(parsed) == 1
    await shop.client.functions.update(function.id, FunctionPatch(status="inactive"))
    assert (await raw.ask(posted(shop, b"1")))[0] == 503
    await shop.client.functions.update(function.id, FunctionPatch(status="active"))
    assert (await raw.ask(posted(shop, b"1")))[0] == 200


async def test_a_head_that_came_before_goes_where_its_route_leads_now(
    shop: Workshop, raw: Raw, parsed: list[bytes]
) -> None:
    route = await shop.route(await shop.function(SEES), "/x")
    for _ in range(2):
        assert json.loads((await raw.ask(posted(shop, b"1")))[1])[0] == 1
    other = await shop.function("def handler(event):\n    return [event['method'], event['path'], 'other']\n")
    await shop.client.routes.update(shop.project.id, route.id, RoutePatch(function_id=other.id))
    assert json.loads((await raw.ask(posted(shop, b"1")))[1]) == ["POST", "/x", "other"]
    assert len(parsed) == 1
    await shop.client.routes.delete(shop.project.id, route.id)
    assert (await raw.ask(posted(shop, b"1")))[0] == 404
