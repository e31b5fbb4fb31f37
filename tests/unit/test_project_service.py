import asyncio
from typing import Any

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from clowdy_tui.domain.events import Event
from clowdy_tui.domain.schemas import FunctionIn, ProjectIn, ProjectPatch, RouteIn, VariableIn
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform

ADA = Actor("ada", LOCAL.scopes, name="ada's laptop")
READER = Actor("local", frozenset({"read"}))
CODE = "def handler(event, context):\n    return event\n"


def published(platform: Platform) -> list[Event]:
    return platform.bus.kept()


async def make(platform: Platform, name: str = "Shop", actor: Actor = LOCAL) -> str:
    return (await platform.projects.create(actor, ProjectIn(name=name))).id


async def test_a_project_from_making_to_deleting(platform: Platform) -> None:
    made = await platform.projects.create(LOCAL, ProjectIn(name="My Shop", description="sells"))
    assert (made.slug, made.status, made.function_count, made.capture) == ("my-shop", "active", 0, "all")
    assert await platform.projects.get(LOCAL, made.id) == made
    assert await platform.projects.list(LOCAL) == [made]
    renamed = await platform.projects.update(LOCAL, made.id, ProjectPatch(name="Your Shop"))
    assert (renamed.name, renamed.slug, renamed.description) == ("Your Shop", "my-shop", "sells")
    await platform.projects.delete(LOCAL, made.id)
    assert await platform.projects.list(LOCAL) == []
    with pytest.raises(NotFound, match="Project not found"):
        await platform.projects.get(LOCAL, made.id)
    kinds = [event.type for event in published(platform)]
    assert kinds == [events.PROJECT_CREATED, events.PROJECT_UPDATED, events.PROJECT_DELETED]
    assert published(platform)[0].data["project"]["slug"] == "my-shop"


async def test_a_taken_slug_gets_a_number_whoever_has_it(platform: Platform) -> None:
    made = [await platform.projects.create(actor, ProjectIn(name="Shop")) for actor in (LOCAL, ADA, LOCAL)]
    assert [project.slug for project in made] == ["shop", "shop-1", "shop-2"]
    assert (await platform.projects.create(LOCAL, ProjectIn(name="shop 1"))).slug == "shop-1-1"


async def test_many_at_once_get_a_slug_each(platform: Platform) -> None:
    made = await asyncio.gather(*(platform.projects.create(LOCAL, ProjectIn(name="x")) for _ in range(20)))
    assert len({project.slug for project in made}) == 20


async def test_a_slug_is_changed_by_asking_for_it(platform: Platform) -> None:
    first, second = await make(platform, "One"), await make(platform, "Two")
    assert (await platform.projects.update(LOCAL, first, ProjectPatch(slug="Uno Uno"))).slug == "uno-uno"
    assert platform.directory.project("one") is None
    entry = platform.directory.project("uno-uno")
    assert entry is not None
    assert entry.id == first
    with pytest.raises(Conflict, match="'uno-uno' is taken"):
        await platform.projects.update(LOCAL, second, ProjectPatch(slug="uno-uno"))
    with pytest.raises(InvalidInput) as caught:
        await platform.projects.update(LOCAL, second, ProjectPatch(slug="!!"))
    assert caught.value.errors[0].loc == ("slug",)


async def test_a_name_without_a_letter_is_refused(platform: Platform) -> None:
    with pytest.raises(InvalidInput):
        await make(platform, "???")


async def test_lists_go_on_from_an_id(platform: Platform) -> None:
    made = [await make(platform, f"p{number}") for number in range(5)]
    first = await platform.projects.list(LOCAL, limit=2)
    rest = await platform.projects.list(LOCAL, before=first[-1].id)
    assert [project.id for project in [*first, *rest]] == made[::-1]
    with pytest.raises(InvalidInput):
        await platform.projects.list(LOCAL, before="0" * 12)


async def test_users_see_only_what_is_theirs(platform: Platform) -> None:
    mine = await make(platform)
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=CODE, project_id=mine))
    assert await platform.projects.list(ADA) == []
    assert await platform.functions.list(ADA) == []
    foreign: list[Any] = [
        platform.projects.get(ADA, mine),
        platform.projects.update(ADA, mine, ProjectPatch(name="x")),
        platform.projects.delete(ADA, mine),
        platform.functions.list(ADA, project_id=mine),
        platform.functions.create(ADA, FunctionIn(name="g", code=CODE, project_id=mine)),
        platform.functions.get(ADA, function.id),
        platform.functions.versions(ADA, function.id),
        platform.functions.version(ADA, function.id, 1),
        platform.functions.activate(ADA, function.id, 1),
        platform.functions.diff(ADA, function.id, 1, 1),
        platform.functions.delete(ADA, function.id),
        platform.routes.list(ADA, mine),
        platform.routes.create(ADA, mine, RouteIn(function_id=function.id, method="GET", path="/")),
        platform.environment.list(ADA, mine),
        platform.environment.set(ADA, mine, VariableIn(key="A", value="b")),
        platform.environment.delete(ADA, mine, "A"),
        platform.invocations.list(ADA, function.id),
    ]
    for call in foreign:
        with pytest.raises(NotFound):
            await call
    assert (await platform.projects.get(LOCAL, mine)).name == "Shop"


async def test_scopes_are_asked_for_by_name(platform: Platform) -> None:
    project = await make(platform)
    assert len(await platform.projects.list(READER)) == 1
    refused: list[Any] = [
        platform.projects.create(READER, ProjectIn(name="x")),
        platform.projects.delete(READER, project),
        platform.functions.create(READER, FunctionIn(name="x", code=CODE)),
        platform.environment.set(READER, project, VariableIn(key="A", value="b")),
    ]
    for call in refused:
        with pytest.raises(Forbidden, match="'write'"):
            await call
    with pytest.raises(Forbidden, match="'read'"):
        await platform.projects.list(Actor("local", frozenset({"invoke"})))


async def test_deleting_a_project_takes_all_that_is_in_it(platform: Platform, engine: FakeEngine) -> None:
    project = await make(platform)
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=CODE, project_id=project))
    await platform.routes.create(LOCAL, project, RouteIn(function_id=function.id, method="GET", path="/"))
    await platform.environment.set(LOCAL, project, VariableIn(key="A", value="b"))
    target = platform.directory.function(function.id)
    assert target is not None
    await platform.invocations.invoke(target, b"1", source="test", actor_owns=True)
    await platform.projects.delete(LOCAL, project)
    assert platform.directory.function(function.id) is None
    assert platform.directory.project("shop") is None
    assert engine.retired[-1] == (function.id, None)
    with pytest.raises(NotFound):
        await platform.functions.get(LOCAL, function.id)
    await platform.projects._purge.done()
    assert await platform.invocations.list(LOCAL) == []
    async with platform._database.read() as transaction:
        assert await transaction.routes.all() == []
        assert await transaction.variables.all() == []


async def test_a_caller_that_goes_away_leaves_nothing_half_done(platform: Platform) -> None:
    project = await make(platform)
    for _ in range(5):
        # At whatever point the caller gives up, memory and database say the same in the end.
        task = asyncio.ensure_future(platform.projects.update(LOCAL, project, ProjectPatch(capture="none")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    async with asyncio.timeout(60):
        while (entry := platform.directory.project("shop")) is None or entry.settings.get("capture") != "none":
            await asyncio.sleep(0.005)
    assert (await platform.projects.get(LOCAL, project)).capture == "none"
