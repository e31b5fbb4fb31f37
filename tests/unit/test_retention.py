"""Old calls go, and calls that take too much room; figures stay; nobody has to wait for it."""

import asyncio
import time
from pathlib import Path

from fake_engine import FakeEngine

from clowdy_tui.domain import names
from clowdy_tui.domain.schemas import FunctionIn
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.pace import Pace
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.services.retention import Retention
from clowdy_tui.store.records import InvocationRecord

DAY_MS = 86_400_000


async def fill(platform: Platform, ages_days: list[float], size: int = 10) -> str:
    """Calls of these ages, with an output of this size each."""
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=""))
    now = int(time.time() * 1000)
    for number, age in enumerate(ages_days):
        record = InvocationRecord(
            *(names.invocation_id_at(now - int(age * DAY_MS)) + number, function.id, "local", 1, "success", "api"),
            *(None, None, False, 1000, 0, 0, None, None),
            has_body=True,
            output=b'"' + b"x" * size + b'"',
        )
        platform.invocations._writer.add(record)
    await platform.invocations.flush()
    return function.id


async def kept(platform: Platform) -> int:
    return len(await platform.invocations.list(LOCAL, limit=500))


async def test_calls_that_are_too_old_go_with_what_they_carried(platform: Platform) -> None:
    await fill(platform, [0, 1, 6.9, *[7.1] * 300, 400])
    retention = Retention(platform._database, days=7, max_bytes=1 << 40)
    assert await retention.trim() == 301
    assert await kept(platform) == 3
    assert await retention.trim() == 0
    async with platform._database.read() as transaction:
        connection = await transaction.meta._session.connection()
        bodies = (await connection.exec_driver_sql("SELECT count(*) FROM invocation_body")).scalar_one()
    assert bodies == 3
    assert (await platform.stats.get(LOCAL)).total_invocations == 304, "what went is still counted"


async def test_the_oldest_go_until_the_rest_has_room(platform: Platform) -> None:
    # 20 MB of calls, and 2 MB of code that counts for nothing.
    await fill(platform, [1 - number / 2000 for number in range(2000)], size=10_000)
    await platform.functions.create(LOCAL, FunctionIn(name="long", code="#" * 1_000_000))
    newest = (await platform.invocations.list(LOCAL, limit=1))[0].id
    before = await platform._database.used_bytes()
    assert before > 20_000_000
    retention = Retention(platform._database, days=30, max_bytes=8_000_000)
    removed = await retention.trim()
    assert 1000 < removed < 1500
    after = await platform._database.used_bytes()
    assert 7_000_000 < after <= 9_000_000
    assert (await platform.invocations.list(LOCAL, limit=1))[0].id == newest
    assert await platform._database.free_pages() < before // 4096
    assert await retention.trim() == 0


async def test_code_alone_never_costs_a_call(platform: Platform) -> None:
    await fill(platform, [0.1] * 10)
    for number in range(5):
        await platform.functions.create(LOCAL, FunctionIn(name=f"long{number}", code="#" * 1_000_000))
    assert await Retention(platform._database, days=30, max_bytes=2_000_000).trim() == 0
    assert await kept(platform) == 10


async def test_it_gives_the_disk_back(platform: Platform) -> None:
    await fill(platform, [10] * 3000, size=10_000)
    assert await platform._database.used_bytes() > 30_000_000
    await Retention(platform._database, days=7, max_bytes=1 << 40).trim()
    assert await platform._database.free_pages() <= 4096
    pages, _, size = await platform._database._pages()
    assert pages * size < 22_000_000, "of more than 30 MB"


async def test_figures_by_the_minute_are_kept_for_two_days(platform: Platform) -> None:
    function = await fill(platform, [0, 1, 3, 300, 401])
    await Retention(platform._database, days=1000, max_bytes=1 << 40).trim()
    async with platform._database.read() as transaction:
        connection = await transaction.meta._session.connection()
        rows = (
            await connection.exec_driver_sql(
                "SELECT width, count(*) FROM invocation_figures WHERE function_id = ? GROUP BY width", (function,)
            )
        ).all()
    assert dict(tuple(row) for row in rows) == {0: 1, 60: 2, 3600: 4, 86400: 5}


async def test_a_platform_does_it_by_itself_and_stops_in_the_middle(folder: Path, engine: FakeEngine) -> None:
    platform = await Platform.open(PlatformConfig(data_dir=folder), engine=engine)
    await fill(platform, [5] * 500)
    await platform.close()
    platform = await Platform.open(PlatformConfig(data_dir=folder, retention_days=1), engine=engine)
    async with asyncio.timeout(60):
        while await kept(platform):
            await asyncio.sleep(0.02)
    await platform.close()


def test_steps_grow_while_they_are_quick_and_shrink_when_they_are_not() -> None:
    pace = Pace(100, least=10, most=400)
    for expected in (200, 400, 400):
        with pace.step():
            pass
        assert pace.size == expected
    with pace.step():
        time.sleep(0.02)
    assert pace.size == 200
