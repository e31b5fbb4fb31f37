"""Who gets which instance: warm ones, spares, bounds, queues, replacement."""

import asyncio

import pytest
from engine_support import ECHO, Engine, deployment, until, value

from clowdy_tui.engine import placement
from clowdy_tui.engine.assignment import AssignmentService
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import PoolCounts
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.sandboxes.base import Driver, Sandbox, SandboxListener, SandboxSpec
from clowdy_tui.engine.worker import Worker

HOLD = """
import os, time
def handler(event):
    print("running")
    time.sleep(event)
    return 1
"""


def lose(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end is told now, and then never again."""
    told = Worker.sandbox_exited
    worker.kill("it is lost")
    monkeypatch.setattr(Worker, "sandbox_exited", lambda one, how: None if one is worker else told(one, how))


class TestWithoutSpares:
    async def test_the_latest_idle_instance_is_taken_first(self, engine: Engine) -> None:
        both = deployment(ECHO, min_instances=2)
        await engine.service.warm(both)
        assert engine.service.counts().idle == 2
        assert len({(await engine.invoke(both)).instance_id for _ in range(4)}) == 1

    async def test_never_more_than_max_instances_and_first_come_first_served(self, engine: Engine) -> None:
        order: list[int] = []
        narrow = deployment(HOLD, max_instances=1)

        async def call(number: int) -> None:
            outcome = await engine.invoke(narrow, 0.02)
            assert outcome.status == "success", outcome
            order.append(number)

        await asyncio.gather(*(call(number) for number in range(6)))
        assert order == list(range(6))
        assert len(engine.service.snapshot()) == 1

    async def test_a_full_queue_is_throttled_at_once(self, engine: Engine) -> None:
        narrow = deployment(HOLD, max_instances=1, max_queue=1)
        await engine.invoke(narrow, 0)
        running = asyncio.create_task(engine.invoke(narrow, 0.5))
        waiting = asyncio.create_task(engine.invoke(narrow, 0))
        await until(engine.service.waiting)
        refused = await engine.invoke(narrow, 0)
        assert not running.done()
        assert (refused.status, refused.error_type) == ("throttled", "Throttled")
        assert (await running).status == "success"
        outcome = await waiting
        assert outcome.status == "success"
        assert outcome.queue_us > 100_000

    async def test_a_call_that_comes_as_the_last_instance_gets_free_does_not_wait_for_ever(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        narrow = deployment(ECHO, max_instances=1)
        release = AssignmentService.release
        late: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def release_once_another_has_asked(service: AssignmentService, worker: Worker) -> None:
            monkeypatch.undo()
            engine.service.begin(narrow, b"2", invocation_id="f" * 16, done=late.set_result)
            release(service, worker)

        monkeypatch.setattr(AssignmentService, "release", release_once_another_has_asked)
        assert value(await engine.invoke(narrow, 1)) == 1
        assert value(await late) == 2

    async def test_an_instance_that_is_lost_while_it_is_handed_over_is_no_calls_end(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        narrow = deployment(HOLD, max_instances=1, timeout_s=3.0)
        release = AssignmentService.release

        def release_and_lose(service: AssignmentService, worker: Worker) -> None:
            monkeypatch.undo()
            release(service, worker)
            lose(worker, monkeypatch)

        await engine.invoke(narrow, 0)
        monkeypatch.setattr(AssignmentService, "release", release_and_lose)
        ends = await asyncio.gather(engine.invoke(narrow, 0.1), engine.invoke(narrow, 0))
        assert [value(end) for end in ends] == [1, 1]
        assert len({end.instance_id for end in ends}) == 2

    async def test_an_instance_that_is_lost_as_soon_as_it_is_ready_takes_no_place(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        boot = Worker.boot

        async def boot_and_be_lost(worker: Worker, driver: Driver, spec: SandboxSpec) -> None:
            monkeypatch.undo()
            await boot(worker, driver, spec)
            lose(worker, monkeypatch)

        monkeypatch.setattr(Worker, "boot", boot_and_be_lost)
        assert value(await engine.invoke(deployment(ECHO, max_instances=1, timeout_s=3.0), 3)) == 3

    async def test_warming_an_instance_that_is_lost_while_it_is_handed_over_comes_to_an_end(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        acquire = AssignmentService.acquire

        async def acquire_and_lose(
            service: AssignmentService, deployment: Deployment, *, new: bool
        ) -> tuple[Worker, bool]:
            monkeypatch.undo()
            worker, made = await acquire(service, deployment, new=new)
            lose(worker, monkeypatch)
            return worker, made

        monkeypatch.setattr(AssignmentService, "acquire", acquire_and_lose)
        wanted = deployment(ECHO)
        await engine.service.warm(wanted)
        assert engine.service.snapshot() == []
        assert value(await engine.invoke(wanted, 1)) == 1

    async def test_warming_at_the_most_instances_takes_one_that_is_there(self, engine: Engine) -> None:
        narrow = deployment(ECHO, max_instances=1)
        await engine.service.warm(narrow)
        worker, made = await engine.service._assignment.acquire(narrow, new=True)
        assert not made
        engine.service._assignment.release(worker)
        assert len(engine.service.snapshot()) == 1

    async def test_a_call_that_gives_up_waiting_leaves_the_queue(self, engine: Engine) -> None:
        narrow = deployment(HOLD, max_instances=1)
        await engine.invoke(narrow, 0)
        running = asyncio.create_task(engine.invoke(narrow, 0.2))
        waiting = asyncio.create_task(engine.invoke(narrow, 0))
        await asyncio.sleep(0.05)
        waiting.cancel()
        assert (await asyncio.gather(running, waiting, return_exceptions=True))[0].status == "success"  # type: ignore[union-attr]
        assert value(await engine.invoke(narrow, 0)) == 1

    async def test_calls_that_give_up_while_their_instances_start_leave_nothing(self, engine: Engine) -> None:
        calls = [asyncio.create_task(engine.invoke(deployment(ECHO, function_id=f"f{n}"), n)) for n in range(3)]
        await until(lambda: engine.service.counts().starting == 3)
        for call in calls:
            call.cancel()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends)
        await until(lambda: engine.service.counts() == PoolCounts())

    async def test_warming_code_that_ends_its_own_process_comes_to_an_end(self, engine: Engine) -> None:
        await engine.service.warm(deployment("import os\nos._exit(1)\n", min_instances=2))
        assert engine.service.snapshot() == []

    async def test_retired_deployments_finish_and_go(self, engine: Engine) -> None:
        old, new = deployment(HOLD, min_instances=2), deployment(ECHO, version=2)
        await engine.service.warm(old)
        running = asyncio.create_task(engine.invoke(old, 0.3))
        await until(lambda: engine.service.counts().busy == 1)
        engine.service.retire(old.function_id, keep_key=new.key)
        assert engine.service.counts().idle == 0
        assert value(await engine.invoke(new, "new")) == "new"
        assert (await running).status == "success"
        await until(lambda: [info.version for info in engine.service.snapshot()] == [2])

    async def test_one_instance_can_be_ended_by_hand(self, engine: Engine) -> None:
        running = asyncio.create_task(engine.invoke(deployment(HOLD), 30))
        await until(lambda: any(info.state == "busy" for info in engine.service.snapshot()))
        (info,) = engine.service.snapshot()
        assert (info.function_name, info.version, info.owner) == ("probe", 1, "local")
        assert await engine.service.kill(info.id)
        outcome = await running
        assert outcome.status == "crashed"
        assert not await engine.service.kill(info.id)
        assert engine.service.snapshot() == []

    async def test_warm_makes_instances_that_are_loaded(self, engine: Engine) -> None:
        ready = deployment("print('loaded')\n" + ECHO, min_instances=2)
        await engine.service.warm(ready)
        assert engine.service.counts() == PoolCounts(idle=2)
        outcome = await engine.invoke(ready, 5)
        assert value(outcome) == 5
        assert not outcome.cold_start
        assert [entry.text for entry in outcome.logs] == ["loaded"]

    async def test_an_idle_instance_that_was_ended_from_outside_is_replaced(self, engine: Engine) -> None:
        code = """
import os, threading
def handler(event):
    if event:
        threading.Timer(0.05, os._exit, (3,)).start()
    return os.getpid()
"""
        dying = deployment(code)
        first = await engine.invoke(dying, True)
        await until(lambda: not engine.service.snapshot())
        second = await engine.invoke(dying, False)
        assert value(second) is not None
        assert second.instance_id != first.instance_id

    async def test_a_call_whose_last_instance_goes_at_that_moment_gets_another(self, engine: Engine) -> None:
        """The instance is ended between the call's look for one and its wait for one."""
        narrow = deployment(HOLD, max_instances=1)
        running = asyncio.create_task(engine.invoke(narrow, 30))
        # Not `counts`, for which an instance is busy that is still being handed over: the call would get another.
        await until(lambda: [instance.state for instance in engine.service.snapshot()] == ["busy"])
        late: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        engine.service.begin(narrow, b"0", invocation_id="late", done=late.set_result)
        (worker,) = engine.service._placement.workers.values()
        worker.kill("somebody ended it")
        assert (await running).status == "crashed"
        assert value(await late) == 1


class TestManyStartsAtOnce:
    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(spares=0, boots=2)

    async def test_so_many_begin_and_the_others_wait_their_turn(
        self, engine: Engine, driver: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A box that starts all of them together is no quicker, and none of them is ready within its time."""
        begun: list[str] = []
        start = driver.start

        async def note(spec: SandboxSpec, listener: SandboxListener) -> Sandbox:
            begun.append(spec.id)
            ready = {info.id for info in engine.service.snapshot() if info.state != "starting"}
            assert len(set(begun) - ready) <= 2
            return await start(spec, listener)

        monkeypatch.setattr(driver, "start", note)
        many = [deployment(ECHO, function_id=f"many{n}") for n in range(6)]
        outcomes = await asyncio.gather(*(engine.invoke(one, n) for n, one in enumerate(many)))
        assert [value(outcome) for outcome in outcomes] == list(range(6))
        assert len(begun) == 6

    async def test_one_that_is_given_up_before_its_turn_does_not_begin(
        self, engine: Engine, driver: Driver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun: list[str] = []
        start = driver.start

        async def note(spec: SandboxSpec, listener: SandboxListener) -> Sandbox:
            begun.append(spec.id)
            return await start(spec, listener)

        monkeypatch.setattr(driver, "start", note)
        calls = [asyncio.create_task(engine.invoke(deployment(ECHO, function_id=f"f{n}"), n)) for n in range(3)]
        await until(lambda: engine.service.counts().starting == 3)
        last = engine.service.snapshot()[-1].id
        assert last not in begun
        assert await engine.service.kill(last)
        # Its call is tried once more, on a fresh one.
        assert [value(outcome) for outcome in await asyncio.gather(*calls)] == [0, 1, 2]
        assert last not in begun


class TestBudget:
    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(spares=0, memory_budget_mb=256, idle_timeout_s=300)

    async def test_the_least_recently_used_goes_when_memory_is_needed(self, engine: Engine) -> None:
        first, second, third = (deployment(ECHO, function_id=f"f{n}", function_name=f"n{n}") for n in range(3))
        for one in (first, second, first, third):
            assert value(await engine.invoke(one, 1)) == 1
        assert {info.function_name for info in engine.service.snapshot()} == {"n0", "n2"}

    async def test_a_call_waits_for_memory(self, engine: Engine) -> None:
        both = [deployment(HOLD, function_id=f"f{n}") for n in range(2)]
        # One that is still being started when the other's call is over would leave room.
        for one in both:
            await engine.service.warm(one)
        busy = [asyncio.create_task(engine.invoke(one, 0.3)) for one in both]
        await until(lambda: engine.service.counts().busy == 2)
        waited = await engine.invoke(deployment(ECHO, function_id="f9"), "after all")
        assert value(waited) == "after all"
        assert all(outcome.status == "success" for outcome in await asyncio.gather(*busy))

    async def test_many_at_the_same_moment_do_not_overrun_it(self, engine: Engine) -> None:
        calls = [asyncio.create_task(engine.invoke(deployment(HOLD, function_id=f"f{n}"), 0.1)) for n in range(6)]
        most = 0
        while not all(call.done() for call in calls):
            most = max(most, len(engine.service.snapshot()))
            await asyncio.sleep(0.005)
        assert most == 2
        assert all(outcome.status == "success" for outcome in await asyncio.gather(*calls))


class TestReaper:
    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(spares=0, idle_timeout_s=0.2)

    async def test_idle_instances_go_but_those_that_should_stay(self, engine: Engine) -> None:
        await engine.invoke(deployment(ECHO), 1)
        await engine.service.warm(deployment(ECHO, function_id="kept", function_name="kept", min_instances=1))
        await until(lambda: [info.function_name for info in engine.service.snapshot()] == ["kept"])


class TestSpares:
    @pytest.fixture
    def limits(self) -> EngineLimits:
        return EngineLimits(spares=2)

    async def test_a_spare_serves_a_first_call_and_is_replaced(self, engine: Engine) -> None:
        await until(lambda: engine.service.counts().spare == 2)
        spares = {info.id for info in engine.service.snapshot()}
        first = await engine.invoke(deployment(ECHO), 1)
        assert first.instance_id in spares
        assert first.cold_start
        assert (first.queue_us, value(first)) == (0, 1)
        await until(lambda: engine.service.counts() == PoolCounts(spare=2, idle=1))

    async def test_spares_follow_the_shapes_that_are_asked_for(self, engine: Engine) -> None:
        await until(lambda: engine.service.counts().spare == 2)
        await engine.invoke(deployment(ECHO, memory_mb=64), 1)
        await until(lambda: engine.service.counts() == PoolCounts(spare=2, idle=1))
        second = await engine.invoke(deployment(ECHO, memory_mb=64, function_id="other"), 1)
        assert second.init_us < 1_000_000
        assert second.cold_start

    async def test_many_first_calls_at_once(self, engine: Engine) -> None:
        many = [deployment(ECHO, function_id=f"many{n}") for n in range(8)]
        outcomes = await asyncio.gather(*(engine.invoke(one, n) for n, one in enumerate(many)))
        assert [value(outcome) for outcome in outcomes] == list(range(8))

    async def test_spares_follow_the_load_and_go_with_it(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(placement, "LOAD_S", 3600.0)
        many = [deployment(ECHO, function_id=f"many{n}") for n in range(6)]
        await asyncio.gather(*(engine.invoke(one, n) for n, one in enumerate(many)))
        await until(lambda: engine.service.counts().spare >= 5, within_s=60)
        assert engine.service.counts().spare <= 8, "four times the usual number is the most"
        monkeypatch.setattr(placement, "LOAD_S", 0.0)
        engine.service._placement._fade()
        await until(lambda: engine.service.counts() == PoolCounts(spare=2, idle=6))


async def test_changes_of_the_pool_are_told_now_and_then(engine: Engine) -> None:
    told: list[PoolCounts] = []
    engine.service._on_change = told.append
    for n in range(50):
        await engine.invoke(deployment(ECHO), n)
    await until(lambda: told and told[-1] == PoolCounts(idle=1))
    assert len(told) < 25


async def test_events_of_many_callers_do_not_mix(engine: Engine) -> None:
    busy = deployment(
        "import time\ndef handler(event):\n    time.sleep(0.001)\n    print(event)\n    return event\n", max_instances=3
    )

    async def caller(number: int) -> None:
        for turn in range(10):
            outcome = await engine.invoke(busy, [number, turn])
            assert value(outcome) == [number, turn]
            assert [entry.text for entry in outcome.logs] == [str([number, turn])]

    await asyncio.gather(*(caller(number) for number in range(6)))
    assert len(engine.service.snapshot()) <= 3
