"""Projects, functions, versions, routes, variables: through the client, by the owner's socket."""

import httpx
import pytest
from api_support import ECHO, Workshop, refused

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch, RouteIn, RoutePatch


async def test_a_project_is_made_read_changed_and_deleted(owner: Clowdy) -> None:
    made = await owner.projects.create("  My Shop! ", "things")
    assert (made.name, made.slug, made.description, made.status) == ("My Shop!", "my-shop", "things", "active")
    assert made.function_count == 0
    assert await owner.projects.get(made.id) == made
    assert made in await owner.projects.list()
    changed = await owner.projects.update(made.id, name="Other", slug="other-slug")
    assert (changed.name, changed.slug, changed.description) == ("Other", "other-slug", "things")
    await owner.projects.delete(made.id)
    assert (await refused(owner.projects.get(made.id), 404)).detail == "Project not found"


async def test_a_name_that_leaves_no_slug_is_refused(owner: Clowdy) -> None:
    error = await refused(owner.projects.create("!!!"), 422)
    assert [item["loc"] for item in error.problem.errors or []] == [["name"]]


async def test_the_same_name_gets_the_next_slug(owner: Clowdy) -> None:
    first = await owner.projects.create("Twice over")
    second = await owner.projects.create("Twice over")
    assert (first.slug, second.slug) == ("twice-over", "twice-over-1")
    for project in (first, second):
        await owner.projects.delete(project.id)


async def test_lists_come_in_pages_newest_first(owner: Clowdy, local: httpx.AsyncClient) -> None:
    made = [await owner.projects.create(f"Page {number}") for number in range(3)]
    newest = (await local.get("/api/projects", params={"limit": 2})).json()
    assert [item["id"] for item in newest] == [made[2].id, made[1].id]
    older = (await local.get("/api/projects", params={"limit": 1, "before": made[1].id})).json()
    assert [item["id"] for item in older] == [made[0].id]
    for project in made:
        await owner.projects.delete(project.id)


async def test_a_function_is_made_read_changed_and_deleted(shop: Workshop) -> None:
    functions = shop.client.functions
    made = await functions.create(
        FunctionIn(
            name="hello",
            code=ECHO,
            files={"helpers/text.py": "X = 1\n"},
            description="says hello",
            project_id=shop.project.id,
            memory_mb=64,
            timeout_s=5,
        )
    )
    assert (made.active_version, made.status, made.visibility, made.memory_mb) == (1, "active", "public", 64)
    assert made.files == {"helpers/text.py": "X = 1\n"}
    assert await functions.get(made.id) == made
    assert made in await functions.list()
    assert await shop.client.projects.functions(shop.project.id) == [made]
    assert (await shop.client.projects.get(shop.project.id)).function_count == 1
    changed = await functions.update(made.id, FunctionPatch(name="hi", status="inactive", visibility="private"))
    assert (changed.name, changed.status, changed.visibility, changed.active_version) == (
        "hi",
        "inactive",
        "private",
        1,
    )
    await functions.delete(made.id)
    await refused(functions.get(made.id), 404)


async def test_a_function_on_its_own_has_no_project(owner: Clowdy) -> None:
    made = await owner.functions.create(FunctionIn(name="alone", code=ECHO))
    assert made.project_id is None
    assert (await owner.invoke(made.id, 5)).output == 5
    await owner.functions.delete(made.id)


async def test_a_name_is_taken_once_in_a_project(shop: Workshop) -> None:
    await shop.function(name="one")
    await refused(shop.function(name="one"), 409)


async def test_code_that_does_not_parse_is_saved_with_diagnostics(shop: Workshop) -> None:
    made = await shop.function("def handler(:\n")
    assert (made.diagnostics[0].line, made.diagnostics[0].message) != (0, "")
    result = await shop.client.invoke(made.id)
    assert not result.success
    assert "line 1" in (result.error or "") or "SyntaxError" in (result.error_type or "")


async def test_versions_grow_and_can_be_rolled_back(shop: Workshop) -> None:
    functions = shop.client.functions
    made = await shop.function("def handler(event, context):\n    return 1\n")
    saved = await functions.update(made.id, FunctionPatch(code=made.code.replace("1", "2"), message="two"))
    assert saved.active_version == 2
    assert (await shop.client.invoke(made.id)).output == 2
    again = await functions.update(made.id, FunctionPatch(code=saved.code))
    assert again.active_version == 2, "the same content makes no version"

    back = await functions.activate(made.id, 1)
    assert (back.active_version, back.code) == (1, made.code)
    assert (await shop.client.invoke(made.id)).output == 1
    third = await functions.update(made.id, FunctionPatch(code=made.code.replace("1", "3")))
    assert third.active_version == 3
    versions = await functions.versions(made.id)
    assert [(item.version, item.active, item.message) for item in versions] == [
        (3, True, ""),
        (2, False, "two"),
        (1, False, ""),
    ]
    assert versions[0].created_by == "local"
    assert (await functions.version(made.id, 2)).code == saved.code
    difference = await functions.diff(made.id, 1, 2)
    assert (difference.from_, difference.to) == (1, 2)
    assert "-    return 1" in difference.diff
    assert "+    return 2" in difference.diff
    await refused(functions.activate(made.id, 9), 404)
    await refused(functions.version(made.id, 9), 404)
    await refused(functions.diff(made.id, 1, 9), 404)


async def test_a_save_on_top_of_somebody_elses_is_refused_with_the_diff(shop: Workshop) -> None:
    functions = shop.client.functions
    made = await shop.function("def handler(event, context):\n    return 1\n")
    await functions.update(made.id, FunctionPatch(code=made.code.replace("1", "2"), base_version=1))
    mine = FunctionPatch(code=made.code.replace("1", "3"), base_version=1)
    problem = (await refused(functions.update(made.id, mine), 409)).problem
    extra = problem.model_extra or {}
    assert problem.type == "stale-version"
    assert (extra["base_version"], extra["active_version"]) == (1, 2)
    assert "+    return 2" in extra["diff"]
    assert (await functions.get(made.id)).active_version == 2


async def test_routes_are_made_changed_and_deleted(shop: Workshop, http: httpx.AsyncClient) -> None:
    client, project = shop.client, shop.project.id
    function = await shop.function()
    made = await shop.route(function, "/users/:id", "GET", description="one user")
    assert made.url.endswith(f"/api/gateway/{shop.project.slug}/users/:id")
    assert made.function_name == function.name
    assert await client.routes.list(project) == [made]
    assert (await http.get(shop.path("/users/7"))).json()["params"] == {"id": "7"}

    error = await refused(shop.route(function, "/users/{name}", "GET"), 409)
    assert error.detail
    other = await shop.route(function, "/other", "GET")
    await refused(client.routes.update(project, other.id, RoutePatch(path="/users/{x}")), 409)
    changed = await client.routes.update(project, made.id, RoutePatch(path="/people/{id}"))
    assert changed.path == "/people/{id}"
    assert (await http.get(shop.path("/users/7"))).status_code == 404
    assert (await http.get(shop.path("/people/7"))).json()["params"] == {"id": "7"}
    await client.routes.delete(project, made.id)
    assert (await http.get(shop.path("/people/7"))).status_code == 404
    await refused(client.routes.delete(project, made.id), 404)


async def test_a_route_is_for_a_function_of_its_own_project(shop: Workshop, owner: Clowdy) -> None:
    alone = await owner.functions.create(FunctionIn(name="elsewhere", code=ECHO))
    error = await refused(shop.route(alone), 400)
    assert error.detail == "Function not found in this project"
    await owner.functions.delete(alone.id)


@pytest.mark.parametrize("path", ["/a//b", "/:1st", "/a b", "/*rest/more", "/:x/:x", "/a?b"])
async def test_a_pattern_that_is_none_is_refused(shop: Workshop, path: str) -> None:
    error = await refused(shop.route(await shop.function(), path), 422)
    assert [item["loc"] for item in error.problem.errors or []] == [["path"]]


async def test_variables_are_secret_and_reach_the_function(shop: Workshop) -> None:
    client, project = shop.client, shop.project.id
    function = await shop.function(
        "import os\ndef handler(event, context):\n    return [os.environ.get('SECRET'), os.environ.get('PLAIN')]\n"
    )
    made = await client.variables.set(project, "SECRET", "geheim")
    assert (made.key, made.value, made.is_secret) == ("SECRET", "****", True)
    await client.variables.set(project, "PLAIN", "offen", is_secret=False)
    assert [(item.key, item.value) for item in await client.variables.list(project)] == [
        ("PLAIN", "offen"),
        ("SECRET", "****"),
    ]
    assert [item.value for item in await client.variables.list(project, reveal=True)] == ["offen", "geheim"]
    assert (await client.invoke(function.id)).output == ["geheim", "offen"]
    await client.variables.set(project, "SECRET", "neu")
    assert (await client.invoke(function.id)).output == ["neu", "offen"]
    await client.variables.delete(project, "SECRET")
    assert (await client.invoke(function.id)).output == [None, "offen"]
    await refused(client.variables.delete(project, "SECRET"), 404)
    error = await refused(client.variables.set(project, "1-bad", "x"), 422)
    assert [item["loc"] for item in error.problem.errors or []] == [["key"]]


async def test_tokens_are_shown_once_and_can_be_revoked(owner: Clowdy, http: httpx.AsyncClient) -> None:
    made = await owner.tokens.create("ci", scopes=["read"])
    assert made.token.startswith("clowdy_")
    assert made.scopes == ["read"]
    listed = next(item for item in await owner.tokens.list() if item.id == made.id)
    assert "token" not in listed.model_dump()
    bearer = {"authorization": f"Bearer {made.token}"}
    assert (await http.get("/api/projects", headers=bearer)).status_code == 200
    await owner.tokens.revoke(made.id)
    answer = await http.get("/api/projects", headers=bearer)
    assert (answer.status_code, answer.json()["type"]) == (401, "unauthorized")
    await refused(owner.tokens.revoke(made.id), 404)


async def test_health_says_more_to_those_who_may_know(owner: Clowdy, other: Clowdy, http: httpx.AsyncClient) -> None:
    assert (await http.get("/api/health")).json() == {"status": "ok"}
    everything = await owner.health()
    assert (everything.version, everything.driver, everything.driver_available) == ("1.2.3", "bubblewrap", True)
    assert everything.enforced
    assert everything.url
    assert everything.pid
    less = await other.health()
    assert (less.version, less.driver) == ("1.2.3", "bubblewrap")
    assert (less.url, less.data_dir, less.pid) == (None, None, None)


async def test_the_pool_shows_what_runs(shop: Workshop) -> None:
    function = await shop.function()
    await shop.client.invoke(function.id)
    mine = [item for item in await shop.client.pool() if item.function_id == function.id]
    assert [(item.function_name, item.version, item.calls) for item in mine] == [(function.name, 1, 1)]
    assert all(0 <= item.age_s < 600 for item in await shop.client.pool())


async def test_what_is_unknown_is_not_found(owner: Clowdy, local: httpx.AsyncClient) -> None:
    nobody = "0123456789ab"
    for path, detail in {
        f"/api/projects/{nobody}": "Project not found",
        f"/api/projects/{nobody}/functions": "Project not found",
        f"/api/projects/{nobody}/routes": "Project not found",
        f"/api/projects/{nobody}/env": "Project not found",
        f"/api/functions/{nobody}": "Function not found",
        f"/api/functions/{nobody}/versions": "Function not found",
        f"/api/functions/{nobody}/invocations": "Function not found",
        "/api/projects/nonsense": "Project not found",
        "/api/projects/%00%FF%2F": "Project not found",
        "/api/functions/0123456789AB": "Function not found",
        f"/api/functions/{nobody}/versions/x": "Version not found",
        "/api/invocations/xyz": "Invocation not found",
        "/api/invocations/0000000000000000": "Invocation not found",
        "/api/invocations/ffffffffffffffff": "Invocation not found",
    }.items():
        answer = await local.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (404, detail), path
    await refused(owner.routes.create(nobody, RouteIn(function_id=nobody, method="GET", path="/")), 404)
    await refused(owner.variables.set(nobody, "A", "b"), 404)


async def test_a_rename_to_what_is_taken_is_refused_and_changes_nothing(shop: Workshop, owner: Clowdy) -> None:
    await shop.function(name="taken")
    free = await shop.function(name="free")
    await refused(owner.functions.update(free.id, FunctionPatch(name="taken")), 409)
    assert (await owner.functions.get(free.id)).name == "free"
    other = await owner.projects.create("Rename me")
    await refused(owner.projects.update(other.id, slug=shop.project.slug), 409)
    assert (await owner.projects.get(other.id)).slug == "rename-me"
    await owner.projects.delete(other.id)
