"""Calls that wait in an instance behind a quick one, on every driver: each runs once, and none waits for long."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from engine_support import Engine, deployment, texts, until, value

from clowdy_tui.engine import worker
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.pipeline import MOST

# Inside each sandbox the runner is process 1: what tells instances apart is made when the code is imported. What a call
# prints shows that it ran, and how often.
CODE = """
import os, time
name = os.urandom(4).hex()
def handler(event):
    print("began", event.get("number"))
    if "sleep" in event:
        time.sleep(event["sleep"])
    if "exit" in event:
        os._exit(event["exit"])
    if "raw" in event:
        os.write(1, b"written past\\n")
    if "memory" in event:
        raise MemoryError
    return {"name": name, "size": len(event.get("text", ""))}
"""


@pytest.fixture
def limits() -> EngineLimits:
    return EngineLimits(spares=0)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is not about stalls: a busy machine must not make one."""
    monkeypatch.setattr(worker, "_STALL_S", 30.0)


async def quickened(engine: Engine, what: Deployment, at_least: int = MOST) -> str:
    """Call until so many may be in an instance at once; what the instance answers as its name."""
    named = set()
    async with asyncio.timeout(60):
        while width(engine, what) < at_least:
            named.add(value(await engine.invoke(what, {}))["name"])
    (name,) = named
    return str(name)


def width(engine: Engine, what: Deployment) -> int:
    pool = engine.service._assignment._pools.get(what.key)
    return 0 if pool is None else pool.width


async def at_once(engine: Engine, what: Deployment, events: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Begin all of them before the sandbox can have answered the first."""
    return await asyncio.gather(*(engine.invoke(what, event | {"number": n}) for n, event in enumerate(events)))


def names(outcomes: Sequence[Outcome]) -> list[str]:
    return [value(outcome)["name"] for outcome in outcomes]


def began(outcomes: Sequence[Outcome]) -> list[list[str]]:
    return [texts(outcome, "stdout") for outcome in outcomes]


async def test_quick_calls_wait_in_the_instance_that_works(engine: Engine, patience: None) -> None:
    what = deployment(CODE)
    name = await quickened(engine, what)
    outcomes = await at_once(engine, what, [{}] * MOST)
    assert names(outcomes) == [name] * MOST
    assert began(outcomes) == [[f"began {number}"] for number in range(MOST)]
    assert not any(outcome.cold_start for outcome in outcomes)
    assert len(engine.service.snapshot()) == 1
    # Whoever came later waited for the others, and that is told as waiting.
    assert outcomes[-1].queue_us > 0
    assert engine.service.counts().idle == 1


async def test_more_than_may_wait_there_wait_with_us(engine: Engine) -> None:
    what = deployment(CODE, max_instances=1)
    name = await quickened(engine, what)
    outcomes = await at_once(engine, what, [{}] * 3 * MOST)
    assert names(outcomes) == [name] * 3 * MOST
    assert began(outcomes) == [[f"began {number}"] for number in range(3 * MOST)]


async def test_a_call_that_takes_long_does_not_hold_up_those_behind_it(engine: Engine) -> None:
    what = deployment(CODE, timeout_s=60.0)
    name = await quickened(engine, what)
    slow = asyncio.create_task(engine.invoke(what, {"sleep": 60}))
    outcomes = await at_once(engine, what, [{}] * 5)
    assert not slow.done()
    assert name not in names(outcomes)
    assert began(outcomes) == [[f"began {number}"] for number in range(5)]
    # Nobody waits for a while.
    assert width(engine, what) == 1
    slow.cancel()


async def test_an_instance_goes_on_after_a_call_that_took_long(engine: Engine) -> None:
    what = deployment(CODE, max_instances=1)
    name = await quickened(engine, what)
    outcomes = await at_once(engine, what, [{"sleep": 0.1}, *[{}] * 5])
    assert names(outcomes) == [name] * 6
    assert began(outcomes) == [[f"began {number}"] for number in range(6)]
    assert engine.service.counts().busy == 0


async def test_what_a_dying_instance_had_not_begun_runs_elsewhere_and_once(engine: Engine) -> None:
    what = deployment(CODE)
    name = await quickened(engine, what)
    first, *others = await at_once(engine, what, [{"exit": 3}] + [{}] * 6)
    assert (first.status, texts(first)) == ("crashed", ["began 0"])
    assert name not in names(others)
    assert began(others) == [[f"began {number}"] for number in range(1, 7)]


async def test_an_instance_that_is_out_of_memory_runs_nothing_more(engine: Engine) -> None:
    what = deployment(CODE)
    await quickened(engine, what)
    # It sleeps before, so that nothing behind it can have begun when the end of it is known.
    first, *others = await at_once(engine, what, [{"sleep": 0.005, "memory": 1}] + [{}] * 4)
    assert first.status == "out_of_memory"
    assert [outcome.status for outcome in others] == ["success"] * 4
    assert began(others) == [[f"began {number}"] for number in range(1, 5)]
    await until(lambda: all(info.calls < 100 for info in engine.service.snapshot()))


async def test_time_is_up_for_the_one_that_runs_alone(engine: Engine) -> None:
    what = deployment(CODE, timeout_s=1.0)
    await quickened(engine, what)
    first, *others = await at_once(engine, what, [{"sleep": 60}] + [{}] * 4)
    assert first.status == "timeout"
    assert [outcome.status for outcome in others] == ["success"] * 4


async def test_a_waiting_call_that_is_cancelled_does_not_run_and_ends_nothing(engine: Engine, patience: None) -> None:
    what = deployment(CODE)
    name = await quickened(engine, what)
    slow, unwanted, last = (
        asyncio.create_task(engine.invoke(what, event))
        for event in ({"sleep": 0.005, "number": 0}, {"number": 1, "exit": 3}, {"number": 2})
    )
    await asyncio.sleep(0)
    unwanted.cancel()
    outcomes = await asyncio.gather(slow, last)
    assert began(outcomes) == [["began 0"], ["began 2"]]
    assert names(outcomes)[0] == name
    assert unwanted.cancelled()
    assert names([await engine.invoke(what, {})]) == [name]


async def test_a_running_call_that_is_cancelled_takes_its_instance_and_nobody_else(
    engine: Engine, patience: None
) -> None:
    what = deployment(CODE)
    name = await quickened(engine, what)
    running = asyncio.create_task(engine.invoke(what, {"sleep": 60}))
    others = asyncio.create_task(at_once(engine, what, [{}] * 3))
    await until(lambda: sum(instance.taken for instance in engine.service._assignment._pools[what.key].live) == 4)
    running.cancel()
    outcomes = await others
    assert began(outcomes) == [[f"began {number}"] for number in range(3)]
    assert name not in names(outcomes)


async def test_one_of_several_at_once_that_is_cancelled_leaves_the_others_their_calls(engine: Engine) -> None:
    what = deployment(CODE.replace("def handler", "async def handler"), concurrency=8)
    name = value(await engine.invoke(what, {}))["name"]
    calls = [asyncio.create_task(engine.invoke(what, {"number": number})) for number in range(5)]
    # Sent, and not read by anybody yet.
    await asyncio.sleep(0)
    calls[0].cancel()
    outcomes = await asyncio.gather(*calls[1:])
    assert began(outcomes) == [[f"began {number}"] for number in range(1, 5)]
    assert names(outcomes) == [name] * 4


async def test_what_comes_while_an_instance_dies_runs_elsewhere(engine: Engine) -> None:
    what = deployment(CODE)
    await quickened(engine, what)
    dying = asyncio.create_task(engine.invoke(what, {"exit": 3}))
    others = []
    while not dying.done() and len(others) < 90:
        others.append(asyncio.create_task(engine.invoke(what, {"number": len(others)})))
        await asyncio.sleep(0.0005)
    assert (await dying).status == "crashed"
    assert began(await asyncio.gather(*others)) == [[f"began {number}"] for number in range(len(others))]


async def test_of_several_at_once_none_is_begun_twice_for_what_another_was_sent(engine: Engine) -> None:
    what = deployment(CODE.replace("def handler", "async def handler"), concurrency=2)
    await engine.invoke(what, {})
    lines: list[str] = []
    dying = engine.invoke(what, {"sleep": 0.3, "exit": 3, "number": 0}, on_log=lambda entry: lines.append(entry.text))
    # The runner is held up, and does not read what is sent meanwhile.
    outcomes = await asyncio.gather(dying, engine.invoke(what, {"text": "x" * 100_000}))
    assert outcomes[0].status == "crashed"
    assert lines == ["began 0"]


async def test_a_caller_who_leaves_as_an_instance_comes_leaves_it_to_nobody_it_is_not_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    what = deployment(CODE, concurrency=4)
    assigning = engine.service._assignment
    fill = assigning._fill
    call = engine.service.begin(what, b"{}", invocation_id="0" * 16, done=lambda _: None)

    def leave(pool: Any, instance: worker.Worker) -> bool:
        filled = fill(pool, instance)
        engine.service.cancel(call)
        monkeypatch.undo()
        return filled

    monkeypatch.setattr(assigning, "_fill", leave)
    await until(lambda: call.search is not None and call.search.done())
    other = deployment(CODE, function_id="f00000000002", owner="somebody else")
    assert value(await engine.invoke(other, {}))
    assert value(await engine.invoke(what, {}))
    for pool in assigning._pools.values():
        assert {instance.deployment.key for instance in pool.open if instance.deployment} == {pool.deployment.key}


async def test_code_that_streams_has_its_calls_alone(engine: Engine) -> None:
    what = deployment(
        CODE.replace('    if "raw"', '    if "stream" in event:\n        return iter(["a", "b"])\n    if "raw"')
    )
    await quickened(engine, what)
    streamed, *others = await at_once(engine, what, [{"stream": 1}] + [{}] * 4)
    assert value(streamed) == "ab"
    assert began(others) == [[f"began {number}"] for number in range(1, 5)]
    for _ in range(100):
        await engine.invoke(what, {})
    assert width(engine, what) == 1


async def test_what_was_replaced_goes_though_its_calls_had_to_be_begun_elsewhere(engine: Engine) -> None:
    what = deployment(CODE, min_instances=1)
    await quickened(engine, what)
    calls = asyncio.create_task(at_once(engine, what, [{"sleep": 0.1}] + [{}] * 3))
    await until(lambda: engine.service.counts().busy == 1)
    engine.service.retire(what.function_id, "another")
    assert [outcome.status for outcome in await calls] == ["success"] * 4
    await until(lambda: not engine.service.snapshot())


async def test_code_that_answers_for_a_call_that_waits_ends_its_instance(engine: Engine, patience: None) -> None:
    code = """
import os, struct
def handler(event):
    if event.get("forges"):
        number, = struct.unpack_from(">I", os.read(102, 20000), 5)
        os.write(101, struct.pack(">IBIII", 13 + 1, 0x12, number, 1, 1) + b"1")
    return {"name": "one of them"}
"""
    what = deployment(code)
    await quickened(engine, what)
    forging, waiting = await at_once(engine, what, [{"forges": 1}, {}])
    assert (forging.status, waiting.status) == ("crashed", "crashed")
    assert "has not begun" in str(forging.error_message)


async def test_large_events_wait_among_small_ones(engine: Engine, patience: None) -> None:
    what = deployment(CODE)
    await quickened(engine, what)
    sizes = [0, 100_000, 10, 20_000, 0, 15_000, 1_000_000, 5]
    outcomes = await at_once(engine, what, [{"text": "x" * size} for size in sizes])
    assert [value(outcome)["size"] for outcome in outcomes] == sizes


async def test_code_that_writes_past_the_runner_has_its_calls_alone(engine: Engine) -> None:
    what = deployment(CODE)
    await quickened(engine, what)
    (wrote,) = await at_once(engine, what, [{"raw": 1}])
    assert sorted(texts(wrote)) == ["began 0", "written past"]
    assert width(engine, what) == 1
    outcomes = await at_once(engine, what, [{"raw": 1}] * 4)
    assert [sorted(texts(outcome)) for outcome in outcomes] == [[f"began {n}", "written past"] for n in range(4)]
    for _ in range(100):
        await engine.invoke(what, {})
    assert width(engine, what) == 1


async def test_async_handlers_wait_as_others_do(engine: Engine, patience: None) -> None:
    what = deployment(CODE.replace("def handler", "async def handler"))
    name = await quickened(engine, what, at_least=2)
    outcomes = await at_once(engine, what, [{}] * 2)
    assert names(outcomes) == [name] * 2
    assert began(outcomes) == [["began 0"], ["began 1"]]


async def test_calls_that_wait_when_the_engine_closes_are_told_so(engine: Engine) -> None:
    what = deployment(CODE)
    await quickened(engine, what)
    calls = asyncio.create_task(at_once(engine, what, [{"sleep": 0.1}] * 4))
    await until(lambda: engine.service.counts().busy > 0)
    await engine.service.close()
    for outcome in await calls:
        assert outcome.status in {"crashed", "unavailable"}, outcome


@pytest.mark.parametrize("shut", ["socket.SHUT_RDWR", "socket.SHUT_RD"])
async def test_a_function_that_shuts_its_mailbox_hurts_itself_alone(engine: Engine, shut: str) -> None:
    code = f"""
import socket
def handler(event):
    if event:
        socket.socket(fileno=102).shutdown({shut})
    return 1
"""
    what = deployment(code)
    assert value(await engine.invoke(what, False)) == 1
    await engine.invoke(what, True)
    for _ in range(3):
        outcome = await engine.invoke(what, False)
        if outcome.status == "success":
            break
    assert value(outcome) == 1


async def test_a_function_that_eats_its_calls_gets_no_further(engine: Engine) -> None:
    code = """
import os
def handler(event):
    if event.get("hungry"):
        os.set_blocking(102, False)
        eaten = 0
        while eaten < 3:
            try:
                os.read(102, 20000)
                eaten += 1
            except BlockingIOError:
                pass
        os.set_blocking(102, True)
    return {"name": "one of them"}
"""
    what = deployment(code, timeout_s=1.0)
    await quickened(engine, what)
    hungry, *eaten = await at_once(engine, what, [{"hungry": 1}] + [{}] * 3)
    assert hungry.status == "success"
    # They may have begun, as far as can be known: none is tried again.
    assert {outcome.status for outcome in eaten} == {"timeout"}
    assert value(await engine.invoke(what, {})) == {"name": "one of them"}
