from pathlib import Path

from fake_engine import FakeEngine

from clowdy_tui.domain.schemas import FunctionIn, OutcomeStatus
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform, PlatformConfig


async def fill(platform: Platform, engine: FakeEngine, calls: int) -> str:
    """A function with calls of 20 KB each."""
    engine.answer = lambda _deployment, event: Outcome(OutcomeStatus.SUCCESS, output=event)
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=""))
    target = platform.directory.function(function.id)
    assert target is not None
    for _ in range(calls):
        await platform.invocations.invoke(target, b'"' + b"x" * 10_000 + b'"', source="test", actor_owns=True)
    await platform.invocations.flush()
    return function.id


async def test_what_is_removed_gives_its_space_back(platform: Platform, engine: FakeEngine) -> None:
    function = await fill(platform, engine, 1100)
    async with platform._database.read() as transaction:
        connection = await transaction.meta._session.connection()
        before = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
    await platform.functions.delete(LOCAL, function)
    await platform.functions._purge.done()
    assert await platform.invocations.list(LOCAL) == []
    async with platform._database.read() as transaction:
        connection = await transaction.meta._session.connection()
        after = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
    assert before > 5000
    assert after < 100


async def test_a_purge_that_the_end_cuts_off_goes_on_with_the_next_start(folder: Path, engine: FakeEngine) -> None:
    config = PlatformConfig(data_dir=folder)
    platform = await Platform.open(config, engine=engine)
    function = await fill(platform, engine, 20)
    async with platform._database.write() as transaction:
        # As a process leaves it that was killed right after the function was deleted.
        await transaction.functions.delete(function)
    await platform.close()
    platform = await Platform.open(config, engine=engine)
    await platform.functions._purge.done()
    assert await platform.invocations.list(LOCAL) == []
    await platform.close()
