"""What goes wrong around the engine while calls come in: a save, a clock that jumps, a loop that stands still."""

import asyncio
import select
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_support import ECHO, RUNTIMES, Engine, deployment, until, value

from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.pack import PYTHON
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.base import Driver, Sandbox, SandboxListener, SandboxSpec
from clowdy_tui.engine.worker import Worker

CALLERS = 4
WORKS = "import time\ndef handler(event):\n    time.sleep(0.02)\n    return {version}\n"


class Load:
    """Callers that call again as soon as they have an answer, until the block ends; what became of their calls."""

    def __init__(self, engine: Engine, what: Callable[[], Deployment], callers: int = CALLERS) -> None:
        self.outcomes: list[Outcome] = []
        self._engine = engine
        self._what = what
        self._callers = callers
        self._going = True
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._call()) for _ in range(self._callers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _call(self) -> None:
        while self._going:
            self.outcomes.append(await self._engine.invoke(self._what(), 1))

    async def more(self, count: int) -> None:
        """Until so many more have ended."""
        goal = len(self.outcomes) + count
        await until(lambda: len(self.outcomes) >= goal, within_s=30)

    @property
    def statuses(self) -> Counter[str]:
        return Counter(str(outcome.status) for outcome in self.outcomes)


class TestASaveUnderLoad:
    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(spares=2)

    async def test_no_call_fails_and_old_instances_finish(self, engine: Engine) -> None:
        saves = 5
        versions = [
            deployment(WORKS.format(version=n), version=n, max_instances=CALLERS, timeout_s=30) for n in range(saves)
        ]
        active = versions[0]
        most = 0
        async with Load(engine, lambda: active) as load:
            for version in versions:
                active = version
                engine.service.retire(version.function_id, version.key)
                await load.more(CALLERS * 5)
                most = max(most, len(engine.service.snapshot()))
                # Those of the version before have ended their calls by now, and are gone.
                await until(
                    lambda version=version: {i.version for i in engine.service.snapshot()} <= {version.version, None}
                )
        assert load.statuses == {"success": len(load.outcomes)}
        # No herd: each version starts what its callers need, beside the last of the old ones and the spares.
        assert most <= 2 * CALLERS + 2 * 2
        made = {outcome.instance_id for outcome in load.outcomes}
        assert len(made) <= saves * CALLERS
        # Calls that began after a save run what was saved.
        assert [value(outcome) for outcome in load.outcomes[-CALLERS:]] == [saves - 1] * CALLERS


async def test_a_clock_that_jumps_changes_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock of the gateway goes a day ahead and a day back: no deadline passes, nothing is reaped."""
    slow = deployment("import time\ndef handler(event):\n    time.sleep(event)\n    return 'done'\n", timeout_s=5)
    first = await engine.invoke(slow, 0)
    now = time.time
    for jump in (86_400.0, -86_400.0):
        call = asyncio.create_task(engine.invoke(slow, 0.3))
        await until(lambda: engine.service.counts().busy == 1)
        monkeypatch.setattr(time, "time", lambda jump=jump: now() + jump)
        outcome = await call
        assert (value(outcome), outcome.instance_id) == ("done", first.instance_id)
        assert 0.25e6 < outcome.run_us < 5e6
        over = await engine.invoke(deployment("while True: pass\n", function_id="f2", timeout_s=0.3))
        assert over.status == "timeout"


class TestALoopThatStandsStillForASecond:
    """On uvloop, the gateway's, and while it reads: there a timer that is due then goes before what came meanwhile."""

    def test_no_healthy_instance_is_ended(self, driver: Driver, trees: Path) -> None:
        what = deployment(
            "import time\ndef handler(event):\n    time.sleep(0.2)\n    return event\n",
            timeout_s=0.5,
            min_instances=CALLERS,
            max_instances=CALLERS,
        )

        async def under_load(engine: Engine) -> None:
            await engine.service.warm(what)
            workers = list(engine.service._placement.workers.values())
            calls = [asyncio.create_task(engine.invoke(what, number)) for number in range(CALLERS)]
            await until(lambda: engine.service.counts().busy == CALLERS)
            await stand_still_until_answered(workers)
            assert [value(outcome) for outcome in await asyncio.gather(*calls)] == [*range(CALLERS)]
            assert {instance.id for instance in engine.service.snapshot()} == {worker.id for worker in workers}

        on_uvloop(driver, trees, under_load)

    def test_nor_one_that_had_imported_its_code_in_time(self, driver: Driver, trees: Path) -> None:
        what = deployment("import time\ntime.sleep(0.2)\n" + ECHO, timeout_s=0.5)

        async def while_one_is_warmed(engine: Engine) -> None:
            warming = asyncio.create_task(engine.service.warm(what))
            workers = engine.service._placement.workers
            await until(lambda: any(worker.deployment == what for worker in workers.values()))
            await stand_still_until_answered(list(workers.values()))
            await warming
            assert [instance.state for instance in engine.service.snapshot()] == ["idle"]

        on_uvloop(driver, trees, while_one_is_warmed)


def on_uvloop(driver: Driver, trees: Path, test: Callable[[Engine], Awaitable[None]]) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def run() -> None:
        service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=EngineLimits(spares=0))
        await service.start()
        try:
            await test(Engine(service))
        finally:
            await service.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def stand_still_until_answered(workers: list[Worker]) -> None:
    """Block the event loop for a second, and until each of these sandboxes has written something that nobody reads."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    ours, other = socket.socketpair()

    def answers(worker: Worker) -> bool:
        sandbox: Any = worker._sandbox
        channel = sandbox if hasattr(sandbox, "_transport") else sandbox._direct or sandbox._channel
        transport = channel._transport
        poll = select.poll()
        poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(30_000))

    def stand_still() -> None:
        loop.remove_reader(ours)
        began = time.monotonic()
        # One that was quick enough to be heard before this has nothing left to say.
        asked = [worker for worker in workers if worker._calls or not worker._hearing.is_loaded]
        told = all(answers(worker) for worker in asked)
        time.sleep(max(0.0, began + 1 - time.monotonic()))
        over.set_result(told)

    with ours, other:
        loop.add_reader(ours, stand_still)
        other.send(b"x")
        assert await over


class TestASandboxThatIsNeverReady:
    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(spares=0, boot_timeout_s=1.5)

    async def test_it_is_told_within_the_limit_and_the_next_one_works(
        self, engine: Engine, driver: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def start_a_sleeper(spec: SandboxSpec, listener: SandboxListener) -> Sandbox:
            argv = (PYTHON, "-I", "-S", "-c", "import time; time.sleep(60)")
            return await start(replace(spec, argv=argv), listener)

        start = driver.start
        with monkeypatch.context() as changed:
            changed.setattr(driver, "start", start_a_sleeper)
            began = time.monotonic()
            outcomes = await asyncio.gather(*(engine.invoke(deployment(max_instances=2), 1) for _ in range(2)))
            assert time.monotonic() - began < 30
            for outcome in outcomes:
                assert (outcome.status, outcome.error_type) == ("crashed", "BootFailed")
                assert "1.5 s" in (outcome.error_message or "")
        # A busy machine may need longer for a sound one.
        engine.service._placement._limits = EngineLimits(spares=0)
        assert value(await engine.invoke(deployment(ECHO), 2)) == 2
        assert len(engine.service.snapshot()) == 1
