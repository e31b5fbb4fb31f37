"""CORS and rate limits of a project."""

from typing import Any

import httpx
import pytest
from api_support import Workshop, refused

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch

PAGE = "https://app.example.org"
ASKS = {"Origin": PAGE, "Access-Control-Request-Method": "PUT"}


async def rules(shop: Workshop, **changes: Any) -> None:
    await shop.client.projects.update(shop.project.id, **changes)


async def test_settings_are_kept_shown_and_taken_away(shop: Workshop) -> None:
    cors = {"origins": ["HTTPS://App.Example.org:443"], "credentials": True}
    await rules(shop, cors=cors, rate_limit={"requests": 5, "per_seconds": 2})
    await rules(shop, description="changes nothing else")
    found = await shop.client.projects.get(shop.project.id)
    assert found.cors is not None
    assert found.rate_limit is not None
    assert found.cors.model_dump(mode="json") == {
        "origins": [PAGE],
        "methods": ["*"],
        "headers": ["*"],
        "credentials": True,
        "max_age": 600,
    }
    assert (found.rate_limit.requests, found.rate_limit.per_seconds, found.rate_limit.by) == (5, 2, "project")
    await rules(shop, cors=None, rate_limit=None)
    found = await shop.client.projects.get(shop.project.id)
    assert (found.cors, found.rate_limit) == (None, None)


@pytest.mark.parametrize(
    ("changes", "loc"),
    [
        ({"cors": {"origins": ["*"], "credentials": True}}, ["cors"]),
        ({"cors": {"origins": []}}, ["cors", "origins"]),
        ({"cors": {"origins": ["example.org"]}}, ["cors", "origins", 0]),
        ({"cors": {"origins": ["https://example.org/path"]}}, ["cors", "origins", 0]),
        ({"cors": {"origins": ["*"], "methods": ["G E T"]}}, ["cors", "methods", 0]),
        ({"cors": {"origins": ["*"], "headers": ["x\r\ny"]}}, ["cors", "headers", 0]),
        ({"cors": {"origins": ["*"], "nonsense": 1}}, ["cors", "nonsense"]),
        ({"rate_limit": {"requests": 0, "per_seconds": 1}}, ["rate_limit", "requests"]),
        ({"rate_limit": {"requests": 1}}, ["rate_limit", "per_seconds"]),
        ({"rate_limit": {"requests": 1, "per_seconds": 1, "by": "moon"}}, ["rate_limit", "by"]),
    ],
)
async def test_rules_that_make_no_sense_are_refused(shop: Workshop, changes: dict[str, Any], loc: list[Any]) -> None:
    error = await refused(shop.client.projects.update(shop.project.id, **changes), 422)
    assert [item["loc"] for item in error.problem.errors or []] == [loc]


async def test_without_rules_options_is_a_method_like_any_other(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers("def handler(event, context):\n    return event['method']\n")
    answer = await http.options(path, headers=ASKS)
    assert answer.json() == "OPTIONS"
    assert not any(name.startswith("access-control") for name in answer.headers)


async def test_preflights_are_answered_without_the_function(shop: Workshop, http: httpx.AsyncClient) -> None:
    function = await shop.function()
    await shop.route(function, "/thing", "PUT")
    await rules(shop, cors={"origins": [PAGE], "methods": ["get", "put"], "headers": ["X-A"], "max_age": 5})
    asks = {**ASKS, "Access-Control-Request-Headers": "x-a"}
    answer = await http.options(shop.path("/thing"), headers=asks)
    assert (answer.status_code, answer.content) == (204, b"")
    told = {name: value for name, value in answer.headers.items() if name.startswith("access-control")}
    assert told == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "GET, PUT",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "5",
    }
    assert answer.headers["vary"] == "Origin"
    assert await shop.client.functions.invocations(function.id) == []
    for change in (
        {"Origin": "https://evil.example.org"},
        {"Access-Control-Request-Method": "DELETE"},
        {"Access-Control-Request-Headers": "x-a, x-b"},
    ):
        refusal = await http.options(shop.path("/thing"), headers=asks | change)
        assert refusal.status_code == 403
        assert "access-control-allow-methods" not in refusal.headers
    assert (await http.options(shop.path("/thing"))).status_code == 405, "one that asks for nothing is no preflight"


async def test_answers_and_problems_carry_the_headers(shop: Workshop, http: httpx.AsyncClient) -> None:
    code = """
def handler(event, context):
    if event["query"]:
        raise ValueError
    return {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "mine", "Vary": "Accept"}, "body": "x"}
"""
    path = await shop.answers(code)
    await rules(shop, cors={"origins": [PAGE], "credentials": True})
    for asked, status in ((path, 200), (f"{path}?fail=1", 500), (f"{path}/nothing", 404)):
        answer = await http.get(asked, headers={"Origin": PAGE})
        assert answer.status_code == status
        assert answer.headers.get_list("access-control-allow-origin") == [PAGE]
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in answer.headers["vary"]
    other = await http.get(f"{path}?fail=1", headers={"Origin": "https://evil.example.org"})
    assert "access-control-allow-origin" not in other.headers
    assert other.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in (await http.get(f"{path}?fail=1")).headers
    await rules(shop, cors={"origins": ["*"]})
    answer = await http.get(path, headers={"Origin": "https://anybody.example.org"})
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_every_answer_names_its_request_and_not_the_library(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers("def handler(event, context):\n    return 1\n")
    (function,) = await shop.client.projects.functions(shop.project.id)
    call = f"/api/invoke/{function.id}"
    await rules(shop, cors={"origins": [PAGE]})
    page = {"Access-Control-Request-Method": "PUT", "Origin": "https://clowdy.example.org"}
    asked: list[tuple[int, str, str, dict[str, Any]]] = [
        (200, "GET", path, {}),
        (204, "OPTIONS", path, {"headers": ASKS}),
        (403, "OPTIONS", path, {"headers": ASKS | {"Origin": "https://evil.example.org"}}),
        (413, "POST", path, {"content": b"x" * (1024 * 1024 + 1)}),
        (413, "POST", call, {"content": b"x" * (1024 * 1024 + 1)}),
        (405, "GET", call, {}),
        (401, "GET", "/api/projects", {}),
        (204, "OPTIONS", "/api/projects", {"headers": page}),
        (404, "GET", "/nothing", {}),
        (200, "GET", "/api/health", {}),
    ]
    for status, method, where, given in asked:
        named = given | {"headers": given.get("headers", {}) | {"X-Request-Id": "mine"}}
        answer = await http.request(method, where, **named)
        told = (answer.status_code, answer.headers.get("x-request-id"), answer.headers.get("server"))
        assert told == (status, "mine", "clowdy"), (method, where)
    await rules(shop, rate_limit={"requests": 1, "per_seconds": 3600})
    await http.get(path)
    for method, where in (("GET", path), ("POST", call)):
        answer = await http.request(method, where, headers={"X-Request-Id": "mine"})
        assert (answer.status_code, answer.headers.get("x-request-id")) == (429, "mine"), where
        assert len((await http.request(method, where)).headers["x-request-id"]) == 16


async def test_over_the_limit_is_429_until_later(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await shop.answers("def handler(event, context):\n    return 1\n")
    await rules(shop, rate_limit={"requests": 2, "per_seconds": 3600}, cors={"origins": ["*"]})
    assert [(await http.get(path)).status_code for _ in range(3)] == [200, 200, 429]
    answer = await http.get(path, headers={"X-Forwarded-For": "192.0.2.7", "Origin": PAGE})
    assert (answer.status_code, answer.json()["type"]) == (429, "throttled")
    assert 1700 <= int(answer.headers["retry-after"]) <= 1800
    assert answer.headers["access-control-allow-origin"] == "*"
    assert (await http.options(path, headers=ASKS)).status_code == 204, "a preflight is not counted"
    await rules(shop, rate_limit={"requests": 1, "per_seconds": 3600, "by": "client"})
    for client, status in (("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429)):
        assert (await http.get(path, headers={"X-Forwarded-For": client})).status_code == status


async def test_a_call_by_id_is_no_way_around_but_for_the_owner(shop: Workshop, stranger: Clowdy, other: Clowdy) -> None:
    function = await shop.function()
    await rules(shop, rate_limit={"requests": 1, "per_seconds": 3600})
    assert (await stranger.invoke(function.id)).success
    await refused(stranger.invoke(function.id), 429)
    await refused(other.invoke(function.id), 429)
    for _ in range(3):
        assert (await shop.client.invoke(function.id)).success
    await shop.client.functions.update(function.id, FunctionPatch(description="a save keeps what was counted"))
    await refused(stranger.invoke(function.id), 429)
