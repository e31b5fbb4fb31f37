"""ANY /api/gateway/{slug}/…: from a request over TCP to a function and back."""

import asyncio
import json
import socket

import httpx
import pytest
from api_support import ECHO, Workshop, refused, until

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch, InvocationOut
from clowdy_tui.gateway.app import Gateway


def returns(value: object) -> str:
    return f"def handler(event, context):\n    return {value!r}\n"


async def test_the_function_sees_what_was_sent(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers(ECHO, "/users/:id/*rest")
    answer = await http.post(
        f"{shop.path('/users/a%2Fb/x/y%20z/')}?q=1&q=2&e=",
        content=b'{"n": 1}',
        headers={"Authorization": "Bearer mine", "Cookie": "s=1", "X-Request-Id": "abc-1", "traceparent": "00-a-b-01"},
    )
    assert path
    assert answer.status_code == 200
    event = answer.json()
    assert event["headers"].pop("user-agent").startswith("python-httpx")
    assert event == {
        "method": "POST",
        "path": "/users/a/b/x/y z/",
        "params": {"id": "a/b", "rest": "x/y z"},
        "query": {"q": "2", "e": ""},
        "multi_query": {"q": ["1", "2"], "e": [""]},
        "raw_query": "q=1&q=2&e=",
        "headers": {
            "accept": "*/*",
            "accept-encoding": event["headers"]["accept-encoding"],
            "authorization": "Bearer mine",
            "cookie": "s=1",
            "traceparent": "00-a-b-01",
            "x-request-id": "abc-1",
        },
        "cookies": {"s": "1"},
        "body": {"n": 1},
        "body_base64": None,
        "request_id": "abc-1",
        "source_ip": "127.0.0.1",
    }
    assert answer.headers["x-request-id"] == "abc-1"
    assert answer.headers["server-timing"].startswith("queue;dur=")


async def test_a_request_gets_an_id_where_it_brings_none_that_is_one(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers(ECHO)
    for given in (None, "", "with blank", "x" * 200):
        answer = await http.get(path, headers={"X-Request-Id": given} if given is not None else {})
        assert answer.headers["x-request-id"] == answer.json()["request_id"] != given
        assert len(answer.headers["x-request-id"]) == 16


async def test_a_trusted_proxy_says_where_a_call_comes_from(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers(ECHO)
    for forwarded, expected in {
        "203.0.113.7": "203.0.113.7",
        "198.51.100.1, 203.0.113.7, 127.0.0.9": "203.0.113.7",
        "203.0.113.7, nonsense": "127.0.0.1",
        "2001:db8::1": "2001:db8::1",
    }.items():
        answer = await http.get(path, headers={"X-Forwarded-For": forwarded})
        assert answer.json()["source_ip"] == expected


async def test_bodies_that_are_no_json_come_as_text_or_base64(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers(ECHO)
    assert (await http.post(path, content=b"a=1")).json()["body"] == "a=1"
    assert (await http.post(path, content=b'{"a":')).json()["body"] == '{"a":'
    binary = (await http.put(path, content=b"\x00\xff")).json()
    assert (binary["body"], binary["body_base64"]) == (None, "AP8=")
    compressed = (await http.post(path, content=b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"})).json()
    assert compressed["body_base64"] == "H4sI", "what is compressed is the function's matter"
    assert (await http.request("GET", path, content=b"[1]")).json()["body"] == [1]
    assert (await http.get(path)).json()["body"] is None


async def test_every_method_reaches_any(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers(ECHO)
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
        assert (await http.request(method, path)).json()["method"] == method


async def test_head_is_answered_by_gets_route(shop: Workshop, http: httpx.AsyncClient, owner: Clowdy) -> None:
    answer_with = "{'statusCode': 201, 'headers': {'X-M': event['method']}, 'body': 'abc'}"
    code = f"def handler(event, context):\n    return {answer_with}\n"
    function = await shop.function(code)
    await shop.route(function, "/", "GET")
    answer = await http.head(shop.path())
    assert (answer.status_code, answer.headers["x-m"], answer.content) == (201, "GET", b"")
    assert answer.headers["content-length"] == "3"

    async def logged() -> list[InvocationOut]:
        return await owner.functions.invocations(function.id)

    call = (await until(logged))[0]
    assert (call.http_method, call.http_path, call.source) == ("HEAD", "/", "gateway")


async def test_the_answer_is_what_the_function_says(shop: Workshop, http: httpx.AsyncClient) -> None:
    made = {
        "statusCode": "418",
        "headers": {"X-A": "1", "X-B": ["x", "y"], "content-type": "text/html", "Content-Length": "9999"},
        "cookies": ["a=1; HttpOnly", "b=2"],
        "body": "<p>grüß</p>",
    }
    answer = await http.get(await shop.answers(returns(made)))
    assert (answer.status_code, answer.text) == (418, "<p>grüß</p>")
    assert answer.headers["x-a"] == "1"
    assert answer.headers.get_list("x-b") == ["x", "y"]
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers.get_list("set-cookie") == ["a=1; HttpOnly", "b=2"]
    assert "aiohttp" not in answer.headers.get("server", "")


@pytest.mark.parametrize(
    ("value", "status", "content_type", "content"),
    [
        ({"a": 1}, 200, "application/json", b'{"a": 1}'),
        ([1], 200, "application/json", b"[1]"),
        (None, 200, "application/json", b"null"),
        ("text", 200, "application/json", b'"text"'),
        ({"statusCode": 200, "body": "text"}, 200, "text/plain; charset=utf-8", b"text"),
        ({"statusCode": 200, "body": {"a": 1}}, 200, "application/json", b'{"a": 1}'),
        ({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True}, 200, "application/octet-stream", b"\x00\xff"),
        ({"statusCode": 204, "body": "dropped"}, 204, None, b""),
        ({"statusCode": 304, "body": "dropped"}, 304, None, b""),
        ({"statusCode": 200}, 200, None, b""),
    ],
)
async def test_bodies(
    shop: Workshop, http: httpx.AsyncClient, value: object, status: int, content_type: str | None, content: bytes
) -> None:
    answer = await http.get(await shop.answers(returns(value)))
    assert (answer.status_code, answer.headers.get("content-type")) == (status, content_type)
    if content_type == "application/json":
        assert answer.json() == json.loads(content)
    else:
        assert answer.content == content


async def test_a_malformed_answer_is_a_bad_gateway_that_names_the_fault(
    shop: Workshop, http: httpx.AsyncClient
) -> None:
    for value, fault in (
        ({"statusCode": 99}, "statusCode must be a whole number from 200 to 599, not 99"),
        ({"statusCode": 200, "headers": {"X": "a\r\nSet-Cookie: evil=1"}}, "The header X holds a line end"),
    ):
        answer = await http.get(await shop.answers(returns(value), f"/{value['statusCode']}"))  # type: ignore[index]
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (502, "invalid-answer")
        assert fault in problem["detail"]
        assert answer.headers["content-type"] == "application/problem+json"
        assert "set-cookie" not in answer.headers
        assert problem["invocation_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("code", "status", "type_"),
    [
        ("def handler(event, context):\n    raise ValueError('bad <b>')\n", 500, "function-error"),
        ("import os\ndef handler(event, context):\n    os._exit(3)\n", 502, "function-crashed"),
        ("import time\ndef handler(event, context):\n    time.sleep(30)\n", 504, "function-timeout"),
        ("def handler(event, context):\n    return [bytearray(1 << 20) for _ in range(4096)]\n", 502, None),
        ("def handler(event, context):\n    return object()\n", 500, "function-error"),
        ("def handler(event, context):\n    return float('nan')\n", 500, "function-error"),
        ("x = 1\n", 500, "function-error"),
        ("def handler(:\n", 500, "function-error"),
    ],
    ids=["raises", "exits", "hangs", "eats", "no json", "nan", "no handler", "no python"],
)
async def test_a_function_that_fails_fails_alone(
    shop: Workshop, http: httpx.AsyncClient, code: str, status: int, type_: str | None
) -> None:
    function = await shop.function(code, timeout_s=0.5 if "sleep" in code else 10, memory_mb=64)
    await shop.route(function)
    answer = await http.get(shop.path())
    problem = answer.json()
    assert answer.status_code == status, problem
    assert problem["type"] == type_ or (type_ is None and problem["type"].startswith("function-"))
    assert problem["detail"]
    assert not {"stack_trace", "error_type"} & set(problem)
    assert "Traceback" not in answer.text
    await shop.client.functions.update(function.id, FunctionPatch(code=ECHO, timeout_s=10))
    assert (await http.get(shop.path())).status_code == 200, "the next call is fine"


async def test_what_is_not_there(shop: Workshop, http: httpx.AsyncClient) -> None:
    async def detail(path: str, method: str = "GET") -> tuple[int, str]:
        answer = await http.request(method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"]
        assert answer.json()["instance"] == path
        return answer.status_code, answer.json()["detail"]

    assert await detail("/api/gateway/nothing-here/a") == (404, "Project not found")
    assert await detail(shop.path("/a")) == (404, "No routes configured for this project")
    function = await shop.function()
    await shop.route(function, "/a", "POST")
    await shop.route(function, "/a", "PUT")
    assert await detail(shop.path("/b/c"), "PATCH") == (404, "No route matches PATCH /b/c")
    refusal = await http.get(shop.path("/a"))
    assert (refusal.status_code, refusal.headers["allow"]) == (405, "POST, PUT")
    await shop.client.functions.update(function.id, FunctionPatch(status="inactive"))
    assert (await detail(shop.path("/a"), "POST"))[0] == 503


async def test_a_body_over_the_limit_is_refused(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers(ECHO)
    answer = await http.post(path, content=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.json()["type"]) == (413, "body-too-large")


async def test_a_route_may_ask_for_a_token(
    shop: Workshop, http: httpx.AsyncClient, owner: Clowdy, other: Clowdy
) -> None:
    await shop.route(await shop.function(visibility="private"), "/open")
    await shop.route(await shop.function(), "/closed", auth="token")
    assert (await http.get(shop.path("/open"), headers={"Authorization": "Basic x"})).status_code == 200
    assert (await http.get(shop.path("/closed"))).status_code == 401
    for scopes, user, status in ((["invoke"], None, 200), (["read"], None, 403), (["invoke"], "somebody", 404)):
        token = (await owner.tokens.create("t", scopes=scopes, user=user)).token
        answer = await http.get(shop.path("/closed"), headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


async def test_a_project_with_another_alphabet_has_its_address(owner: Clowdy, http: httpx.AsyncClient) -> None:
    project = await owner.projects.create("Café Zürich")
    shop = Workshop(owner, project)
    await shop.answers(ECHO, "/straße")
    answer = await http.get(f"/api/gateway/{project.slug}/straße")
    assert (answer.status_code, answer.json()["path"]) == (200, "/straße")
    await owner.projects.delete(project.id)


async def test_bytes_that_are_no_text_in_a_path_break_nothing(shop: Workshop, gateway: Gateway) -> None:
    await shop.answers(ECHO, "/:name")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as raw:
        path = shop.path("/").encode()
        raw.sendall(b"GET " + path + b"%FF HTTP/1.1\r\nHost: x\r\nX-B: caf\xe9\r\nConnection: close\r\n\r\n")
        raw.setblocking(False)
        answer = await read_all(raw)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer
    event = json.loads(body)
    assert event["params"] == {"name": "\ufffd"}
    assert event["headers"]["x-b"] == "café"


async def read_all(raw: socket.socket) -> bytes:
    loop, answer = asyncio.get_running_loop(), b""
    async with asyncio.timeout(60):
        while chunk := await loop.sock_recv(raw, 65536):
            answer += chunk
    return answer


async def test_a_deleted_function_answers_no_more(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function()
    await shop.route(function, "/x")
    assert (await http.get(shop.path("/x"))).status_code == 200
    await shop.client.functions.delete(function.id)
    assert (await http.get(shop.path("/x"))).status_code == 404
    await refused(shop.client.functions.get(function.id), 404)
