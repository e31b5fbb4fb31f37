"""POST /api/invoke/{id}, and the log of calls."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import httpx
from api_support import Workshop, refused, until

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch, InvocationOut


async def test_any_json_goes_in_and_comes_out(shop: Workshop) -> None:
    function = await shop.function()
    for value in (None, 5, 0.5, "grüß \U0001f600 \x1b[31m [b]", [1, [2]], {"a": {"b": None}}, True, "\ud800"):
        result = await shop.client.invoke(function.id, value)
        assert (result.success, result.output, result.error) == (True, value, None)


async def test_the_answer_has_every_field(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function("def handler(event, context):\n    print('seen', event)\n    return event\n")
    answer = await http.post(f"/api/invoke/{function.id}?logs=1", json={"input": {"a": 1}})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {
        "success",
        "output",
        "duration_ms",
        "duration_us",
        "invocation_id",
        "cold_start",
        "status",
        "version",
        "queue_us",
        "init_us",
        "memory_mb",
        "logs",
        "logs_truncated",
    }
    assert (body["output"], body["status"], body["version"], body["cold_start"]) == ({"a": 1}, "success", 1, True)
    assert [(line["stream"], line["text"]) for line in body["logs"]] == [("stdout", "seen {'a': 1}")]
    assert answer.headers["x-request-id"] == body["invocation_id"]
    assert [part.split(";")[0] for part in answer.headers["server-timing"].split(", ")] == ["queue", "init", "run"]
    again = (await http.post(f"/api/invoke/{function.id}", json={"input": 1})).json()
    assert "logs" not in again
    assert again["cold_start"] is False


async def test_the_body_is_optional(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function()
    for content in (b"", b"{}", b" "):
        assert (await http.post(f"/api/invoke/{function.id}", content=content)).json()["output"] is None


async def test_what_the_handler_raised_is_for_the_owner_alone(
    shop: Workshop, stranger: Clowdy, other: Clowdy, with_scopes: Callable[..., Awaitable[Clowdy]]
) -> None:
    function = await shop.function("def handler(event, context):\n    raise KeyError('lost')\n")
    for mine in (shop.client, await with_scopes("invoke")):
        result = await mine.invoke(function.id)
        assert (result.success, result.status, result.error_type) == (False, "error", "KeyError")
        assert "lost" in (result.error or "")
        assert "function.py" in (result.stack_trace or "")
    for foreign in (stranger, other):
        result = await foreign.invoke(function.id)
        assert (result.success, result.error_type, result.stack_trace) == (False, None, None)
        assert result.error


async def test_output_passes_through_as_the_runner_wrote_it(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function("def handler(event, context):\n    return {'statusCode': 404, 'n': 10**30}\n")
    answer = await http.post(f"/api/invoke/{function.id}")
    assert answer.json()["output"] == {"statusCode": 404, "n": 10**30}


async def test_an_unknown_function_and_an_inactive_one(shop: Workshop, http: httpx.AsyncClient) -> None:
    for id_ in ("0123456789ab", "nonsense", "%FF"):
        answer = await http.post(f"/api/invoke/{id_}")
        assert (answer.status_code, answer.json()["detail"]) == (404, "Function not found")
    function = await shop.function()
    await shop.client.functions.update(function.id, FunctionPatch(status="inactive"))
    answer = await http.post(f"/api/invoke/{function.id}")
    assert (answer.status_code, answer.json()["type"]) == (400, "function-inactive")
    assert answer.headers["x-request-id"]


async def test_a_private_function_asks_for_its_owners_token(
    shop: Workshop, stranger: Clowdy, other: Clowdy, with_scopes: Callable[..., Awaitable[Clowdy]]
) -> None:
    function = await shop.function(visibility="private")
    assert (await shop.client.invoke(function.id, 1)).output == 1
    assert (await (await with_scopes("invoke")).invoke(function.id, 2)).output == 2
    await refused(stranger.invoke(function.id), 401)
    await refused((await with_scopes("read")).invoke(function.id), 403)
    assert (await refused(other.invoke(function.id), 404)).detail == "Function not found"


async def test_another_version_is_for_the_owner(shop: Workshop, stranger: Clowdy, other: Clowdy) -> None:
    function = await shop.function("def handler(event, context):\n    return 'one'\n")
    await shop.client.functions.update(function.id, FunctionPatch(code=function.code.replace("one", "two")))
    result = await shop.client.invoke(function.id, version=1)
    assert (result.output, result.version) == ("one", 1)
    result = await shop.client.invoke(function.id, version=2)
    assert (result.output, result.version) == ("two", 2)
    await refused(stranger.invoke(function.id, version=1), 401)
    await refused(other.invoke(function.id, version=1), 403)
    await refused(shop.client.invoke(function.id, version=7), 404)
    await refused(shop.client.invoke(function.id, version=-1), 422)


async def test_a_body_over_the_limit_is_refused(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function()
    answer = await http.post(f"/api/invoke/{function.id}", content=b'{"input": "' + b"x" * 1024 * 1024 + b'"}')
    assert (answer.status_code, answer.json()["type"]) == (413, "body-too-large")
    assert "1048576" in answer.json()["detail"]
    assert (await http.post(f"/api/invoke/{function.id}", json={"input": 1})).status_code == 200


async def test_calls_are_kept_newest_first(shop: Workshop, owner: Clowdy, http: httpx.AsyncClient) -> None:
    function = await shop.function("def handler(event, context):\n    print('hi')\n    return 1 / event\n")
    made = [await owner.invoke(function.id, value) for value in (1, 0, 2)]

    async def three() -> list[InvocationOut] | None:
        calls = await owner.functions.invocations(function.id)
        return calls if len(calls) == 3 else None

    calls = await until(three)
    assert [item.id for item in calls] == [item.invocation_id for item in reversed(made)]
    newest, failed, _ = calls
    assert (newest.input, newest.output, newest.status, newest.source) == ("2", "0.5", "success", "api")
    assert (failed.output, failed.status, failed.error_type) == (None, "error", "ZeroDivisionError")
    assert [item.id for item in await owner.functions.invocations(function.id, limit=1)] == [newest.id]
    older = await owner.functions.invocations(function.id, before=newest.id)
    assert [item.id for item in older] == [item.id for item in calls[1:]]

    async def ids(**filters: object) -> list[str]:
        found = await owner.invocations.list(**filters)  # type: ignore[arg-type]
        return [item.id for item in found if item.function_id == function.id]

    assert await ids() == [item.id for item in calls]
    assert await ids(status="error") == [failed.id]
    assert await ids(source="gateway") == []
    assert await ids(q="0.5") == [newest.id]
    assert await ids(since=newest.created_at + timedelta(seconds=5)) == []
    assert len(await ids(until=newest.created_at + timedelta(seconds=5))) == 3

    detail = await owner.invocations.get(failed.id)
    assert [(line.stream, line.text) for line in detail.logs] == [("stdout", "hi")]
    assert "function.py" in (detail.stack_trace or "")
    raw = await http.get(f"/api/functions/{function.id}/invocations")
    assert raw.status_code == 401, "the log holds what callers sent"


async def test_filters_that_make_no_sense_are_refused(local: httpx.AsyncClient) -> None:
    for query, loc in {
        "status=odd": "status",
        "since=yesterday": "since",
        "since=2026-01-01T00:00:00": "since",
        "limit=0": "limit",
        "limit=many": "limit",
        "before=xyz": "before",
        "nonsense=1": "nonsense",
        "limit=1&limit=2": "limit",
    }.items():
        answer = await local.get(f"/api/invocations?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["loc"] == ["query", loc], query


async def test_times_are_utc_with_a_z(shop: Workshop, local: httpx.AsyncClient) -> None:
    created_at = (await local.get(f"/api/projects/{shop.project.id}")).json()["created_at"]
    assert created_at.endswith("Z")
    assert datetime.fromisoformat(created_at).tzinfo is not None


async def test_a_caller_that_hangs_up_cancels_its_call(shop: Workshop, owner: Clowdy, http: httpx.AsyncClient) -> None:
    function = await shop.function(
        "import time\ndef handler(event, context):\n    if event:\n        time.sleep(30)\n    return 1\n"
    )
    call = asyncio.create_task(http.post(f"/api/invoke/{function.id}", json={"input": 1}))

    async def runs() -> bool:
        return any(item.state == "busy" for item in await owner.pool() if item.function_id == function.id)

    await until(runs)
    call.cancel()

    async def logged() -> list[InvocationOut]:
        return await owner.functions.invocations(function.id)

    calls = await until(logged)
    assert [item.status for item in calls] == ["cancelled"]
    assert (await owner.invoke(function.id, 0)).output == 1


async def test_callers_that_hang_up_while_they_wait_take_no_place(
    shop: Workshop, owner: Clowdy, http: httpx.AsyncClient
) -> None:
    function = await shop.function(
        "import time\ndef handler(event, context):\n    if event:\n        time.sleep(30)\n    return 1\n",
        max_instances=2,
    )

    async def both_run() -> bool:
        mine = [item.state for item in await owner.pool() if item.function_id == function.id]
        return mine.count("busy") == 2

    for _ in range(3):
        url = f"/api/invoke/{function.id}"
        calls = [asyncio.create_task(http.post(url, json={"input": 1})) for _ in range(8)]
        await until(both_run, within=15)
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        assert (await asyncio.wait_for(owner.invoke(function.id, 0), 15)).output == 1


async def test_what_is_printed_and_named_is_never_markup(shop: Workshop, local: httpx.AsyncClient) -> None:
    evil = "[@click=app.quit]x[/] \x1b]0;owned\x07 </script> \u202e"
    function = await shop.function(f"def handler(event, context):\n    print({evil!r})\n    return {evil!r}\n")
    result = await shop.client.invoke(function.id)
    assert result.output == evil
    assert [line.text for line in result.logs or []] == [evil]
    changed = await shop.client.functions.update(function.id, FunctionPatch(name="[/b] <i>"))
    assert changed.name == "[/b] <i>"
    raw = await local.put(f"/api/functions/{function.id}", content=json.dumps({"name": "a\x1b[2Jb"}))
    assert raw.status_code == 422
    assert raw.json()["errors"][0]["loc"] == ["name"]
