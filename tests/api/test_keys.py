"""Routes that ask for a project's API key, routes that ask for the owner's token, and private functions."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from api_support import Workshop, number, refused

from clowdy_tui.client import Clowdy
from clowdy_tui.gateway import auth
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.gateway.guesses import MOST
from clowdy_tui.services import keys as keys_service
from clowdy_tui.services.platform import Platform, PlatformConfig

ANSWER = "def handler(event, context):\n    return 'in'\n"


async def keyed(shop: Workshop, code: str = ANSWER, *, auth: str = "api_key", **fields: str) -> str:
    """The path of a route that asks for something."""
    await shop.route(await shop.function(code, **fields), "/keyed", auth=auth)
    return shop.path("/keyed")


async def test_a_key_is_shown_once_and_kept_as_a_hash(
    shop: Workshop, local: httpx.AsyncClient, platform: Platform
) -> None:
    made = await shop.client.keys.create(shop.project.id, "the app")
    assert made.key.startswith("clowdy_key_")
    assert len(made.key) > 50
    second = await shop.client.keys.create(shop.project.id, "the app")
    assert second.key != made.key
    listed = await local.get(f"/api/projects/{shop.project.id}/keys")
    assert [item["id"] for item in listed.json()] == [second.id, made.id]
    assert set(listed.json()[0]) == {"id", "name", "created_at"}
    for path in platform.config.data_dir.glob("clowdy.db*"):
        assert made.key.encode() not in path.read_bytes()


async def test_a_route_with_a_key_lets_in_who_shows_one(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await keyed(shop)

    async def ask(key: str | None) -> int:
        answer = await http.get(path, headers={} if key is None else {"X-Api-Key": key})
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"] == 'ApiKey header="x-api-key"'
            assert answer.headers["x-request-id"]
        return answer.status_code

    assert (await ask(None), await ask(""), await ask("wrong")) == (401, 401, 401)
    made = await shop.client.keys.create(shop.project.id, "k")
    assert (await ask(made.key), await ask(made.key + "x"), await ask(made.key[:-1])) == (200, 401, 401)
    other = await shop.client.projects.create(f"Other {number()}")
    others = await shop.client.keys.create(other.id, "k")
    assert await ask(others.key) == 401, "another project's"
    second = await shop.client.keys.create(shop.project.id, "second")
    await shop.client.keys.delete(shop.project.id, made.id)
    assert (await ask(made.key), await ask(second.key)) == (401, 200), "taken back at once, and no other with it"
    await refused(shop.client.keys.delete(shop.project.id, others.id), 404)
    await shop.client.projects.delete(other.id)
    await refused(shop.client.keys.list(other.id), 404)


async def test_the_owner_shows_a_key_too_and_is_never_slowed_down(shop: Workshop, local: httpx.AsyncClient) -> None:
    path = await keyed(shop)
    made = await shop.client.keys.create(shop.project.id, "k")
    for _ in range(MOST + 2):
        assert (await local.get(path, headers={"x-api-key": "wrong"})).status_code == 401
    assert (await local.get(path, headers={"x-api-key": made.key})).status_code == 200


async def test_wrong_keys_are_slowed_down_like_wrong_tokens(shop: Workshop, http: httpx.AsyncClient) -> None:
    path = await keyed(shop)
    made = await shop.client.keys.create(shop.project.id, "k")
    here, there = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "198.51.100.2"}
    for attempt in range(MOST):
        assert (await http.get(path, headers=here | {"x-api-key": str(attempt)})).status_code == 401
    refusal = await http.get(path, headers=here | {"x-api-key": made.key})
    assert (refusal.status_code, refusal.json()["type"]) == (429, "too-many-guesses")
    assert (await http.get(path, headers=there | {"x-api-key": made.key})).status_code == 200
    open_path = await shop.answers(ANSWER, "/open")
    answer = await http.get(open_path, headers=here | {"x-api-key": "any", "Authorization": "Bearer any"})
    assert answer.status_code == 200, "what a function of its own makes of them is not ours to judge"


async def test_a_key_stays_out_of_the_log_and_the_function_sees_it(shop: Workshop, http: httpx.AsyncClient) -> None:
    made = await shop.client.keys.create(shop.project.id, "k")
    path = await keyed(shop, "def handler(event, context):\n    return event['headers']\n")
    answer = await http.get(path, headers={"x-api-key": made.key, "X-Request-Id": "r"})
    assert answer.json()["x-api-key"] == made.key
    logged = (await shop.client.invocations.list(limit=1))[0]
    assert logged.input is not None
    assert json.loads(logged.input)["headers"]["x-api-key"] == "****"
    assert made.key not in logged.model_dump_json()


@pytest.mark.parametrize(("kind", "given"), [("none", set()), ("token", {"token"}), ("api_key", {"key"})])
async def test_each_route_asks_for_what_it_says(
    shop: Workshop, http: httpx.AsyncClient, other: Clowdy, owner: Clowdy, kind: str, given: set[str]
) -> None:
    path = await keyed(shop, auth=kind, visibility="private")
    key = (await owner.keys.create(shop.project.id, "k")).key
    token = (await owner.tokens.create("t", scopes=["invoke"])).token
    weak = (await owner.tokens.create("w", scopes=["read"])).token
    theirs = other.connection._http.headers["authorization"]
    shown = {"key": {"x-api-key": key}, "token": {"Authorization": f"Bearer {token}"}}
    right = {name: value for each in given for name, value in shown[each].items()}
    wrong = {name: value for each in shown.keys() - given for name, value in shown[each].items()}
    assert (await http.get(path, headers=right)).text == '"in"'
    assert (await http.get(path, headers=wrong)).status_code == (200 if kind == "none" else 401)
    if kind == "token":
        assert (await http.get(path, headers={"Authorization": f"Bearer {weak}"})).status_code == 403
        assert (await http.get(path, headers={"Authorization": theirs})).status_code == 404


async def test_a_private_function_is_its_owners_alone(
    shop: Workshop, stranger: Clowdy, other: Clowdy, with_scopes: Callable[..., Awaitable[Clowdy]]
) -> None:
    function = await shop.function(ANSWER, visibility="private")
    await refused(stranger.invoke(function.id), 401)
    await refused(other.invoke(function.id), 404)
    await refused((await with_scopes("read", "write")).invoke(function.id), 403)
    assert (await (await with_scopes("invoke")).invoke(function.id)).output == "in"
    assert (await shop.client.invoke(function.id)).output == "in"
    assert [call.output for call in await shop.client.functions.invocations(function.id)] == ['"in"', '"in"']


async def test_a_project_has_only_so_many_keys(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_service, "MOST_KEYS", 2)
    for name in "ab":
        await shop.client.keys.create(shop.project.id, name)
    error = await refused(shop.client.keys.create(shop.project.id, "c"), 409)
    assert "2 keys already" in error.detail


async def test_keys_outlive_the_gateway(data_dir: Path) -> None:
    config = PlatformConfig(data_dir=data_dir, driver="bubblewrap", spares=0)
    for key in (None, "known"):
        platform = await Platform.open(config)
        try:
            async with (
                Gateway(platform, GatewayConfig(port=0)) as gateway,
                Clowdy(socket=gateway.socket_path) as client,
                httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=60) as http,
            ):
                if key is None:
                    shop = Workshop(client, await client.projects.create("Shop"))
                    path = await keyed(shop)
                    known = (await client.keys.create(shop.project.id, "k")).key
                assert (await http.get(path, headers={auth.API_KEY: known})).status_code == 200
                assert (await http.get(path, headers={auth.API_KEY: "x"})).status_code == 401
        finally:
            await platform.close()
