"""Figures: right, everybody's own, kept over a restart, and cheap however many calls there were."""

import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain import names
from clowdy_tui.domain.durations import bucket_of, lower_bound, percentile_ms, upper_bound
from clowdy_tui.domain.errors import NotFound
from clowdy_tui.domain.schemas import ALL_SCOPES, FunctionIn, FunctionOut, OutcomeStatus, ProjectIn
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.store.records import InvocationRecord

EVE = Actor("eve", frozenset(ALL_SCOPES))


async def call(platform: Platform, function: FunctionOut, times: int = 1) -> None:
    target = platform.directory.function(function.id)
    assert target is not None
    for _ in range(times):
        await platform.invocations.invoke(target, b"1", source="test", actor_owns=True)


def test_buckets_follow_each_other_without_a_gap() -> None:
    bucket, end = 0, 0
    while end < 2_000_000_000:
        assert lower_bound(bucket) == end
        end = upper_bound(bucket)
        assert bucket_of(end - 1) == bucket_of(lower_bound(bucket)) == bucket
        bucket = bucket_of(end)
        assert end - lower_bound(bucket_of(end - 1)) <= max(1, end / 8)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_percentiles_are_right_to_some_percent(share: float) -> None:
    draw = random.Random(7)
    durations = sorted(int(draw.lognormvariate(8, 1.5)) for _ in range(20_000))
    buckets: dict[int, int] = {}
    for duration in durations:
        buckets[bucket_of(duration)] = buckets.get(bucket_of(duration), 0) + 1
    exact = durations[max(0, round(share * len(durations)) - 1)] / 1000
    assert percentile_ms(buckets, share) == pytest.approx(exact, rel=0.07, abs=0.002)


async def test_what_calls_came_to(platform: Platform, engine: FakeEngine) -> None:
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=""))
    ends = [
        *[Outcome(OutcomeStatus.SUCCESS, output=b"1", run_us=1000) for _ in range(6)],
        Outcome(OutcomeStatus.SUCCESS, output=b"1", run_us=9000, cold_start=True),
        Outcome(OutcomeStatus.ERROR, run_us=2000),
        Outcome(OutcomeStatus.TIMEOUT, run_us=30_000_000),
        Outcome(OutcomeStatus.THROTTLED, run_us=0),
    ]
    engine.answer = lambda _deployment, _event: ends.pop()
    await call(platform, function, 10)
    stats = await platform.stats.get(LOCAL)
    for since in (None, datetime.now(UTC) - timedelta(hours=30)):
        [own] = await platform.stats.by_function(LOCAL, since=since)
        assert (own.calls, own.errors, own.cold_starts) == (10, 3, 1)
        assert (own.avg_ms, own.p50_ms, own.p95_ms) == (stats.avg_duration_ms, stats.p50_ms, stats.p95_ms)
    assert (stats.total_functions, stats.total_invocations, stats.success_rate, stats.cold_starts) == (1, 10, 70, 1)
    assert stats.errors_by_status == {"error": 1, "throttled": 1, "timeout": 1}
    assert stats.avg_duration_ms == pytest.approx((6 * 1 + 9 + 2 + 30_000) / 9, abs=0.01), "a throttled call never ran"
    assert stats.p50_ms == pytest.approx(1, rel=0.1)
    assert stats.p99_ms == pytest.approx(30_000, rel=0.1)
    assert len(stats.series) in {60, 61}
    assert sum(minute.calls for minute in stats.series) == 10
    assert sum(minute.errors for minute in stats.series) == 3
    assert stats.series[-1].at > stats.series[0].at


async def test_of_one_project_one_function_and_nobody_elses(platform: Platform) -> None:
    project = await platform.projects.create(LOCAL, ProjectIn(name="P"))
    code = "def handler(event, context): return 1"
    mine = await platform.functions.create(LOCAL, FunctionIn(name="mine", code=code, project_id=project.id))
    alone = await platform.functions.create(LOCAL, FunctionIn(name="alone", code=code))
    hers = await platform.functions.create(EVE, FunctionIn(name="hers", code=code))
    for function, times in ((mine, 1), (alone, 2), (hers, 4)):
        await call(platform, function, times)
    assert (await platform.stats.get(LOCAL)).total_invocations == 3
    assert (await platform.stats.get(EVE)).total_invocations == 4
    assert (await platform.stats.get(LOCAL, project_id=project.id)).total_invocations == 1
    assert (await platform.stats.get(LOCAL, function_id=alone.id)).total_invocations == 2
    each = {stats.function_id: stats for stats in await platform.stats.by_function(LOCAL)}
    assert {id_: stats.calls for id_, stats in each.items()} == {alone.id: 2, mine.id: 1}
    assert next(iter(each)) == alone.id
    of_project = await platform.stats.by_function(LOCAL, project_id=project.id)
    assert [stats.function_id for stats in of_project] == [mine.id]
    with pytest.raises(NotFound):
        await platform.stats.by_function(EVE, project_id=project.id)
    for asked in ({"function_id": hers.id}, {"project_id": "0" * 12}):
        with pytest.raises(NotFound):
            await platform.stats.get(LOCAL, **asked)
    empty = await platform.stats.get(Actor("nobody", frozenset(ALL_SCOPES)))
    assert (empty.total_invocations, empty.success_rate, empty.avg_duration_ms, empty.p99_ms) == (0, 0, 0, 0)


async def test_since_a_time(platform: Platform) -> None:
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=""))
    now = int(time.time() * 1000)
    for hours in (0, 1, 30, 24 * 5, 24 * 500):
        id_ = names.invocation_id_at(now - hours * 3_600_000)
        platform.invocations._writer.add(
            InvocationRecord(id_, function.id, "local", 1, "success", "api", None, None, False, 1000, 0, 0, None, None)
        )
    moment = datetime.now(UTC)
    for hours, calls in ((0.5, 1), (2, 2), (40, 3), (24 * 4, 3), (24 * 6, 4), (24 * 499, 4), (24 * 501, 5)):
        stats = await platform.stats.get(LOCAL, since=moment - timedelta(hours=hours))
        assert stats.total_invocations == calls, hours
        assert [each.calls for each in await platform.stats.by_function(LOCAL, since=stats.since)] == [calls], hours
        assert len(stats.series) <= 3 * 60 + 1
    assert (await platform.stats.get(LOCAL, since=moment + timedelta(days=1))).total_invocations in {0, 1}


async def test_they_outlive_a_restart_and_go_with_their_function(folder: Path, engine: FakeEngine) -> None:
    platform = await Platform.open(PlatformConfig(data_dir=folder), engine=engine)
    function = await platform.functions.create(
        LOCAL, FunctionIn(name="f", code="def handler(event, context): return 1")
    )
    await call(platform, function, 3)
    await platform.close()
    platform = await Platform.open(PlatformConfig(data_dir=folder), engine=engine)
    await call(platform, function, 2)
    assert (await platform.stats.get(LOCAL)).total_invocations == 5
    await platform.functions.delete(LOCAL, function.id)
    assert (await platform.stats.get(LOCAL)).total_invocations == 0
    await platform.functions._purge.done()
    async with platform._database.read() as transaction:
        assert await transaction.figures.function_ids() == []
    await platform.close()
