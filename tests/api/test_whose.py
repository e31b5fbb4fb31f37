"""Every endpoint there is, asked by another user and by nobody, for what belongs to the owner: nothing comes out.

An endpoint that is new is walked by itself; where it needs a body that is not here yet, the test says so.
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from api_support import Workshop, number, until

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.assistant import ChatIn, ChatMessage
from clowdy_tui.gateway.api import ENDPOINTS
from clowdy_tui.gateway.endpoint import Endpoint
from clowdy_tui.gateway.operations import OPERATIONS
from tests.model_server import ModelServer, Says

UNKNOWN = "0123456789ab"


@dataclass(frozen=True)
class Estate:
    """What the owner has: one of everything, with words in it that stand nowhere else."""

    shop: Workshop
    ids: dict[str, str]
    words: tuple[str, ...]

    def path(self, path: str) -> str:
        """A path with the owner's ids in it."""
        kind = "invocation" if "/invocations/{id}" in path else path.split("/")[-2 if path.count("/") < 3 else 2]
        ids = self.ids | {"id": self.ids.get(kind.removesuffix("s"), UNKNOWN)}
        return re.sub(r"\{(\w+)\}", lambda found: ids[found[1]], path)

    async def state(self, local: httpx.AsyncClient) -> dict[str, Any]:
        """All of it, as the owner sees it."""
        project, function = self.ids["project"], self.ids["function"]
        found = {}
        for path in (
            f"/api/projects/{project}",
            f"/api/projects/{project}/functions",
            f"/api/projects/{project}/routes",
            f"/api/projects/{project}/keys",
            f"/api/projects/{project}/env?reveal=true",
            f"/api/functions/{function}",
            f"/api/functions/{function}/versions",
            f"/api/functions/{function}/invocations",
            f"/api/functions/{function}/inputs",
            f"/api/invocations/{self.ids['invocation']}",
            f"/api/chat/conversations/{self.ids['conversation_id']}",
        ):
            answer = await local.get(path)
            assert answer.status_code == 200, answer.text
            found[path] = answer.json()
        return found


@pytest_asyncio.fixture(loop_scope="session")
async def estate(shop: Workshop, local: httpx.AsyncClient, model: ModelServer) -> AsyncIterator[Estate]:
    word = f"geheim{number()}x"
    owner, project = shop.client, shop.project.id
    code = f"# {word}-code\ndef handler(event, context):\n    print('{word}-printed')\n    return '{word}-answer'\n"
    function = await shop.function(code, name=f"{word}-name", visibility="private")
    route = await shop.route(function, f"/{word}-path", auth="token")
    key = await owner.keys.create(project, f"{word}-key")
    await owner.variables.set(project, "GEHEIM", f"{word}-value", is_secret=False)
    # A list of a comment alone has nothing to build.
    await owner.packages.set(project, f"# {word}-list\n")
    await owner.inputs.set(function.id, f"{word}-saved", f"{word}-kept")
    token = await owner.tokens.create(f"{word}-token")
    result = await owner.invoke(function.id, f"{word}-input")
    instance = next(item for item in await owner.pool() if item.function_id == function.id)
    talk = await owner.chat.conversations.create(project, f"{word}-title")
    model.will(Says(calls=[("delete_function", {"function_id": function.id})]))
    turn = owner.chat.stream(
        ChatIn(messages=[ChatMessage(role="user", content=f"{word}-asked")], conversation_id=talk.id)
    )
    begun = await anext(turn)
    while (await anext(turn)).type != "permission":
        pass
    ids = {
        "conversation_id": talk.id,
        "turn_id": begun.data["turn_id"],
        "project": project,
        "function": function.id,
        "route_id": route.id,
        "key_id": key.id,
        "token": token.id,
        "key": "GEHEIM",
        "name": f"{word}-saved",
        "number": "1",
        "invocation": result.invocation_id,
        "pool": instance.id,
        "invoke": function.id,
        "slug": shop.project.slug,
        "path": f"{word}-path",
    }
    found = {word, *(value for name, value in ids.items() if name not in {"number", "path", "slug", "name"})}
    yield Estate(shop, ids, tuple(found))
    await turn.aclose()
    await owner.tokens.revoke(token.id)


BODIES: dict[str, Any] = {
    "ProjectIn": {"name": "Mine"},
    "ProjectPatch": {"name": "Mine now", "description": "taken"},
    "FunctionIn": {"name": "mine", "code": "", "project_id": "{project}"},
    "FunctionPatch": {"code": "taken", "status": "inactive", "visibility": "public"},
    "RouteIn": {"function_id": "{function}", "method": "GET", "path": "/taken"},
    "RoutePatch": {"auth": "none", "path": "/taken"},
    "KeyIn": {"name": "mine"},
    "SavedInputIn": {"name": "{name}", "input": "taken"},
    "VariableIn": {"key": "GEHEIM", "value": "taken"},
    "DotenvIn": {"text": "TAKEN=1\n"},
    "TokenIn": {"name": "mine"},
    "ImportIn": {"projects": []},
    "InvokeIn": {"input": 1},
    "RequirementsIn": {"requirements_txt": "# taken"},
    "ChatIn": {"messages": [{"role": "user", "content": "tell me"}], "context": {"function_id": "{function}"}},
    "AnswerIn": {"call_id": "call_1_0", "answer": "yes"},
    "ConversationIn": {"title": "Mine", "project_id": "{project}"},
    "ConversationPatch": {"title": "taken"},
    "ProvisionIn": {"provider": "local"},
    "DatabasePatch": {"max_mb": 2048},
}

# These make something of the caller's own, and have nothing of anybody else's in their path.
MAKES = {"POST /api/projects", "POST /api/tokens", "POST /api/import"}
# These have what is the owner's in their body.
NAMES = {"POST /api/functions", "POST /api/chat", "POST /api/chat/preview", "POST /api/chat/conversations"}
# These are for who administers.
ADMINISTERS = {"POST /api/system/example", "POST /api/system/stop", "POST /api/system/rotate-key"}


def body_of(endpoint: Endpoint, ids: dict[str, str]) -> bytes | None:
    if endpoint.body is None:
        return None
    assert endpoint.body.__name__ in BODIES, f"tell this test what to send to {endpoint.path}"
    text = json.dumps(BODIES[endpoint.body.__name__])
    return (
        text.replace("{project}", ids["project"])
        .replace("{function}", ids["function"])
        .replace("{name}", ids["name"])
        .encode()
    )


def query_of(endpoint: Endpoint) -> str:
    fields = {} if endpoint.query is None else endpoint.query.model_fields
    needed = [field.alias or name for name, field in fields.items() if field.is_required()]
    return "?" + "&".join([*(f"{name}=1" for name in needed), *(["reveal=true"] if "reveal" in fields else [])])


def leaked(answer: httpx.Response, estate: Estate) -> list[str]:
    """What of the owner's stands in an answer. A problem repeats the path that was asked for, and says no more."""
    text = answer.text
    if text and answer.headers.get("content-type") == "application/problem+json":
        text = json.dumps({name: value for name, value in answer.json().items() if name != "instance"})
    return [word for word in estate.words if word in text and len(word) > 3]


async def test_the_owner_gets_it_out_of_the_same_places(estate: Estate, local: httpx.AsyncClient) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and "{" in endpoint.path:
            answer = await local.get(estate.path(endpoint.path) + query_of(endpoint))
            assert answer.status_code == 200, (endpoint.path, answer.text)
            # A diff may be empty, and there is no database that could tell anything.
            assert leaked(answer, estate) or endpoint.path.endswith(("/diff", "/database")), "this would prove nothing"


async def test_another_user_gets_nothing_out_of_any_endpoint(
    estate: Estate, other: Clowdy, local: httpx.AsyncClient
) -> None:
    ask = other.connection._http
    before = await estate.state(local)
    for endpoint in ENDPOINTS:
        label = f"{endpoint.method} {endpoint.path}"
        answer = await ask.request(
            endpoint.method,
            estate.path(endpoint.path) + query_of(endpoint),
            content=body_of(endpoint, estate.ids),
        )
        if label in ADMINISTERS:
            expected = {403}
        elif "{" in endpoint.path or label in NAMES:
            expected = {404}
        else:
            expected = {200}
        assert answer.status_code in expected, (label, answer.text)
        assert not leaked(answer, estate), (label, answer.text)
    assert await estate.state(local) == before, "and nothing of it is changed"
    for label in MAKES | ADMINISTERS | NAMES:
        assert label in {f"{item.method} {item.path}" for item in ENDPOINTS}, "it has another name by now"
    for path in ("/api/projects", "/api/tokens"):
        for item in (await ask.get(path)).json():
            if item["name"] == "Mine" or item["name"] == "mine":
                await ask.delete(f"{path}/{item['id']}")


async def test_nobody_gets_nothing_out_of_any_endpoint(
    estate: Estate, http: httpx.AsyncClient, local: httpx.AsyncClient
) -> None:
    before = await estate.state(local)
    for endpoint in ENDPOINTS:
        path = estate.path(endpoint.path) + query_of(endpoint)
        for headers in ({}, {"x-api-key": "clowdy_key_wrong"}):
            answer = await http.request(endpoint.method, path, content=body_of(endpoint, estate.ids), headers=headers)
            if endpoint.scope is None:
                assert (answer.status_code, answer.json()) == (200, {"status": "ok"}), path
            else:
                assert (answer.status_code, answer.json()["type"]) == (401, "unauthorized"), path
            assert not leaked(answer, estate), path
    assert await estate.state(local) == before


async def test_what_answers_for_itself_tells_nobody_and_no_other(
    estate: Estate, other: Clowdy, http: httpx.AsyncClient
) -> None:
    public = {"/openapi.json", "/docs"}
    for operation in OPERATIONS:
        path = estate.path(operation.path)
        if operation.path == "/api/gateway/{slug}":
            path += f"/{estate.ids['path']}"
        for method in operation.methods:
            for ask, expected in ((http, 401), (other.connection._http, 404)):
                if operation.path == "/api/events" and ask is not http:
                    continue
                answer = await ask.request(method, path)
                assert answer.status_code == (200 if operation.path in public else expected), (method, path)
                assert not leaked(answer, estate), (method, path)


async def test_a_list_of_ones_own_is_empty_and_counts_nothing(estate: Estate, other: Clowdy) -> None:
    ask = other.connection._http
    for path in ("/api/projects", "/api/functions", "/api/invocations", "/api/pool", "/api/stats/functions"):
        assert (await ask.get(path)).json() == [], path
    stats = (await ask.get("/api/stats")).json()
    assert (stats["total_functions"], stats["total_invocations"], stats["cold_starts"]) == (0, 0, 0)
    for name in ("project", "function"):
        assert (await ask.get("/api/stats", params={f"{name}_id": estate.ids[name]})).status_code == 404
    metrics = (await ask.get("/metrics")).text
    samples = [line for line in metrics.splitlines() if line and not line.startswith("#")]
    assert all(line.endswith(" 0") for line in samples), "no call, no instance, nothing that waits"
    mine = (await estate.shop.client.connection._http.get("/metrics")).text
    assert estate.words[0] in mine or any(word in mine for word in estate.words)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/api/projects", "project"), ("/api/functions", "function"), ("/api/tokens", "token")],
)
async def test_anothers_id_as_a_mark_is_as_good_as_none(estate: Estate, other: Clowdy, path: str, kind: str) -> None:
    ask = other.connection._http
    known = await ask.get(path, params={"before": estate.ids[kind]})
    unknown = await ask.get(path, params={"before": UNKNOWN})
    assert known.status_code == unknown.status_code
    assert known.text.replace(estate.ids[kind], UNKNOWN) == unknown.text


async def test_what_is_anothers_cannot_be_reached_through_ones_own(
    estate: Estate, other: Clowdy, local: httpx.AsyncClient
) -> None:
    before = await estate.state(local)
    ask = other.connection._http
    mine = (await other.projects.create("Mine")).id
    function = (await ask.post("/api/functions", json={"name": "f", "code": "", "project_id": mine})).json()["id"]
    route = {"function_id": function, "method": "GET", "path": "/"}
    own_route = (await ask.post(f"/api/projects/{mine}/routes", json=route)).json()["id"]
    ids = estate.ids
    for method, path, body, status in (
        ("PUT", f"/api/projects/{mine}/routes/{ids['route_id']}", {"path": "/taken"}, 404),
        ("DELETE", f"/api/projects/{mine}/routes/{ids['route_id']}", None, 404),
        ("DELETE", f"/api/projects/{mine}/keys/{ids['key_id']}", None, 404),
        ("DELETE", f"/api/projects/{mine}/env/{ids['key']}", None, 404),
        ("POST", f"/api/projects/{mine}/routes", route | {"function_id": ids["function"], "path": "/x"}, 400),
        ("PUT", f"/api/projects/{mine}/routes/{own_route}", {"function_id": ids["function"]}, 400),
        ("PUT", f"/api/projects/{mine}", {"slug": ids["slug"]}, 409),
        ("PUT", f"/api/projects/{ids['project']}/routes/{own_route}", {"path": "/taken"}, 404),
    ):
        answer = await ask.request(method, path, json=body)
        assert answer.status_code == status, (method, path, answer.text)
        assert not leaked(answer, estate), (method, path, answer.text)
    await other.projects.delete(mine)
    assert await estate.state(local) == before


async def test_no_event_of_anybody_elses_comes(estate: Estate, other: Clowdy) -> None:
    owner, project, function = estate.shop.client, estate.ids["project"], estate.ids["function"]
    async with aclosing(other.events()) as theirs:
        begun = await anext(theirs)
        await owner.projects.update(project, description="changed")
        await owner.functions.activate(function, 1)
        await owner.variables.set(project, "MORE", "x")
        await owner.keys.create(project, "more")
        await owner.invoke(function)

        async def kept() -> bool:
            return len(await owner.functions.invocations(function)) > 1

        await until(kept)
        mine = await other.projects.create("Mine")
        seen = await anext(theirs)
        assert (seen.type, seen.data["project"]["id"]) == ("project.created", mine.id)
    async with aclosing(other.events(after=begun.id)) as again:
        assert (await anext(again)).type == "hello"
        assert (await anext(again)).data == seen.data, "nor when it comes out of the ring"
    await other.projects.delete(mine.id)
