import json
from typing import Any

import pytest

from clowdy_tui.domain.schemas import ProjectOut
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform
from clowdy_tui.services.routing import Match


@pytest.fixture
async def example(platform: Platform) -> ProjectOut:
    made = await platform.make_example()
    assert made is not None
    return made


async def call(platform: Platform, name: str, event: Any) -> Outcome:
    (function,) = [one for one in await platform.functions.list(LOCAL) if one.name == name]
    target = platform.directory.function(function.id)
    assert target is not None
    return await platform.invocations.invoke(target, json.dumps(event).encode(), source="test", actor_owns=True)


def request(method: str = "GET", **parts: Any) -> dict[str, Any]:
    """An event as the gateway makes it."""
    return {"method": method, "path": "/", "params": {}, "query": {}, "headers": {}, "body": None, **parts}


async def test_it_is_made_once(platform: Platform, example: ProjectOut) -> None:
    assert (example.slug, example.function_count) == ("hello-clowdy", 3)
    assert await platform.make_example() is None
    functions = await platform.functions.list(LOCAL, project_id=example.id)
    assert [function.name for function in functions] == ["hello", "visits", "words"]
    assert all(not function.diagnostics and function.description for function in functions)
    await platform.projects.delete(LOCAL, example.id)
    assert await platform.make_example() is None
    assert (await platform.example()).slug == "hello-clowdy"


async def test_every_route_leads_to_its_function(platform: Platform, example: ProjectOut) -> None:
    entry = platform.directory.project(example.slug)
    assert entry is not None
    for method, path in (("GET", "/hello"), ("GET", "/hello/Ada"), ("GET", "/visits"), ("POST", "/words")):
        assert isinstance(entry.router.match(method, path), Match)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (request(params={"name": "Ada"}), "Ada"),
        (request(query={"name": "Grace"}), "Grace"),
        ({"name": "Linus"}, "Linus"),
        (request(), "world"),
        (None, "world"),
        ([1], "world"),
        ("text", "world"),
    ],
)
@pytest.mark.usefixtures("example")
async def test_hello(platform: Platform, event: Any, name: str) -> None:
    outcome = await call(platform, "hello", event)
    assert outcome.output is not None, outcome
    answer = json.loads(outcome.output)
    assert answer["message"].startswith("Good ")
    assert answer["message"].endswith(f", {name}!")
    assert [line.stream for line in outcome.logs] == ["stdout"]


@pytest.mark.parametrize("event", [None, request(), {}])
@pytest.mark.usefixtures("example")
async def test_visits(platform: Platform, event: Any) -> None:
    outcome = await call(platform, "visits", event)
    assert outcome.output is not None, outcome
    assert json.loads(outcome.output)["visits"] == 1


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (request("POST", body="one two, three."), 3),
        (request("POST", body={"text": "one two"}), 2),
        ({"text": "just one more word"}, 4),
        ("a plain input", 3),
        (request("POST"), 17),
        (None, 17),
        (request("POST", body=[1]), 17),
    ],
)
@pytest.mark.usefixtures("example")
async def test_words(platform: Platform, event: Any, words: int) -> None:
    outcome = await call(platform, "words", event)
    assert outcome.output is not None, outcome
    assert json.loads(outcome.output)["words"] == words
