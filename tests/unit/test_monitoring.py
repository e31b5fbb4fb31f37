"""Prometheus's text: complete, well formed whatever names there are, and nobody else's."""

import re

from fake_engine import FakeEngine

from clowdy_tui.domain.schemas import ALL_SCOPES, FunctionIn, OutcomeStatus, ProjectIn
from clowdy_tui.engine.invoke import InstanceInfo
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.gateway import metrics
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.counters import BOUNDS_S, CODES
from clowdy_tui.services.monitoring import FunctionReading, Reading
from clowdy_tui.services.platform import Platform

EVE = Actor("eve", frozenset(ALL_SCOPES))
LINE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (\d+(?:\.\d+)?)\Z')


def samples(text: str) -> dict[str, float]:
    """Every sample by its name and labels; each line has to be one, or a comment of its family."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        matched = LINE.match(line)
        assert matched, line
        key = f"{matched[1]}{{{matched[2]}}}"
        assert key not in found, f"{key} is there twice"
        found[key] = float(matched[3])
    return found


async def called(platform: Platform, engine: FakeEngine, actor: Actor, name: str, *ends: Outcome) -> str:
    project = await platform.projects.create(actor, ProjectIn(name=f"Of {actor.user}"))
    function = await platform.functions.create(actor, FunctionIn(name=name, code="", project_id=project.id))
    target = platform.directory.function(function.id)
    assert target is not None
    for end in ends:
        engine.answer = lambda _deployment, _event, end=end: end
        await platform.invocations.invoke(target, b"1", source="test", actor_owns=True)
    return function.id


def test_every_way_to_end_has_a_code() -> None:
    assert CODES.keys() == set(OutcomeStatus)


async def test_a_scrape(platform: Platform, engine: FakeEngine) -> None:
    ends = (
        Outcome(OutcomeStatus.SUCCESS, output=b"1", run_us=700, cold_start=True),
        Outcome(OutcomeStatus.SUCCESS, output=b"1", run_us=1000),
        Outcome(OutcomeStatus.ERROR, run_us=2_000_000_000),
    )
    mine = await called(platform, engine, LOCAL, 'a "b"\\c', *ends)
    hers = await called(platform, engine, EVE, "hers", ends[0])
    engine.instances = [
        InstanceInfo("1", "idle", 0, 1, None, mine, "f", 1, "local"),
        InstanceInfo("2", "busy", 0, 1, None, hers, "hers", 1, "eve"),
        InstanceInfo("3", "spare", 0, 0, None),
    ]
    text = metrics.to_text(await platform.monitoring.read(LOCAL))
    found = samples(text)
    name = 'function_name="of-local/a \\"b\\"\\\\c"'
    assert found[f'gateway_function_invocation_total{{{name},code="200"}}'] == 2
    assert found[f'gateway_function_invocation_total{{{name},code="500"}}'] == 1
    assert found[f"gateway_function_invocation_started{{{name}}}"] == 3
    assert found[f"gateway_service_count{{{name}}}"] == 1
    assert found[f"clowdy_cold_starts_total{{{name}}}"] == 1
    assert found[f"clowdy_queue_depth{{{name}}}"] == 3
    assert found['clowdy_pool_instances{state="spare"}'] == 1
    assert found['clowdy_pool_instances{state="busy"}'] == 1, "who administers sees everybody's sandboxes"
    for bound, count in (("0.0005", 0), ("0.001", 2), ("900", 2), ("+Inf", 3)):
        assert found[f'gateway_functions_seconds_bucket{{{name},le="{bound}"}}'] == count
    assert found[f"gateway_functions_seconds_count{{{name}}}"] == 3
    assert found[f"gateway_functions_seconds_sum{{{name}}}"] == 2000.0017
    assert sum(key.startswith("gateway_functions_seconds_bucket") for key in found) == len(BOUNDS_S) + 1
    assert "hers" not in text

    theirs = metrics.to_text(await platform.monitoring.read(EVE))
    assert "of-eve/hers" in theirs
    assert "of-local" not in theirs
    assert samples(theirs)['clowdy_pool_instances{state="spare"}'] == 0


async def test_what_is_gone_is_forgotten(platform: Platform, engine: FakeEngine) -> None:
    function = await called(platform, engine, LOCAL, "f", Outcome(OutcomeStatus.SUCCESS, output=b"1"))
    await platform.functions.delete(LOCAL, function)
    await platform.monitoring.read(LOCAL)
    assert platform.invocations._place.counters.of(function) is None


def test_a_name_with_a_line_end_stays_on_its_line() -> None:
    reading = Reading([FunctionReading('a\nb"', 0, 0, None)], {})
    assert 'function_name="a\\nb\\""' in metrics.to_text(reading)
