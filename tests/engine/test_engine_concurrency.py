"""Several calls at once in one instance: where the function says so, and its handler lets others run."""

import asyncio
import json
from typing import Any

import pytest
from engine_support import Engine, deployment, value

from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.outcome import Outcome

WAIT = """
import asyncio
running = most = 0
async def handler(event, context):
    global running, most
    running += 1
    most = max(most, running)
    print("in", event["n"])
    await asyncio.sleep(event.get("s", 0.1))
    print("out", event["n"], context.aws_request_id[-1:], end="")
    running -= 1
    if event.get("raise"):
        raise ValueError(event["n"])
    return [event["n"], most]
"""


async def together(engine: Engine, what: Any, events: list[Any]) -> list[Outcome]:
    return list(await asyncio.gather(*(engine.invoke(what, event) for event in events)))


async def test_calls_share_an_instance_and_each_gets_its_own(engine: Engine) -> None:
    what = deployment(WAIT, concurrency=8, max_instances=1)
    outcomes = await together(engine, what, [{"n": n} for n in range(8)])
    assert {outcome.instance_id for outcome in outcomes} == {outcomes[0].instance_id}
    assert [value(outcome)[0] for outcome in outcomes] == list(range(8))
    assert max(value(outcome)[1] for outcome in outcomes) == 8
    for n, outcome in enumerate(outcomes):
        lines = [entry.text for entry in outcome.logs]
        assert [line.split()[:2] for line in lines] == [["in", str(n)], ["out", str(n)]], "each has its own lines"


async def test_no_more_than_it_says_and_then_another_instance(engine: Engine) -> None:
    what = deployment(WAIT, concurrency=3, max_instances=2, min_instances=2)
    await engine.service.warm(what)
    outcomes = await together(engine, what, [{"n": n, "s": 0.5} for n in range(6)])
    assert max(value(outcome)[1] for outcome in outcomes) == 3
    assert len({outcome.instance_id for outcome in outcomes}) == 2


async def test_a_plain_handler_takes_one_call_at_a_time_all_the_same(engine: Engine) -> None:
    code = "import time\ndef handler(event):\n    time.sleep(0.5)\n    return event\n"
    what = deployment(code, concurrency=4, max_instances=3, min_instances=3)
    await engine.service.warm(what)
    outcomes = await together(engine, what, [1, 2, 3])
    assert [value(outcome) for outcome in outcomes] == [1, 2, 3]
    assert len({outcome.instance_id for outcome in outcomes}) == 3


async def test_a_plain_handler_has_its_calls_handed_over_one_by_one_once_that_is_known(engine: Engine) -> None:
    what = deployment("def handler(event): print('in')", concurrency=4, max_instances=1)
    taken: list[int] = []

    async def call() -> None:
        def entered(_entry: object) -> None:
            taken.extend(instance.taken for instance in engine.service._assignment._pools[what.key].live)

        assert (await engine.invoke(what, 0, on_log=entered)).status == "success"

    await asyncio.gather(*(call() for _ in range(12)))
    # The first four came before the handler was known; the others meet it as it is.
    assert taken[:4] == [4, 3, 2, 1]
    assert taken[4:] == [1] * 8


async def test_one_at_a_time_is_what_a_function_has_that_says_nothing(engine: Engine) -> None:
    outcomes = await together(engine, deployment(WAIT, max_instances=1), [{"n": n, "s": 0.01} for n in range(3)])
    assert [value(outcome)[1] for outcome in outcomes] == [1, 1, 1]


async def test_an_error_is_one_calls_own(engine: Engine) -> None:
    what = deployment(WAIT, concurrency=3, max_instances=1)
    first, second, third = await together(engine, what, [{"n": 1}, {"n": 2, "raise": 1, "s": 0.02}, {"n": 3}])
    assert (second.status, second.error_type, second.error_message) == (OutcomeStatus.ERROR, "ValueError", "2")
    assert (value(first)[0], value(third)[0]) == (1, 3)


async def test_one_that_takes_too_long_does_not_take_the_others_along(engine: Engine) -> None:
    what = deployment(WAIT, concurrency=3, max_instances=1, timeout_s=2)
    await engine.invoke(what, {"n": 0, "s": 0})
    late = asyncio.create_task(engine.invoke(what, {"n": 1, "s": 30}))
    await asyncio.sleep(1)
    other = await engine.invoke(what, {"n": 2, "s": 1.3})
    slow = await late
    assert slow.status is OutcomeStatus.TIMEOUT
    assert [entry.text for entry in slow.logs] == ["in 1"]
    assert value(other)[0] == 2
    assert other.instance_id == slow.instance_id
    after = await engine.invoke(what, {"n": 3, "s": 0})
    assert after.instance_id != slow.instance_id, "what the late one left running is not shared with anybody new"


async def test_a_caller_who_goes_does_not_take_the_others_along(engine: Engine) -> None:
    what = deployment(WAIT, concurrency=3, max_instances=1)
    await engine.invoke(what, {"n": 0, "s": 0})
    gone = asyncio.create_task(engine.invoke(what, {"n": 1, "s": 30}))
    stays = asyncio.create_task(engine.invoke(what, {"n": 2, "s": 0.2}))
    await asyncio.sleep(0.05)
    gone.cancel()
    assert value(await stays)[0] == 2


async def test_when_the_instance_goes_all_of_its_calls_end(engine: Engine) -> None:
    code = WAIT + "    \nimport os\ninner = handler\nasync def handler(event, context):\n"
    code += "    if event.get('die'):\n        os._exit(3)\n    return await inner(event, context)\n"
    what = deployment(code, concurrency=3, max_instances=1)
    await engine.invoke(what, {"n": 0, "s": 0})
    calls = [asyncio.create_task(engine.invoke(what, {"n": n, "s": 5})) for n in (1, 2)]
    await asyncio.sleep(0.1)
    died = await engine.invoke(what, {"n": 3, "die": True})
    for outcome in (died, *await asyncio.gather(*calls)):
        assert outcome.status is OutcomeStatus.CRASHED
    assert value(await engine.invoke(what, {"n": 4, "s": 0}))[0] == 4


async def test_streams_side_by_side(engine: Engine) -> None:
    code = """
import asyncio
async def handler(event):
    for n in range(5):
        yield f"{event}{n} "
        await asyncio.sleep(0.01)
"""
    what = deployment(code, concurrency=4, max_instances=1)
    outcomes = await together(engine, what, ["a", "b", "c"])
    assert [json.loads(outcome.output or b"") for outcome in outcomes] == [
        "".join(f"{name}{n} " for n in range(5)) for name in "abc"
    ]
    assert len({outcome.instance_id for outcome in outcomes}) == 1


@pytest.mark.parametrize("number", [7, 0])
async def test_an_answer_to_a_call_that_does_not_run_ends_the_instance(engine: Engine, number: int) -> None:
    code = f"""
import asyncio, os, struct
async def handler(event):
    if event:
        os.write(101, struct.pack(">IBIII", 13 + 1, 0x12, {number}, 1, 1) + b"1")
    await asyncio.sleep(0.3)
    return 1
"""
    what = deployment(code, concurrency=4, max_instances=1)
    assert value(await engine.invoke(what, 0)) == 1
    outcomes = await together(engine, what, [0, 1])
    assert [outcome.status for outcome in outcomes] == [OutcomeStatus.CRASHED] * 2


async def test_what_the_pool_shows_is_one_busy_instance(engine: Engine) -> None:
    what = deployment(WAIT, concurrency=5, max_instances=3)
    await engine.invoke(what, {"n": 0, "s": 0})
    calls = [asyncio.create_task(engine.invoke(what, {"n": n})) for n in range(4)]
    await asyncio.sleep(0.03)
    assert engine.service.counts().busy == 1
    await asyncio.gather(*calls)
    assert (engine.service.counts().busy, engine.service.counts().idle) == (0, 1)
