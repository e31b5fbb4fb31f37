"""The services on the real engine, with bubblewrap: what only shows where code really runs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain import events
from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch, OutcomeStatus, ProjectIn, VariableIn
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform, PlatformConfig

READ = "import os\n\ndef handler(event, context):\n    return [os.environ.get('COLOUR'), context.function_version]\n"


@pytest.fixture
async def real(prepared_dir: Path) -> AsyncIterator[Platform]:
    platform = await Platform.open(PlatformConfig(data_dir=prepared_dir, driver="bubblewrap", spares=1))
    try:
        if not (status := platform.pool.status()).available:
            pytest.skip(f"no sandbox can be made here: {status.problem}")
        yield platform
    finally:
        await platform.close()
    assert await platform.pool.list(LOCAL) == []


async def answer(platform: Platform, function_id: str, event: Any = None) -> Any:
    target = platform.directory.function(function_id)
    assert target is not None
    outcome = await platform.invocations.invoke(target, json.dumps(event).encode(), source="test", actor_owns=True)
    assert outcome.output is not None, outcome
    return json.loads(outcome.output)


async def test_what_is_changed_is_in_effect_with_the_next_call(real: Platform) -> None:
    project = await real.projects.create(LOCAL, ProjectIn(name="Shop"))
    wanted = FunctionIn(name="f", code=READ, project_id=project.id)
    function = (await real.functions.create(LOCAL, wanted)).id
    assert await answer(real, function) == [None, "1"]
    await real.environment.set(LOCAL, project.id, VariableIn(key="COLOUR", value="blue"))
    assert await answer(real, function) == ["blue", "1"]
    await real.functions.update(LOCAL, function, FunctionPatch(code=READ + "# more\n"))
    assert await answer(real, function) == ["blue", "2"]
    await real.functions.activate(LOCAL, function, 1)
    await real.environment.delete(LOCAL, project.id, "COLOUR")
    assert await answer(real, function) == [None, "1"]
    (call, *_) = await real.invocations.list(LOCAL)
    assert (await real.invocations.get(LOCAL, call.id)).output == '[null,"1"]'


async def test_the_example_runs_and_its_instances_go_with_it(real: Platform) -> None:
    project = await real.make_example()
    assert project is not None
    functions = {function.name: function.id for function in await real.functions.list(LOCAL, project_id=project.id)}
    hello = await answer(real, functions["hello"], {"params": {"name": "Ada"}})
    assert hello["message"].endswith(", Ada!")
    assert [(await answer(real, functions["visits"]))["visits"] for _ in range(3)] == [1, 2, 3]
    assert (await answer(real, functions["words"], "one two"))["words"] == 2
    mine = [one for one in await real.pool.list(LOCAL) if one.function_name == "visits"]
    assert [(one.state, one.calls) for one in mine] == [("idle", 3)]
    assert 0 <= mine[0].age_s < 60
    await real.projects.delete(LOCAL, project.id)
    async with asyncio.timeout(60):
        while any(one.function_id for one in await real.pool.list(LOCAL)):
            await asyncio.sleep(0.02)
    told = {event.type for event in real.bus.kept()}
    assert {events.POOL_CHANGED, events.DRIVER_CHANGED} <= told


async def test_a_call_that_the_end_cuts_off_is_in_the_log(real: Platform, engine: FakeEngine) -> None:
    code = "import time\n\ndef handler(event, context):\n    print('asleep', flush=True)\n    time.sleep(600)\n"
    function = await real.functions.create(LOCAL, FunctionIn(name="sleeper", code=code))
    target = real.directory.function(function.id)
    assert target is not None
    calling = asyncio.ensure_future(real.invocations.invoke(target, b"1", source="test", actor_owns=True))
    async with asyncio.timeout(60):
        while not any(event.type == events.INVOCATION_LOG for event in real.bus.kept()):
            await asyncio.sleep(0.02)
    began = time.monotonic()
    await real.close()
    assert time.monotonic() - began < 30
    outcome = await calling
    assert outcome.status is not OutcomeStatus.SUCCESS
    again = await Platform.open(real.config, engine=engine)
    (call,) = await again.invocations.list(LOCAL)
    assert call.status == outcome.status
    assert [line.text for line in (await again.invocations.get(LOCAL, call.id)).logs] == ["asleep"]
    await again.close()
