import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import Forbidden, InvalidInput, NotFound
from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch, OutcomeStatus, ProjectIn, ProjectPatch
from clowdy_tui.engine.call import Done
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.outcome import LogEntry, Outcome
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.directory import Target
from clowdy_tui.services.platform import Platform

ECHO = "def handler(event, context):\n    print('got', event)\n    return event\n"


@pytest.fixture
async def target(platform: Platform) -> Target:
    project = await platform.projects.create(LOCAL, ProjectIn(name="Shop"))
    function = await platform.functions.create(LOCAL, FunctionIn(name="echo", code=ECHO, project_id=project.id))
    return now(platform, function.id)


def now(platform: Platform, function_id: str) -> Target:
    found = platform.directory.function(function_id)
    assert found is not None
    return found


async def call(platform: Platform, target: Target, event: bytes = b'{"a":1}', **more: object) -> str:
    """Call a function; the id of the call."""
    number = names.new_invocation_id()
    options = {"source": "api", "actor_owns": True, "invocation_id": number, **more}
    await platform.invocations.invoke(target, event, **options)  # type: ignore[arg-type]
    return names.format_invocation_id(number)


async def test_a_call_is_run_shown_and_kept(platform: Platform, target: Target, engine: FakeEngine) -> None:
    id_ = await call(platform, target, source="gateway", http_method="GET", http_path="/hello/Ada")
    assert engine.calls == [(target.deployment, b'{"a":1}', id_)]
    started, log, finished = platform.bus.kept()[-3:]
    about = {
        "invocation_id": id_,
        "function_id": target.deployment.function_id,
        "project_id": target.project_id,
        "function_name": "echo",
        "version": 1,
        "source": "gateway",
        "http_method": "GET",
        "http_path": "/hello/Ada",
    }
    assert (started.type, started.data, started.owner) == (events.INVOCATION_STARTED, about, "local")
    assert log.type == events.INVOCATION_LOG
    assert log.data["lines"] == [{"stream": "stdout", "text": "got {'a': 1}", "at_us": 1}]
    assert finished.type == events.INVOCATION_FINISHED
    assert finished.data.items() >= (about | {"status": "success", "duration_us": 5}).items()
    assert "error_message" not in finished.data
    for event in (started, log, finished):
        assert json.loads(json.dumps(event.data)) == event.data
    kept = await platform.invocations.get(LOCAL, id_)
    assert (kept.input, kept.output, kept.status, kept.http_path) == ('{"a":1}', '{"a": 1}', "success", "/hello/Ada")
    assert [(line.stream, line.text) for line in kept.logs] == [("stdout", "got {'a': 1}")]
    assert (await platform.invocations.list(LOCAL))[0].id == id_


@pytest.mark.parametrize("status", [status for status in OutcomeStatus if status != "success"])
async def test_however_it_ends_it_is_kept(
    platform: Platform, target: Target, engine: FakeEngine, status: OutcomeStatus
) -> None:
    engine.answer = lambda _deployment, _event: Outcome(
        status, error_type="Boom", error_message="m" * 5000, stack_trace="trace", run_us=7, queue_us=3, memory_kb=2048
    )
    kept = await platform.invocations.get(LOCAL, await call(platform, target))
    assert (kept.status, kept.error_type, kept.stack_trace, kept.output) == (status, "Boom", "trace", None)
    assert (kept.duration_us, kept.duration_ms, kept.queue_us, kept.memory_mb) == (7, 0.007, 3, 2.0)
    told = platform.bus.kept()[-1].data
    assert (told["status"], len(told["error_message"]), told["memory_mb"]) == (status, 500, 2.0)


async def test_a_cancelled_call_is_kept_as_such_and_cancelled_on(
    platform: Platform, target: Target, engine: FakeEngine
) -> None:
    engine.hang = True
    number = names.new_invocation_id()
    task = asyncio.ensure_future(
        platform.invocations.invoke(target, b"1", source="api", actor_owns=True, invocation_id=number)
    )
    await engine.started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = await platform.invocations.get(LOCAL, names.format_invocation_id(number))
    assert (kept.status, kept.input) == ("cancelled", "1")
    assert platform.bus.kept()[-1].data["status"] == "cancelled"


async def test_a_fault_of_the_engine_is_kept_and_raised_on(
    platform: Platform, target: Target, engine: FakeEngine
) -> None:
    def fail(_deployment: Deployment, _event: bytes) -> Outcome:
        raise ZeroDivisionError("ours")

    engine.answer = fail
    with pytest.raises(ZeroDivisionError):
        await call(platform, target)
    await platform.invocations.flush()
    (kept,) = await platform.invocations.list(LOCAL)
    assert (kept.status, kept.error_type) == ("crashed", "ZeroDivisionError")


async def test_log_lines_come_while_it_runs_and_in_batches(
    platform: Platform, target: Target, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = asyncio.Event()

    async def run(on_log: Callable[[LogEntry], None], done: Done) -> None:
        for number in range(500):
            on_log(LogEntry("stdout", f"line {number}", number))
        await go_on.wait()
        on_log(LogEntry("stderr", "last", 9))
        done(Outcome(OutcomeStatus.SUCCESS, output=b"1"))

    begun = []

    def begin(_deployment: object, _event: object, *, on_log: Any, done: Done, **_: object) -> object:
        begun.append(asyncio.ensure_future(run(on_log, done)))
        return object()

    monkeypatch.setattr(engine, "begin", begin)
    running = asyncio.ensure_future(call(platform, target))

    def lines() -> list[int]:
        return [len(event.data["lines"]) for event in platform.bus.kept() if event.type == events.INVOCATION_LOG]

    async with asyncio.timeout(60):
        while lines() != [500]:
            await asyncio.sleep(0.005)
    assert not running.done()
    go_on.set()
    await running
    assert lines() == [500, 1]
    assert platform.bus.kept()[-1].type == events.INVOCATION_FINISHED


async def test_bodies_are_cut_to_size(platform: Platform, target: Target, engine: FakeEngine) -> None:
    most = platform.config.capture_bytes
    engine.answer = lambda _deployment, event: Outcome(OutcomeStatus.SUCCESS, output=event)
    body = json.dumps("é" * most, ensure_ascii=False).encode()
    kept = await platform.invocations.get(LOCAL, await call(platform, target, body))
    assert kept.input_truncated
    assert kept.output_truncated
    assert kept.input == kept.output
    assert kept.input is not None
    assert body.decode().startswith(kept.input)
    assert most - 1 <= len(kept.input.encode()) <= most
    small = await platform.invocations.get(LOCAL, await call(platform, target, b'"' + b"x" * (most - 2) + b'"'))
    assert not small.input_truncated


async def test_what_authenticates_a_caller_is_not_kept(platform: Platform, target: Target, engine: FakeEngine) -> None:
    event = json.dumps({"headers": {"authorization": "Bearer s3cret", "x": "y"}, "cookies": {"sid": "s3cret"}}).encode()
    id_ = await call(platform, target, event, source="gateway")
    assert engine.calls[0][1] == event
    kept = await platform.invocations.get(LOCAL, id_)
    assert kept.input == '{"headers": {"authorization": "****", "x": "y"}, "cookies": "****"}'
    assert "s3cret" not in (kept.output or "")


@pytest.mark.parametrize(("capture", "kept"), [("all", [True, True]), ("errors", [False, True]), ("none", [False] * 2)])
async def test_a_project_decides_what_is_kept(
    platform: Platform, target: Target, engine: FakeEngine, capture: str, kept: list[bool]
) -> None:
    assert target.project_id is not None
    patch = ProjectPatch.model_validate({"capture": capture})
    assert (await platform.projects.update(LOCAL, target.project_id, patch)).capture == capture
    target = now(platform, target.deployment.function_id)
    found = []
    for status in (OutcomeStatus.SUCCESS, OutcomeStatus.ERROR):
        engine.answer = lambda _deployment, _event, status=status: Outcome(  # type: ignore[misc]
            status, output=b"1", error_message="m", logs=[LogEntry("stdout", "x", 1)]
        )
        one = await platform.invocations.get(LOCAL, await call(platform, target))
        found.append(one.input is not None)
        assert bool(one.logs) == bool(one.error_message) == (one.input is not None)
    assert found == kept


async def test_another_version_is_for_the_owner(platform: Platform, target: Target, engine: FakeEngine) -> None:
    function_id = target.deployment.function_id
    await platform.functions.update(LOCAL, function_id, FunctionPatch(code="x = 2"))
    target = now(platform, function_id)
    id_ = await call(platform, target, version=1)
    assert engine.calls[-1][0].files["function.py"] == ECHO
    assert (await platform.invocations.get(LOCAL, id_)).version == 1
    await call(platform, target, version=2, actor_owns=False)
    with pytest.raises(Forbidden):
        await call(platform, target, version=1, actor_owns=False)
    with pytest.raises(NotFound, match="Version not found"):
        await call(platform, target, version=3)
    await platform.functions.update(LOCAL, function_id, FunctionPatch(memory_mb=512))
    await call(platform, now(platform, function_id), version=1)
    assert engine.calls[-1][0].memory_mb == 512


async def test_lists_are_narrowed_and_go_on_from_an_id(platform: Platform, target: Target, engine: FakeEngine) -> None:
    ids = []
    for number in range(6):
        status = OutcomeStatus.ERROR if number % 3 == 0 else OutcomeStatus.SUCCESS
        engine.answer = lambda _deployment, event, status=status: Outcome(  # type: ignore[misc]
            status, output=event, logs=[LogEntry("stdout", "100% [sure]", 1)]
        )
        source = "gateway" if number % 2 else "api"
        ids.append(await call(platform, target, f'"n{number}"'.encode(), source=source, http_path=f"/p{number}"))
    await platform.invocations.flush()
    newest = ids[::-1]

    async def listed(**wanted: object) -> list[str]:
        return [one.id for one in await platform.invocations.list(LOCAL, **wanted)]  # type: ignore[arg-type]

    assert await listed() == newest
    assert await listed(limit=2) == newest[:2]
    assert await listed(before=newest[1]) == newest[2:]
    assert await listed(function_id=target.deployment.function_id, limit=3) == newest[:3]
    assert await listed(status="error") == [ids[3], ids[0]]
    assert await listed(status=["error", "success"]) == newest
    assert await listed(source="gateway") == [ids[5], ids[3], ids[1]]
    assert await listed(q="N4") == [ids[4]]
    assert await listed(q="/p2") == [ids[2]]
    assert await listed(q="0% [s") == newest
    assert await listed(q="1__%") == []
    first = (await platform.invocations.get(LOCAL, ids[0])).created_at
    assert await listed(since=first) == newest
    assert await listed(since=first + timedelta(hours=1)) == []
    assert await listed(until=first) == []
    assert await listed(until=first + timedelta(hours=1)) == newest
    assert await listed(since=first.replace(tzinfo=None)) == newest
    with pytest.raises(InvalidInput):
        await listed(before="nonsense")


@pytest.mark.parametrize("id_", ["", "nonsense", "0" * 16, "f" * 16, "7" * 16])
async def test_no_such_call(platform: Platform, id_: str) -> None:
    with pytest.raises(NotFound, match="Invocation not found"):
        await platform.invocations.get(LOCAL, id_)


async def test_a_call_that_outlives_its_function_leaves_nothing(
    platform: Platform, target: Target, engine: FakeEngine
) -> None:
    engine.hang = True
    task = asyncio.ensure_future(call(platform, target))
    await engine.started.wait()
    await platform.functions.delete(LOCAL, target.deployment.function_id)
    await platform.functions._purge.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await platform.invocations.flush()
    assert await platform.invocations.list(LOCAL) == []


async def test_a_fault_while_a_database_is_started_keeps_no_call_waiting(platform: Platform, target: Target) -> None:
    class Clusters:
        calls = 0

        def begin_call(self, reference: str) -> bool:
            self.calls += 1
            return False

        async def wake(self, reference: str) -> None:
            raise OSError("Too many open files")

        def end_call(self, reference: str) -> None:
            self.calls -= 1

    place = platform.invocations._place
    place.clusters = clusters = Clusters()
    async with asyncio.timeout(60):
        id_ = await call(platform, replace(target, database="d00000000001"))
    kept = await platform.invocations.get(LOCAL, id_)
    assert kept.status == "success"
    assert kept.logs[0].text == "Clowdy: the project's database cannot be used; Clowdy's log says why"
    assert (clusters.calls, place.running) == (0, 0)
