"""The lane answers as the application does, whatever a function makes of a call, and takes turns on a connection."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
from api_support import ECHO, Workshop

from clowdy_tui.gateway.app import Gateway
from clowdy_tui.gateway.lane import Lane

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
    async with asyncio.timeout(10):
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
    async with asyncio.timeout(10):
        while not lane_taken:
            await asyncio.sleep(0.01)
        writer.close()
        while True:
            calls = await shop.client.functions.invocations(function.id)
            if calls:
                break
            await asyncio.sleep(0.02)
    assert (lane_taken, calls[0].status) == ([True], "cancelled")
