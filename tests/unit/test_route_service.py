import pytest

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import BadRequest, Conflict, InvalidInput, NotFound
from clowdy_tui.domain.schemas import FunctionIn, ProjectIn, RouteIn, RouteOut, RoutePatch
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform
from clowdy_tui.services.routing import Match, NoRoute


@pytest.fixture
async def project(platform: Platform) -> str:
    return (await platform.projects.create(LOCAL, ProjectIn(name="Shop"))).id


async def function(platform: Platform, project: str | None, name: str = "f") -> str:
    made = await platform.functions.create(LOCAL, FunctionIn(name=name, code="x", project_id=project))
    return made.id


async def add(platform: Platform, project: str, function_id: str, method: str, path: str) -> RouteOut:
    wanted = RouteIn.model_validate({"function_id": function_id, "method": method, "path": path})
    return await platform.routes.create(LOCAL, project, wanted)


def matched(platform: Platform, method: str, path: str) -> str | None:
    entry = platform.directory.project("shop")
    assert entry is not None
    found = entry.router.match(method, path)
    return found.route.function_id if isinstance(found, Match) else None


async def test_a_route_answers_with_the_next_request(platform: Platform, project: str) -> None:
    platform.public_url = "http://127.0.0.1:8000"
    first, second = await function(platform, project), await function(platform, project, "g")
    route = await add(platform, project, first, "GET", "users/:id/")
    assert (route.path, route.function_name, route.method) == ("/users/:id", "f", "GET")
    assert route.url == "http://127.0.0.1:8000/api/gateway/shop/users/:id"
    assert matched(platform, "GET", "/users/7") == first
    moved = await platform.routes.update(
        LOCAL, project, route.id, RoutePatch(function_id=second, path="/people/:id", auth="token")
    )
    assert (moved.function_name, moved.path, moved.method, moved.auth) == ("g", "/people/:id", "GET", "token")
    assert matched(platform, "GET", "/users/7") is None
    assert matched(platform, "GET", "/people/7") == second
    assert await platform.routes.list(LOCAL, project) == [moved]
    await platform.routes.delete(LOCAL, project, route.id)
    entry = platform.directory.project("shop")
    assert entry is not None
    assert entry.router.match("GET", "/people/7") == NoRoute()
    told = [event for event in platform.bus.kept() if event.type.startswith("route.")]
    assert [event.type for event in told] == [events.ROUTE_CREATED, events.ROUTE_UPDATED, events.ROUTE_DELETED]
    assert told[0].data == {"project_id": project, "route_id": route.id}


async def test_lists_are_by_path(platform: Platform, project: str) -> None:
    one = await function(platform, project)
    for method, path in (("POST", "/b"), ("GET", "/b"), ("GET", "/a"), ("GET", "/")):
        await add(platform, project, one, method, path)
    listed = await platform.routes.list(LOCAL, project)
    assert [(route.path, route.method) for route in listed] == [
        ("/", "GET"),
        ("/a", "GET"),
        ("/b", "GET"),
        ("/b", "POST"),
    ]
    assert listed[0].url == "/api/gateway/shop"


async def test_two_routes_never_take_the_same_requests(platform: Platform, project: str) -> None:
    one = await function(platform, project)
    await add(platform, project, one, "GET", "/users/:id")
    with pytest.raises(Conflict, match=r"GET /users/\{name\}"):
        await add(platform, project, one, "GET", "/users/{name}")
    other = await add(platform, project, one, "ANY", "/users/:id")
    with pytest.raises(Conflict):
        await platform.routes.update(LOCAL, project, other.id, RoutePatch(method="GET"))
    assert (
        await platform.routes.update(LOCAL, project, other.id, RoutePatch(path="/users/:key"))
    ).path == "/users/:key"


async def test_what_a_route_cannot_be(platform: Platform, project: str) -> None:
    one = await function(platform, project)
    alone = await function(platform, None)
    for function_id in (alone, "0" * 12, ""):
        with pytest.raises(BadRequest, match="Function not found in this project"):
            await add(platform, project, function_id, "GET", "/")
    route = await add(platform, project, one, "GET", "/")
    with pytest.raises(BadRequest):
        await platform.routes.update(LOCAL, project, route.id, RoutePatch(function_id=alone))
    with pytest.raises(InvalidInput):
        await platform.routes.update(LOCAL, project, route.id, RoutePatch(path="/:1"))
    with pytest.raises(NotFound, match="Route not found"):
        await platform.routes.update(LOCAL, project, "0" * 12, RoutePatch(path="/x"))
    other = (await platform.projects.create(LOCAL, ProjectIn(name="Other"))).id
    with pytest.raises(NotFound, match="Route not found"):
        await platform.routes.delete(LOCAL, other, route.id)
    assert matched(platform, "GET", "/") == one
