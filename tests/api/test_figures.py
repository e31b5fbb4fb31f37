"""Stats and the pool, over the API."""

import httpx
import pytest
from api_support import Workshop, refused, until

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch


async def test_stats_are_the_callers_own(shop: Workshop, other: Clowdy) -> None:
    function = await shop.function("def handler(event, context):\n    return 1 / event\n")
    await shop.client.invoke(function.id, 1)
    await shop.client.invoke(function.id, 0)
    stats = await shop.client.stats(function_id=function.id)
    assert (stats.total_functions, stats.total_invocations, stats.success_rate, stats.cold_starts) == (1, 2, 50, 1)
    assert stats.errors_by_status == {"error": 1}
    assert 0 < stats.p50_ms <= stats.p95_ms <= stats.p99_ms
    assert stats.avg_duration_ms > 0
    assert sum(minute.calls for minute in stats.series) == 2
    assert (await shop.client.stats(project_id=shop.project.id)).total_invocations == 2
    assert (await other.stats()).total_invocations == 0
    [own] = await shop.client.function_stats(project_id=shop.project.id)
    assert (own.function_id, own.calls, own.errors, own.cold_starts) == (function.id, 2, 1, 1)
    assert await other.function_stats() == []
    await refused(other.function_stats(project_id=shop.project.id), 404)
    await refused(other.stats(function_id=function.id), 404)
    await refused(other.stats(project_id=shop.project.id), 404)


@pytest.mark.parametrize(
    ("query", "loc"),
    [
        ("since=yesterday", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("function_id=x", "function_id"),
        ("nonsense=1", "nonsense"),
    ],
)
async def test_stats_refuse_what_they_cannot_read(local: httpx.AsyncClient, query: str, loc: str) -> None:
    answer = await local.get(f"/api/stats?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"] == ["query", loc]


async def test_a_function_is_warmed_and_its_instance_ended(shop: Workshop, other: Clowdy) -> None:
    function = await shop.function()
    await shop.client.functions.warm(function.id)

    async def mine() -> list[str]:
        return [item.id for item in await shop.client.pool() if item.function_id == function.id]

    (instance,) = await mine()
    assert not (await shop.client.invoke(function.id, 1)).cold_start
    assert instance not in {item.id for item in await other.pool()}
    await refused(other.kill(instance), 404)
    await shop.client.kill(instance)
    assert await mine() == []
    await refused(shop.client.kill(instance), 404)
    assert (await shop.client.invoke(function.id, 1)).success


async def test_the_pool_comes_newest_first_and_in_parts(shop: Workshop, local: httpx.AsyncClient) -> None:
    functions = {(await shop.function()).id for _ in range(2)}
    for function in functions:
        await shop.client.functions.warm(function)
    pool = (await local.get("/api/pool")).json()
    assert [item["age_s"] for item in pool] == sorted(item["age_s"] for item in pool)
    mine = [item["id"] for item in pool if item["function_id"] in functions]
    assert len(mine) == 2
    after = (await local.get(f"/api/pool?before={mine[0]}")).json()
    assert mine[1] in {item["id"] for item in after}
    assert mine[0] not in {item["id"] for item in after}
    assert len((await local.get("/api/pool?limit=1")).json()) == 1
    for query in ("limit=0", "before=nonsense", f"before={'0' * 12}", "offset=1"):
        answer = await local.get(f"/api/pool?{query}")
        assert answer.status_code == 422, query
        assert answer.json()["errors"][0]["loc"] == ["query", query.partition("=")[0]]


async def test_what_cannot_be_warmed(shop: Workshop, other: Clowdy) -> None:
    function = await shop.function()
    await refused(other.functions.warm(function.id), 404)
    await shop.client.functions.update(function.id, FunctionPatch(status="inactive"))
    error = await refused(shop.client.functions.warm(function.id), 400)
    assert error.problem.type == "function-inactive"
    await refused(shop.client.functions.warm("0" * 12), 404)


async def test_a_call_whose_instance_is_ended_has_crashed(shop: Workshop) -> None:
    import asyncio

    function = await shop.function("import time\ndef handler(event, context):\n    time.sleep(30)\n")
    running = asyncio.create_task(shop.client.invoke(function.id))

    async def busy() -> list[str]:
        found = await shop.client.pool()
        return [item.id for item in found if item.function_id == function.id and item.state == "busy"]

    (instance,) = await until(busy, within=15)
    await shop.client.kill(instance)
    assert (await running).status == "crashed"


async def test_metrics_need_a_token_and_are_the_callers_own(
    shop: Workshop, other: Clowdy, http: httpx.AsyncClient, local: httpx.AsyncClient
) -> None:
    function = await shop.function()
    await shop.client.invoke(function.id)
    assert (await http.get("/metrics")).status_code == 401
    answer = await local.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    name = f'function_name="{shop.project.slug}/{function.name}"'
    assert f'gateway_function_invocation_total{{{name},code="200"}} 1\n' in answer.text
    assert f"gateway_service_count{{{name}}} 1\n" in answer.text
    assert name not in await other.metrics()
    assert name in await shop.client.metrics()
