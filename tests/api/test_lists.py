"""Every list comes in parts, and every list of calls can be narrowed down."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_support import Workshop

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch, OutcomeStatus


@pytest_asyncio.fixture(loop_scope="session")
async def full(shop: Workshop) -> AsyncIterator[tuple[Workshop, dict[str, str]]]:
    """A project with three of everything; path of each list → the key of its items."""
    client, project = shop.client, shop.project.id
    functions = [await shop.function() for _ in range(3)]
    for number, function in enumerate(functions):
        await shop.route(function, f"/{number}")
        await client.variables.set(project, f"KEY{number}", "x")
        await client.keys.create(project, f"key {number}")
        await client.inputs.set(functions[0].id, f"größe {number}", number)
        await client.invoke(function.id)
    for number in (2, 3):
        await client.functions.update(functions[0].id, FunctionPatch(code=f"X = {number}"))
    tokens = [await client.tokens.create(f"t{number}") for number in range(3)]
    yield (
        shop,
        {
            f"/api/projects/{project}/functions": "id",
            f"/api/projects/{project}/routes": "id",
            f"/api/projects/{project}/env": "id",
            f"/api/projects/{project}/keys": "id",
            f"/api/functions/{functions[0].id}/versions": "version",
            f"/api/functions/{functions[0].id}/inputs": "name",
            "/api/stats/functions": "function_id",
            "/api/functions": "id",
            "/api/projects": "id",
            "/api/tokens": "id",
        },
    )
    for token in tokens:
        await client.tokens.revoke(token.id)


async def test_parts_of_every_list_make_the_whole(
    full: tuple[Workshop, dict[str, str]], local: httpx.AsyncClient, other: Clowdy, shop: Workshop
) -> None:
    for path, key in full[1].items():
        whole = [item[key] for item in (await local.get(path)).json()]
        assert len(whole) >= (1 if path == "/api/projects" else 3), path
        parts: list[Any] = []
        while True:
            query: dict[str, Any] = {"limit": 2} | ({"before": parts[-1]} if parts else {})
            page = [item[key] for item in (await local.get(path, params=query)).json()]
            assert len(page) <= 2
            if not page:
                break
            parts += page
        assert parts == whole, path


async def test_a_part_that_cannot_be_is_refused(
    full: tuple[Workshop, dict[str, str]], local: httpx.AsyncClient
) -> None:
    for path, key in full[1].items():
        wrong = ["limit=0", "limit=1001", "limit=x", "before=nonsense", "limit=1&limit=2", "offset=3"]
        if key.endswith("id"):
            wrong.append(f"before={'0' * 12}")
        for query in wrong:
            answer = await local.get(f"{path}?{query}")
            assert answer.status_code == 422, f"{path}?{query}"
            assert answer.json()["errors"][0]["loc"] == ["query", query.partition("=")[0]]


async def test_a_function_of_another_project_marks_no_place(shop: Workshop, local: httpx.AsyncClient) -> None:
    await shop.function()
    elsewhere = (await local.post("/api/functions", json={"name": "elsewhere", "code": ""})).json()["id"]
    answer = await local.get(f"/api/projects/{shop.project.id}/functions?before={elsewhere}")
    assert answer.status_code == 422
    await local.delete(f"/api/functions/{elsewhere}")


async def test_calls_are_narrowed_down(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function(
        "def handler(event, context):\n    print('said', event)\n    return 1 / event['n']\n"
    )
    await shop.route(function, "/divided/*rest")
    invocations = shop.client.functions.invocations
    await shop.client.invoke(function.id, {"n": 1, "word": "Ünïque"})
    await shop.client.invoke(function.id, {"n": 0, "word": "50%_of"})
    await http.get(shop.path("/divided/by/nothing"))

    async def found(**filters: Any) -> list[str]:
        return [f"{call.source} {call.status}" for call in await invocations(function.id, **filters)]

    assert await found() == ["gateway error", "api error", "api success"]
    assert await found(status="error") == ["gateway error", "api error"]
    assert await found(status="success") == ["api success"]
    assert await found(status="timeout") == []
    assert await found(source="gateway") == ["gateway error"]
    assert await found(status="error", source="api") == ["api error"]
    assert await found(q="Ünïque") == ["api success"]
    assert await found(q="DIVISION by") == ["api error"], "in the error"
    assert await found(q="said {'n': 1") == ["api success"], "in a log line"
    assert await found(q='"word"') == ["api error", "api success"], "a piece of JSON"
    assert await found(q="50%_") == ["api error"]
    assert await found(q="%") == ["api error"]
    assert await found(q="by/noth") == ["gateway error"]
    calls = await invocations(function.id)
    now = datetime.now(UTC)
    assert await found(since=now + timedelta(seconds=5)) == []
    assert await found(until=now - timedelta(hours=1)) == []
    assert len(await found(since=now - timedelta(hours=1), until=now + timedelta(hours=1))) == 3
    assert await found(since=calls[0].created_at, until=calls[0].created_at + timedelta(milliseconds=1)) == [
        "gateway error"
    ]
    assert [call.id for call in await invocations(function.id, status="error", before=calls[0].id)] == [calls[1].id]
    assert await found(status="failed") == ["gateway error", "api error"]


async def test_every_way_that_a_call_may_end_can_be_asked_for(local: httpx.AsyncClient) -> None:
    for status in (*OutcomeStatus, "failed"):
        assert (await local.get("/api/invocations", params={"status": status})).status_code == 200


async def test_of_long_bodies_as_much_comes_as_is_wanted_and_it_says_so(shop: Workshop) -> None:
    function = await shop.function("def handler(event, context):\n    print('said')\n    return event * 2\n")
    await shop.client.invoke(function.id, "x" * 20)
    await shop.client.invoke(function.id, 1)
    short, long = await shop.client.functions.invocations(function.id, cut=10)
    assert (short.input, short.output, short.input_truncated, short.output_truncated) == ("1", "2", False, False)
    assert (long.input, long.output) == ('"' + "x" * 9, '"' + "x" * 9)
    assert (long.input_truncated, long.output_truncated) == (True, True)
    assert long.logs is None, "what nobody asked for"
    whole = (await shop.client.functions.invocations(function.id))[1]
    assert (whole.input, whole.input_truncated) == ('"' + "x" * 20 + '"', False)


async def test_a_list_says_what_each_call_printed_where_it_is_asked_to(shop: Workshop) -> None:
    code = "def handler(event, context):\n    print('said', event)\n    return 1 / event\n"
    function = await shop.function(code)
    await shop.client.invoke(function.id, 1)
    await shop.client.invoke(function.id, 0)
    for calls in (
        await shop.client.functions.invocations(function.id, logs=True),
        [call for call in await shop.client.invocations.list(logs=True) if call.function_id == function.id],
    ):
        assert [[line.text for line in call.logs or ()] for call in calls] == [["said 0"], ["said 1"]]
        assert [call.error_message for call in calls] == ["division by zero", None]


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("status=wrong", "status"),
        ("source=moon", "source"),
        ("since=now", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "until"),
        ("before=12", "before"),
        ("before=ffffffffffffffff", "before"),
        ("limit=501", "limit"),
        ("limit=-1", "limit"),
        (f"q={'x' * 201}", "q"),
        ("cut=-1", "cut"),
        ("logs=perhaps", "logs"),
        ("page=2", "page"),
    ],
)
async def test_filters_that_make_no_sense_are_refused(local: httpx.AsyncClient, query: str, loc: str) -> None:
    answer = await local.get(f"/api/invocations?{query}")
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["errors"]] == [["query", loc]]
