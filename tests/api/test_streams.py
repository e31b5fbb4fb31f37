"""Functions that stream, over a route and by id."""

import asyncio
import contextlib
import errno
import resource
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_support import Workshop, until

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import InvocationOut
from clowdy_tui.gateway.app import Gateway

SLOW = """
import time
HEADERS = {"Content-Type": "text/event-stream", "X-A": ["1", "2"]}
def handler(event, context):
    yield {"statusCode": 201, "headers": HEADERS, "cookies": ["a=1", "b=2"]}
    yield "data: one\\n\\n"
    time.sleep(60)
    yield "data: never\\n\\n"
"""
ENDLESS = "def handler(event, context):\n    while True:\n        yield b'x' * 65536\n"


def yields(*items: object, then: str = "") -> str:
    body = "".join(f"    yield {item!r}\n" for item in items)
    return f"def handler(event, context):\n{body}    {then}\n"


@contextlib.asynccontextmanager
async def raw(gateway: Gateway, path: str, version: str = "1.1") -> AsyncIterator[socket.socket]:
    """A request sent by hand; what comes back is read or not."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.setblocking(False)
        request = f"GET {path} HTTP/{version}\r\nHost: x\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(connection, request.encode())
        yield connection


async def read_until(connection: socket.socket, what: bytes | None) -> bytes:
    """What comes until this is in it, or the other end closes."""
    data = b""
    async with asyncio.timeout(60):
        while what is None or what not in data:
            piece = await asyncio.get_running_loop().sock_recv(connection, 65536)
            if not piece:
                break
            data += piece
    return data


async def read_all(http: httpx.AsyncClient, path: str, got: list[bytes]) -> None:
    async with http.stream("GET", path) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_raw():
            got += [piece]


async def last_call(owner: Clowdy, function_id: str) -> InvocationOut:
    async def found() -> list[InvocationOut]:
        return await owner.functions.invocations(function_id)

    calls: list[InvocationOut] = await until(found)
    return calls[0]


async def test_pieces_go_out_as_they_come(shop: Workshop, http: httpx.AsyncClient, owner: Clowdy) -> None:
    function = await shop.function(SLOW, timeout_s=60)
    await shop.route(function, "/")
    async with http.stream("GET", shop.path(), headers={"X-Request-Id": "mine"}) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (201, "text/event-stream")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.headers.get_list("x-a") == ["1", "2"]
        assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert answer.headers["x-request-id"] == "mine"
        async for text in answer.aiter_text():
            assert text == "data: one\n\n"
            break
    call = await last_call(owner, function.id)
    assert (call.status, call.error_type) == ("cancelled", "Cancelled")
    assert call.duration_ms < 10_000


@pytest.mark.parametrize(
    ("items", "status", "content_type", "content"),
    [
        (("a", b"b", "c"), 200, "text/plain; charset=utf-8", b"abc"),
        ((b"\xff", "b"), 200, "application/octet-stream", b"\xffb"),
        ((), 200, "text/plain; charset=utf-8", b""),
        (({"statusCode": 404},), 404, "text/plain; charset=utf-8", b""),
        (({"statusCode": 200, "headers": {"content-type": "a/b", "content-length": "1"}}, "xyz"), 200, "a/b", b"xyz"),
        (({"statusCode": 204}, "dropped"), 204, None, b""),
        (({"statusCode": 304}, "dropped"), 304, None, b""),
    ],
)
async def test_the_head_and_the_pieces(
    shop: Workshop,
    http: httpx.AsyncClient,
    items: tuple[object, ...],
    status: int,
    content_type: str | None,
    content: bytes,
) -> None:
    path = await shop.answers(yields(*items, then="yield from ()"))
    answer = await http.get(path)
    assert (answer.status_code, answer.headers.get("content-type"), answer.content) == (status, content_type, content)
    assert (await http.get(path)).status_code == status, "on the same connection"


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ({"statusCode": 99}, "statusCode must be a whole number"),
        ({"statusCode": 200, "headers": {"X": "a\r\nb"}}, "The header X holds a line end"),
        ({"statusCode": 200, "body": "x"}, "yield the body"),
    ],
)
async def test_a_head_that_cannot_be_sent(
    shop: Workshop, http: httpx.AsyncClient, owner: Clowdy, head: dict[str, Any], fault: str
) -> None:
    function = await shop.function(yields(head, "never"))
    await shop.route(function, "/")
    answer = await http.get(shop.path())
    assert (answer.status_code, answer.json()["type"]) == (502, "invalid-answer")
    assert fault in answer.json()["detail"]
    call = await last_call(owner, function.id)
    assert (call.status, call.error_type) == ("error", "InvalidAnswer")


async def test_an_error_before_the_first_piece_is_an_ordinary_one(shop: Workshop, http: httpx.AsyncClient) -> None:
    answer = await http.get(await shop.answers("def handler(event, context):\n    raise KeyError('a')\n    yield 1\n"))
    assert (answer.status_code, answer.json()["type"]) == (500, "function-error")


@pytest.mark.parametrize(
    ("then", "status"),
    [("raise ValueError('late')", "error"), ("import os; os._exit(1)", "crashed"), ("while True: pass", "timeout")],
)
async def test_a_failure_after_the_head_breaks_the_connection_off(
    shop: Workshop, http: httpx.AsyncClient, owner: Clowdy, then: str, status: str
) -> None:
    function = await shop.function(yields("begun", then=then), timeout_s=1)
    await shop.route(function, "/")
    got = list[bytes]()
    with pytest.raises(httpx.RemoteProtocolError):
        await read_all(http, shop.path(), got)
    assert b"".join(got) == b"begun"
    assert (await last_call(owner, function.id)).status == status


async def test_an_old_client_gets_it_without_chunks(shop: Workshop, gateway: Gateway) -> None:
    path = await shop.answers(yields("a", "b"))
    async with raw(gateway, path, "1.0") as connection:
        answer = await read_until(connection, None)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"ab"
    path = await shop.answers(yields("a", then="raise ValueError"), "/late")
    async with raw(gateway, path, "1.0") as connection:
        with pytest.raises(ConnectionResetError):
            await read_until(connection, None)


async def test_head_gets_the_head_alone(shop: Workshop, http: httpx.AsyncClient, owner: Clowdy) -> None:
    function = await shop.function(ENDLESS)
    await shop.route(function, "/", "GET")
    answer = await http.head(shop.path())
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (await last_call(owner, function.id)).status == "success"


async def test_by_id_it_is_one_text(shop: Workshop, http: httpx.AsyncClient, owner: Clowdy) -> None:
    function = await shop.function(yields({"statusCode": 201}, "a", b"b\xff", then="print('said')"))
    answer = (await http.post(f"/api/invoke/{function.id}?logs=1")).json()
    assert (answer["success"], answer["output"], answer["logs"][0]["text"]) == (True, "ab\ufffd", "said")
    assert (await last_call(owner, function.id)).output == '"ab\ufffd"'


async def test_what_is_kept_of_it_is_cut_to_size(
    shop: Workshop, http: httpx.AsyncClient, owner: Clowdy, gateway: Gateway
) -> None:
    most = gateway.platform.config.capture_bytes
    for name, pieces, truncated in (("short", 2, False), ("long", most // 1000 + 2, True)):
        function = await shop.function(f"def handler(e, c):\n    for _ in range({pieces}):\n        yield 'x' * 1000\n")
        await shop.route(function, f"/{name}")
        assert len((await http.get(shop.path(f"/{name}"))).content) == pieces * 1000
        call = await last_call(owner, function.id)
        assert call.output_truncated is truncated
        assert call.output is not None
        assert len(call.output) == (most if truncated else 2002)


async def test_a_caller_who_reads_nothing_holds_the_function_back(
    shop: Workshop, gateway: Gateway, http: httpx.AsyncClient, owner: Clowdy
) -> None:
    counting = "import time\ndef handler(event, context):\n    made = 0\n    while True:\n"
    counting += "        yield b'x' * 65536\n        made += 1\n        print(made)\n"
    function = await shop.function(counting, timeout_s=60)
    await shop.route(function, "/")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with raw(gateway, shop.path()) as connection:
        made, since = 0, time.monotonic()
        async with asyncio.timeout(60):
            # It stands still once what lies on the way is full.
            while not made or time.monotonic() - since < 0.5:
                events = [event for event in gateway.platform.bus.kept() if event.type == "invocation.log"]
                lines = [line["text"] for event in events for line in event.data["lines"]]
                now = max((int(line) for line in lines if line.isdecimal()), default=0)
                if now != made:
                    made, since = now, time.monotonic()
                assert (await http.get("/api/health")).status_code == 200, "others are served"
        assert 0 < made * 65536 < 24 << 20
        # It goes on as soon as somebody reads.
        got = 0
        async with asyncio.timeout(60):
            while got < (made + 100) * 65536:
                got += len(await asyncio.get_running_loop().sock_recv(connection, 1 << 20))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 32 << 10, f"{grown} KiB"
    assert (await last_call(owner, function.id)).status == "cancelled"


async def test_a_caller_who_reads_nothing_is_cut_off_at_the_deadline(
    shop: Workshop, gateway: Gateway, owner: Clowdy
) -> None:
    function = await shop.function(ENDLESS, timeout_s=1)
    await shop.route(function, "/")
    async with raw(gateway, shop.path()) as connection:
        assert (await last_call(owner, function.id)).status == "timeout"

        async def failed() -> int:
            return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

        assert await until(failed) == errno.ECONNRESET


async def test_the_guides_example_sends_events(shop: Workshop, http: httpx.AsyncClient) -> None:
    guide = (Path(__file__).parents[2] / "docs/api.md").read_text()
    code = guide.partition("### Streaming")[2].partition("```python\n")[2].partition("```")[0]
    function = await shop.function(code)
    await shop.route(function, "/")
    arrived = list[float]()
    async with http.stream("GET", shop.path()) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        text = ""
        async for piece in answer.aiter_text():
            arrived.append(time.monotonic())
            text += piece
    events = text.split("\n\n")
    assert [event.partition("\n")[0] for event in events] == ["id: 0", "id: 1", "id: 2", ""]
    assert len(arrived) == 3
    assert arrived[2] - arrived[0] > 0.15, "each comes when it is made"


async def test_many_at_once(shop: Workshop, http: httpx.AsyncClient) -> None:
    code = "async def handler(event, context):\n    for n in range(100):\n        yield f'{n}\\n'\n"
    path = await shop.answers(code, max_instances=4)
    answers = await asyncio.gather(*(http.get(path) for _ in range(20)))
    assert {answer.text for answer in answers} == {"".join(f"{n}\n" for n in range(100))}
