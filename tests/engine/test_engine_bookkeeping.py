"""What the engine counts stays true, and each call ends once, whatever comes in which order: on a stand-in driver."""

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
from engine_support import deployment
from stand_in import Loop, StandIn, keep_time

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine import pipeline
from clowdy_tui.engine.call import Call
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Outcome

STEPS = 250
SEEDS = range(24)

# What happens, and how often. The runner's part is told, too: when it takes a call, ends one, and is heard.
WEIGHTS = {
    "begin": 10.0,
    "burst": 2.0,
    "cancel": 5.0,
    "take": 20.0,
    "result": 20.0,
    "hear": 10.0,
    "ValueError": 1.0,
    "MemoryError": 0.5,
    "stream": 1.0,
    "end": 1.0,
    "out of memory": 0.3,
    "time": 6.0,
    "turns": 10.0,
    "retire": 0.5,
    "save": 0.5,
    "kill": 0.5,
    "warm": 1.0,
    "give up warming": 0.5,
    "down": 0.05,
    "up": 0.5,
}


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    made = Loop()
    keep_time(monkeypatch, made)
    yield made
    made.close()
    assert not made.errors


def some(rng: random.Random) -> list[Deployment]:
    return [
        deployment(
            rng.choice(["def", "async"]),
            function_id=f"f{number}",
            owner=f"owner {number % 2}",
            environment={"KEY": f"{number} 1"},
            concurrency=rng.choice([1, 1, 3]),
            max_instances=rng.choice([1, 2, 4]),
            min_instances=rng.choice([0, 0, 1]),
            max_queue=rng.choice([2, 5, 50]),
            timeout_s=rng.choice([0.5, 3.0]),
            memory_mb=rng.choice([64, 128, 256]),
        )
        for number in range(4)
    ]


class World:
    """An engine, its callers and its sandboxes, all of which do what chance wants."""

    def __init__(self, seed: int, loop: Loop) -> None:
        self.rng = rng = random.Random(seed)
        self.loop = loop
        self.driver = StandIn(rng, chance=True)
        self.service = self.driver.service(
            EngineLimits(
                spares=rng.choice([0, 2, 4]),
                memory_budget_mb=rng.choice([512, 1024]),
                max_idle=rng.choice([1, 4, 100]),
                idle_timeout_s=rng.choice([1, 30]),
                boot_timeout_s=2.0,
                max_event_bytes=100_000,
            )
        )
        self.deployments = some(rng)
        self.calls: dict[str, Call] = {}
        self.told: Counter[str] = Counter()
        self.cancelled: set[str] = set()
        self.warming: dict[asyncio.Task[None], None] = {}
        self.going = True

    async def run(self) -> None:
        await self.service.start()
        for _ in range(STEPS):
            await self.do(*self.rng.choices(list(WEIGHTS), list(WEIGHTS.values())))
            if self.rng.random() < 0.3:
                await self.loop.quiet()
                self.check()
        self.driver.up, self.going = True, False
        if self.rng.random() < 0.3:
            await self.close()
        else:
            await self.come_to_an_end()
            await self.service.close()
        for name in self.calls:
            assert self.told[name] == (name not in self.cancelled), name
        assert not [name for name, times in self.driver.ran.items() if times > 1]
        assert not self.driver.boxes

    async def do(self, what: str) -> None:
        rng, boxes = self.rng, list(self.driver.boxes)
        wanted = rng.choice(self.deployments)
        if what == "begin":
            self.begin(wanted)
        elif what == "burst":
            for _ in range(rng.randrange(2, 9)):
                self.begin(wanted)
        elif what == "cancel":
            self.cancel()
        elif what in {"take", "result", "hear"}:
            for box in boxes:
                if rng.random() < 0.7:
                    if what == "result":
                        box.finish(what)
                    if what != "hear":
                        box.take()
                    if what == "hear" or rng.random() < 0.4:
                        box.hear()
        elif what == "time":
            await asyncio.sleep(rng.choice([0.001, 0.01, 0.02, 0.1, 1]))
        elif what == "turns":
            for _ in range(rng.choice([1, 1, 2, 4])):
                await asyncio.sleep(0)
        elif what == "retire":
            self.service.retire(wanted.function_id)
        elif what == "save":
            changed = replace(wanted, version=wanted.version + 1, environment={"KEY": f"{wanted.function_id} saved"})
            self.deployments[self.deployments.index(wanted)] = changed
            self.service.retire(changed.function_id, changed.key)
        elif what == "warm":
            task = asyncio.create_task(self.warm(wanted))
            self.warming[task] = None
            task.add_done_callback(self.warming.pop)
        elif what == "give up warming" and self.warming:
            rng.choice(list(self.warming)).cancel()
        elif what in {"up", "down"}:
            self.driver.up = what == "up"
        elif boxes:
            box = rng.choice(boxes)
            if what == "kill":
                await self.service.kill(box.id)
            elif what in {"end", "out of memory"}:
                box.end(1, out_of_memory=what == "out of memory")
            else:
                box.finish(what)

    def begin(self, what: Deployment) -> None:
        name = f"{len(self.calls):016x}"
        size = self.rng.choices([0, 20_000, 200_000], [90, 10, 1])[0]

        def done(outcome: Outcome) -> None:
            self.told[name] += 1
            if outcome.output is not None:
                assert json.loads(outcome.output) == name, "another call's answer"
            assert "wrote to its channel" not in (outcome.error_message or ""), "its runner said nothing out of turn"
            if self.going and self.rng.random() < 0.2:
                self.begin(what)

        event = json.dumps({"key": what.environment["KEY"], "text": "x" * size}).encode()
        self.calls[name] = self.service.begin(what, event, invocation_id=name, done=done)

    def cancel(self) -> None:
        under_way = [name for name in self.calls if not self.told[name] and name not in self.cancelled]
        for name in self.rng.sample(under_way, min(len(under_way), self.rng.choice([1, 1, 2, 5]))):
            if not self.told[name]:
                self.cancelled.add(name)
                self.service.cancel(self.calls[name])

    async def warm(self, what: Deployment) -> None:
        with contextlib.suppress(DriverUnavailable):
            await self.service.warm(what)

    async def close(self) -> None:
        closing = asyncio.create_task(self.service.close())
        for _ in range(self.rng.randrange(4)):
            self.begin(self.rng.choice(self.deployments))
            for _ in range(self.rng.randrange(3)):
                await asyncio.sleep(0)
        await closing
        await self.loop.quiet()

    async def come_to_an_end(self) -> None:
        """All calls and what waits for instances; then nothing is left of any deployment."""
        for _ in range(200):
            for box in list(self.driver.boxes):
                box.finish("result")
                box.take()
                box.hear()
            await asyncio.sleep(0.1)
        await self.loop.quiet()
        self.check()
        for what in self.deployments:
            self.service.retire(what.function_id)
        await self.loop.quiet()
        self.check()
        assert not self.service._assignment._pools
        assert not self.service._assignment.idle_count

    def check(self) -> None:
        """That all that is counted and listed is so, at a moment in which nobody has anything to do."""
        assignment, placement = self.service._assignment, self.service._placement
        held = Counter(call.worker for call in self.calls.values() if call.worker is not None)
        loading = {one for one in placement.workers.values() if one._loaded is not None and not one._loaded.done()}
        spares = [one for shape in placement._spares.values() for one in shape]
        owned = [one for pool in assignment._pools.values() for one in pool.live]
        assert len(set(owned + spares)) == len(owned + spares)
        for key, pool in assignment._pools.items():
            assert not pool.empty
            assert len(pool.live) + pool.starting <= pool.deployment.max_instances
            assert pool.live.issuperset(pool.open)
            assert len(set(pool.open)) == len(pool.open)
            for one in pool.live:
                assert one.state != "gone"
                assert one.deployment is not None
                assert one.deployment.key == key
                assert one.taken == held[one] + (one in loading)
                assert (one.state == "busy") == (one.taken > 0)
                assert (one in assignment._idle) == (not one.taken)
                assert (one in pool.open) == (one.taken < one.width and not one.spent)
                assert one.width == 1 or not any(call.streamed for call in one._calls.values()) or one._several
            if any(not waiter.done() for waiter in pool.waiters):
                assert not pool.open or self.warming
                assert not pool.lacks() or key in assignment._starved
                # Who wants room has what can be had.
                used_mb = placement.used_mb - assignment._could_free_mb()
                assert not pool.lacks() or used_mb + pool.deployment.memory_mb > self.service._limits.budget_mb
        assert all(one.state == "spare" and one.deployment is None and not one.taken for one in spares)
        assert all(
            one.state in {"starting", "gone"} for one in set(placement.workers.values()).difference(owned, spares)
        )
        assert set(assignment._idle) <= set(owned)
        assert placement.used_mb == sum(one.shape.memory_mb for one in placement.workers.values())
        assert placement.used_mb <= self.service._limits.budget_mb
        tasks = Counter(getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())
        starting = sum(pool.starting for pool in assignment._pools.values())
        assert starting == placement._awaited == tasks["AssignmentService._start"]
        assert sum(placement._refilling.values()) == tasks["PlacementService._make_spare"]


@pytest.mark.parametrize("quick", [False, True])
def test_all_counts_are_true_whatever_happens(quick: bool, loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    if quick:
        # Handlers are known to be quick after one call, and a stall is forgotten after some.
        monkeypatch.setattr(pipeline, "_UNKNOWN_US", 5.0)
        monkeypatch.setattr(pipeline, "_DOUBTS", 4)
    for seed in SEEDS:
        try:
            loop.run_until_complete(World(seed, loop).run())
        except BaseException as error:
            error.add_note(f"with the seed {seed}")
            raise


class Scene:
    """An engine on boxes that do only what they are told."""

    def __init__(self, **limits: Any) -> None:
        self.driver = StandIn(random.Random(0))
        self.service: InvokeService = self.driver.service(EngineLimits(**{"spares": 0, **limits}))

    def begin(self, what: Deployment, event: bytes = b'{"key":"a"}') -> tuple[Call, list[Outcome]]:
        outcomes: list[Outcome] = []
        name = f"{len(self.driver.ran):016x}"
        return self.service.begin(what, event, invocation_id=name, done=outcomes.append), outcomes

    async def play(self, scene: Coroutine[Any, Any, None]) -> None:
        await self.service.start()
        await scene
        await self.service.close()


def probe(code: str = "def", **changes: Any) -> Deployment:
    return deployment(code, environment={"KEY": "a"}, **changes)


def test_a_warmed_spare_of_a_function_that_takes_several_calls_is_used(loop: Loop) -> None:
    scene = Scene(spares=1)
    what = probe("async", concurrency=4, max_instances=1)

    async def play() -> None:
        await loop.quiet()
        (box,) = scene.driver.boxes
        box.ready()
        await loop.quiet()
        warming = asyncio.create_task(scene.service.warm(what))
        await loop.quiet()
        box.take()
        box.hear()
        await warming
        calls = [scene.begin(what) for _ in range(4)]
        await loop.quiet()
        for _ in calls:
            box.take()
        assert len(box.running) == 4
        for _ in calls:
            box.finish("result")
        box.hear()
        assert [len(outcomes) for _, outcomes in calls] == [1] * 4

    loop.run_until_complete(scene.play(play()))


def test_warming_makes_no_more_instances_than_may_be(loop: Loop) -> None:
    """One starts for a call when a spare comes, which is not to be the second."""
    scene = Scene(spares=1)
    what = probe(max_instances=1)

    async def play() -> None:
        await loop.quiet()
        scene.begin(what)
        await loop.quiet()
        spare, awaited = scene.driver.boxes
        spare.ready()
        await loop.quiet()
        warming = asyncio.create_task(scene.service.warm(what))
        await loop.quiet()
        awaited.ready()
        await loop.quiet()
        assert [len(box.mail) for box in (spare, awaited)].count(1) == 1
        warming.cancel()

    loop.run_until_complete(scene.play(play()))


@pytest.mark.parametrize("event", [b'{"key":"a"}', b"x" * 20])
def test_who_gave_up_is_not_told_that_the_call_was_refused(event: bytes, loop: Loop) -> None:
    scene = Scene(max_event_bytes=12)
    scene.driver.up = len(event) > 12

    async def play() -> None:
        call, outcomes = scene.begin(probe(), event)
        scene.service.cancel(call)
        await loop.quiet()
        assert outcomes == []

    loop.run_until_complete(scene.play(play()))


def test_a_fault_while_a_sandbox_is_made_ends_the_call_and_no_more(loop: Loop) -> None:
    scene = Scene()
    what = probe(max_instances=1)

    async def play() -> None:
        scene.driver.fault = ValueError("a fault")
        _, refused = scene.begin(what)
        await loop.quiet()
        scene.driver.fault = None
        _, answered = scene.begin(what)
        await loop.quiet()
        (box,) = scene.driver.boxes
        await box.serve(loop)
        assert [outcome.status for outcome in refused + answered] == ["crashed", "success"]

    loop.run_until_complete(scene.play(play()))


def test_who_waits_for_memory_gets_that_of_a_sandbox_that_nobody_needs_any_more(loop: Loop) -> None:
    scene = Scene(spares=1, memory_budget_mb=384)
    large, other = probe(memory_mb=256), probe(memory_mb=256, function_id="f2", network_enabled=True)

    async def play() -> None:
        await loop.quiet()
        call, _ = scene.begin(large)
        await loop.quiet()
        _, answered = scene.begin(other)
        await loop.quiet()
        _, made = scene.driver.boxes
        scene.service.cancel(call)
        made.ready()
        await loop.quiet()
        box = scene.driver.boxes[-1]
        assert box is not made
        await box.serve(loop)
        assert [outcome.status for outcome in answered] == ["success"]

    loop.run_until_complete(scene.play(play()))


def test_no_call_waits_behind_one_that_streams(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_UNKNOWN_US", 5.0)
    monkeypatch.setattr(pipeline, "_DOUBTS", 1)
    scene = Scene()
    what = probe()

    async def play() -> None:
        scene.begin(what)
        await loop.quiet()
        (box,) = scene.driver.boxes
        await box.serve(loop)
        scene.begin(what)
        box.take()
        box.finish("stream", ends=False)
        box.hear()
        scene.begin(what)
        assert not box.mail
        await loop.quiet()
        _, other = scene.driver.boxes
        other.ready()
        # Nor where others are so quick that calls may wait again.
        for _ in range(4):
            await loop.quiet()
            other.take()
            other.finish("result")
            other.hear()
            scene.begin(what)
        assert not box.mail

    loop.run_until_complete(scene.play(play()))
