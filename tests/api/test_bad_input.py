"""Requests that make no sense: each gets a clear refusal, and the next request is fine."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from api_support import Workshop

from clowdy_tui.gateway.app import Gateway


@pytest.mark.parametrize(
    ("body", "detail", "errors"),
    [
        (b"", "The body is missing", [[]]),
        (b"{", "The body is not JSON: Expecting property name", [[]]),
        (b"name=x", "The body is not JSON", [[]]),
        (b"\xff{}", "The body is not UTF-8: byte 0xff at position 0", [[]]),
        (b"[]", "must be an object", [[]]),
        (b"null", "must be an object", [[]]),
        (b"{}", "name: is missing", [["name"]]),
        (b'{"name": 5}', "name: ", [["name"]]),
        (b'{"name": null}', "name: ", [["name"]]),
        (b'{"name": ""}', "name: must not be empty", [["name"]]),
        (b'{"name": "   "}', "name: must not be empty", [["name"]]),
        (b'{"name": "a\\u001b[31mb"}', "name: must not hold control characters", [["name"]]),
        (b'{"name": "a\\u0000b"}', "name: must not hold control characters", [["name"]]),
        (b'{"name": "\\ud800"}', "half a surrogate pair", [[]]),
        (b'{"name": "x", "descripton": ""}', "descripton: is not a field that this takes", [["descripton"]]),
        (b'{"name": "x", "description": 1, "y": 2}', "description: ", [["description"], ["y"]]),
        (b'{"name": "x", "name": "y"}', "name: is there twice", [["name"]]),
        (b'{"name": "x", "description": NaN}', "NaN is not a JSON value", [[]]),
        (b'{"name": "x", "description": "\\ud800"}', "half a surrogate pair", [[]]),
        (b'{"name": ' + b"[" * 50_000, "nested too deeply", [[]]),
        (json.dumps({"name": "x" * 101}).encode(), "name: must not be longer than 100", [["name"]]),
    ],
)
async def test_a_body_that_is_wrong_says_what_and_where(
    local: httpx.AsyncClient, body: bytes, detail: str, errors: list[list[str]]
) -> None:
    answer = await local.post("/api/projects", content=body)
    problem = answer.json()
    assert answer.status_code == 422, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in problem["detail"]
    assert (problem["type"], problem["title"], problem["status"], problem["instance"]) == (
        "invalid-input",
        "Invalid input",
        422,
        "/api/projects",
    )
    assert [item["loc"] for item in problem["errors"]] == errors
    assert all(item["msg"] and item["type"] for item in problem["errors"])


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({"memory_mb": 1}, "memory_mb"),
        ({"memory_mb": "much"}, "memory_mb"),
        ({"cpus": 0}, "cpus"),
        ({"timeout_s": 901}, "timeout_s"),
        ({"max_instances": 0}, "max_instances"),
        ({"visibility": "secret"}, "visibility"),
        ({"runtime": "cobol"}, "runtime"),
        ({"files": {"../x.py": ""}}, "files"),
        ({"files": {"/etc/passwd": ""}}, "files"),
        ({"files": ["a"]}, "files"),
        ({"code": None}, "code"),
    ],
)
async def test_a_function_that_cannot_be_is_refused(
    shop: Workshop, local: httpx.AsyncClient, fields: dict[str, Any], loc: str
) -> None:
    body = json.dumps({"name": "f", "code": "", "project_id": shop.project.id, **fields})
    answer = await local.post("/api/functions", content=body.encode())
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["loc"][0] == loc
    assert (await local.get(f"/api/projects/{shop.project.id}/functions")).json() == []


async def test_a_route_that_cannot_be_is_refused(shop: Workshop, local: httpx.AsyncClient) -> None:
    function = await shop.function()
    for fields, status in (
        ({"method": "get"}, 422),
        ({"method": "BREW"}, 422),
        ({"payload_format": "odd"}, 422),
        ({"function_id": "0123456789ab"}, 400),
        ({"function_id": "x"}, 400),
        ({"function_id": None}, 422),
    ):
        body = {"function_id": function.id, "method": "GET", "path": "/a"} | fields
        answer = await local.post(f"/api/projects/{shop.project.id}/routes", json=body)
        assert answer.status_code == status, (fields, answer.text)


async def test_the_invoke_body_is_checked_too(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function()
    for body in (b"not json", b"[1]", b'{"inptu": 1}', b'{"input": 1,}', b'{"input": NaN}', b"\xff"):
        answer = await http.post(f"/api/invoke/{function.id}", content=body)
        assert (answer.status_code, answer.json()["type"]) == (422, "invalid-input"), body
        assert answer.headers["x-request-id"]
    for query in ("version=x", "version=0", "version=-1", "version=1.5", "version="):
        answer = await http.post(f"/api/invoke/{function.id}?{query}")
        assert answer.status_code in {401, 422}, query
    assert (await http.post(f"/api/invoke/{function.id}", json={"input": 1})).json()["output"] == 1


async def test_a_parameter_that_means_nothing_is_refused(shop: Workshop, local: httpx.AsyncClient) -> None:
    project = f"/api/projects/{shop.project.id}"
    function = await shop.function()
    for method, path in (
        ("GET", project),
        ("GET", "/api/health"),
        ("GET", "/api/events"),
        ("GET", f"{project}/database/dump"),
        ("POST", f"/api/invoke/{function.id}"),
        ("DELETE", project),
        ("PUT", project),
    ):
        answer = await local.request(method, f"{path}?foce=1", json={"name": "x"} if method == "PUT" else None)
        assert answer.status_code == 422, (method, path)
        assert answer.json()["errors"][0]["loc"] == ["query", "foce"]
    assert (await local.get(project)).json()["name"] == shop.project.name
    assert await shop.client.functions.invocations(function.id) == []


async def test_what_an_id_looks_like_is_said_in_words(local: httpx.AsyncClient) -> None:
    for path, digits in (("/api/projects", 12), ("/api/invocations", 16)):
        (error,) = (await local.get(f"{path}?before=x")).json()["errors"]
        assert f"{digits} digits from 0 to f" in error["msg"]
        assert "[0-9a-f]" not in error["msg"]


async def test_a_body_over_the_limit_is_refused_everywhere(local: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    answer = await local.post("/api/projects", content=b'{"name": "' + b"x" * 1024 * 1024 + b'"}')
    assert (answer.status_code, answer.json()["type"]) == (413, "body-too-large")
    assert (await local.get("/api/health")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api", 404),
        ("GET", "/api/nothing", 404),
        ("GET", "/api/projects/", 404),
        ("GET", "/api/gateway", 404),
        ("GET", "/api/gateway/", 404),
        ("PATCH", "/api/projects", 405),
        ("GET", "/api/invoke/0123456789ab", 405),
        ("POST", "/api/health", 405),
        ("GET", "/api/system/stop", 405),
    ],
)
async def test_what_there_is_not_is_a_problem_too(
    local: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await local.request(method, path)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["instance"]) == (status, status, path)
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert answer.headers["allow"]
        assert answer.headers["allow"] in problem["detail"]


async def test_head_is_answered_as_get_is(local: httpx.AsyncClient) -> None:
    answer = await local.head("/api/projects")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_fault_of_our_own_is_logged_and_not_told(
    gateway: Gateway, local: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("the secret innards")

    monkeypatch.setattr(gateway.platform.projects, "list", broken)
    answer = await local.get("/api/projects")
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (500, "internal")
    assert "innards" not in answer.text
    assert "Traceback" not in answer.text
    assert problem["error_id"] in problem["detail"]
    record = next(item for item in caplog.records if problem["error_id"] in item.getMessage())
    assert "the secret innards" in str(record.exc_info)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /api/health HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /api/invoke/0123456789ab HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/invoke/0123456789ab HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{",
    ],
    ids=["tls", "garbage", "version", "header", "long", "length", "cut off"],
)
async def test_what_is_no_http_harms_nobody(gateway: Gateway, http: httpx.AsyncClient, request_bytes: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request_bytes)
    writer.write_eof()
    async with asyncio.timeout(60):
        answer = await reader.read()
    assert b" 500 " not in answer.partition(b"\r\n")[0]
    writer.close()
    await writer.wait_closed()
    assert (await http.get("/api/health")).json() == {"status": "ok"}
