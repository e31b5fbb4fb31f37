"""Who may do what by which door, where the gateway listens, and how it stops."""

import asyncio
import os
import re
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import uvloop
from aiohttp import web
from api_support import Workshop, refused, until

from clowdy_tui.client import Clowdy, GatewayGone
from clowdy_tui.domain.errors import DataFolderError, DataFolderLocked, PortTaken, SettingsError
from clowdy_tui.domain.schemas import FunctionIn, RouteIn
from clowdy_tui.gateway import auth, listening
from clowdy_tui.gateway.api import ENDPOINTS
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.gateway.endpoint import Endpoint
from clowdy_tui.services.platform import Platform, PlatformConfig

NOBODY = "0123456789ab"
# A question changes nothing by itself: what the assistant's tools may do is looked at when they do it. And a database
# that is started holds what it held.
ASKS_AND_STOPS = {
    ("POST", "/api/chat"),
    ("POST", "/api/chat/preview"),
    ("DELETE", "/api/chat/turns/{turn_id}"),
    ("POST", "/api/projects/{id}/database/wake"),
}


def test_every_endpoint_says_what_it_does_and_who_may() -> None:
    assert len({(item.method, item.path) for item in ENDPOINTS}) == len(ENDPOINTS)
    for item in ENDPOINTS:
        assert item.summary.endswith("."), item
        if item.scope is not None and (item.method, item.path) not in ASKS_AND_STOPS:
            assert (item.scope == "read") == (item.method == "GET"), item


@pytest.mark.parametrize(
    "endpoint",
    [pytest.param(item, id=f"{item.method} {item.path}") for item in ENDPOINTS if item.scope is not None],
)
async def test_the_management_api_asks_for_a_token_with_the_scope(
    endpoint: Endpoint, http: httpx.AsyncClient, with_scopes: Callable[..., Awaitable[Clowdy]]
) -> None:
    method, path = endpoint.method, endpoint.path
    path = path.replace("{number}", "1")
    path = re.sub(r"\{\w+\}", NOBODY, path)
    answer = await http.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    weak = await with_scopes(*({"invoke", "read", "write"} - {endpoint.scope}))
    answer = await weak.connection._http.request(method, path)
    assert answer.status_code == 403
    assert endpoint.scope in answer.json()["detail"]


async def test_a_token_that_is_none_is_refused(http: httpx.AsyncClient) -> None:
    for header in ("Bearer clowdy_wrong", "bearer x y", "Bearer", "Basic abc", "Bearer clowdy_\udcff"):
        value = header.encode("utf-8", "surrogateescape")
        answer = await http.get("/api/projects", headers={b"authorization": value})
        assert answer.status_code == 401, header


async def test_an_expired_token_is_refused(local: httpx.AsyncClient, http: httpx.AsyncClient) -> None:
    made = (await local.post("/api/tokens", json={"name": "brief", "expires_in_s": 1})).json()

    async def expired() -> bool:
        answer = await http.get("/api/projects", headers={"Authorization": f"Bearer {made['token']}"})
        return answer.status_code == 401

    await until(expired)


async def test_a_token_makes_no_stronger_one(with_scopes: Callable[..., Awaitable[Clowdy]], other: Clowdy) -> None:
    writer = await with_scopes("read", "write")
    await refused(writer.tokens.create("more", scopes=["read", "reveal"]), 403)
    await refused(writer.tokens.create("all"), 403)
    await refused(writer.tokens.create("none said", scopes=[]), 403)
    await refused(other.tokens.create("local's", user="local"), 403)


async def test_everybody_sees_only_what_is_theirs(shop: Workshop, other: Clowdy) -> None:
    function = await shop.function()
    route = await shop.route(function)
    result = await shop.client.invoke(function.id, 1)
    await shop.client.invocations.get(result.invocation_id)
    mine = await other.projects.create("Mine")
    assert [item.id for item in await other.projects.list()] == [mine.id]
    assert await other.functions.list() == []
    assert await other.invocations.list() == []
    assert await other.pool() == []
    assert mine.id not in {item.id for item in await shop.client.projects.list()}
    project, id_ = shop.project.id, function.id
    for call in (
        other.projects.get(project),
        other.projects.update(project, name="x"),
        other.projects.delete(project),
        other.projects.functions(project),
        other.functions.get(id_),
        other.functions.delete(id_),
        other.functions.versions(id_),
        other.functions.activate(id_, 1),
        other.functions.invocations(id_),
        other.functions.create(FunctionIn(name="x", code="", project_id=project)),
        other.routes.list(project),
        other.routes.delete(project, route.id),
        other.routes.create(project, RouteIn(function_id=id_, method="GET", path="/")),
        other.variables.list(project, reveal=True),
        other.variables.set(project, "A", "b"),
        other.invocations.get(result.invocation_id),
        shop.client.projects.get(mine.id),
    ):
        await refused(call, 404)
    await other.projects.delete(mine.id)


async def test_revealing_needs_its_own_scope(shop: Workshop, with_scopes: Callable[..., Awaitable[Clowdy]]) -> None:
    await shop.client.variables.set(shop.project.id, "S", "geheim")
    reader = await with_scopes("read", "write")
    assert [item.value for item in await reader.variables.list(shop.project.id)] == ["****"]
    await refused(reader.variables.list(shop.project.id, reveal=True), 403)
    revealer = await with_scopes("read", "reveal")
    assert [item.value for item in await revealer.variables.list(shop.project.id, reveal=True)] == ["geheim"]


async def test_only_who_administers_stops_the_gateway(
    other: Clowdy, with_scopes: Callable[..., Awaitable[Clowdy]], gateway: Gateway
) -> None:
    await refused(other.stop(), 403)
    await refused((await with_scopes("write")).stop(), 403)
    assert not gateway.stopped.is_set()


async def test_the_socket_is_for_its_owner_alone(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    mode = gateway.socket_path.stat().st_mode
    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
    assert stat.S_IMODE(gateway.socket_path.parent.stat().st_mode) == 0o700
    async with Clowdy(socket=gateway.socket_path) as client:
        monkeypatch.setattr(auth, "peer_uid", lambda request: os.geteuid() + 1)
        await refused(client.projects.list(), 403)
        monkeypatch.setattr(auth, "peer_uid", lambda request: os.geteuid())
        assert (await client.health()).pid == os.getpid()


async def test_cross_origin_requests_are_for_the_named_origins(http: httpx.AsyncClient, shop: Workshop) -> None:
    asks = {"Access-Control-Request-Method": "PUT", "Origin": "https://clowdy.example.org"}
    answer = await http.options("/api/projects", headers=asks)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://clowdy.example.org"
    assert "PUT" in answer.headers["access-control-allow-methods"]
    refusal = await http.options("/api/projects", headers=asks | {"Origin": "https://evil.example"})
    assert (refusal.status_code, refusal.headers.get("access-control-allow-origin")) == (405, None)
    path = await shop.answers("def handler(event, context):\n    return event['method']\n")
    own = await http.options(path, headers=asks)
    assert (own.json(), own.headers.get("access-control-allow-origin")) == ("OPTIONS", None)


@pytest_asyncio.fixture(loop_scope="session")
async def idle(prepared_dir: Path) -> AsyncIterator[Platform]:
    """A platform of its own, with no spares."""
    platform = await Platform.open(PlatformConfig(data_dir=prepared_dir, driver="bubblewrap", spares=0))
    yield platform
    await platform.close()


async def test_a_port_that_is_taken_is_said_so(idle: Platform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port} already"):
            async with Gateway(idle, GatewayConfig(port=port)):
                pass
    async with Gateway(idle, GatewayConfig(port=port)) as gateway:
        assert (gateway.port, gateway.url) == (port, f"http://127.0.0.1:{port}")
        assert idle.public_url == gateway.url


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
async def test_an_address_that_is_not_here_is_said_so(idle: Platform, host: str) -> None:
    with pytest.raises(SettingsError, match="cannot listen"):
        async with Gateway(idle, GatewayConfig(host=host, port=0)):
            pass


async def test_proxies_that_are_none_are_said_so(idle: Platform) -> None:
    with pytest.raises(SettingsError, match="trusted_proxies: 'nonsense'"):
        Gateway(idle, GatewayConfig(trusted_proxies=("nonsense",)))


async def test_a_second_gateway_on_the_folder_is_refused(idle: Platform) -> None:
    async with Gateway(idle, GatewayConfig(port=0)) as gateway:
        with pytest.raises(DataFolderLocked):
            await Platform.open(idle.config)
        async with Clowdy(socket=gateway.socket_path) as client:
            assert (await client.health()).status == "ok"


async def test_a_socket_that_a_killed_gateway_left_is_replaced(idle: Platform) -> None:
    path = listening.place_socket(idle.config.data_dir)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with Gateway(idle, GatewayConfig(port=0)) as gateway, Clowdy(socket=path) as client:
        assert gateway.socket_path == path
        assert (await client.health()).status == "ok"
    assert not path.exists()


async def test_a_path_too_long_for_a_socket_gets_one_elsewhere(scratch: Path) -> None:
    deep = Path(tempfile.mkdtemp(dir=scratch)) / ("d" * 90) / "data"
    path = listening.place_socket(deep)
    try:
        assert len(os.fsencode(path)) <= 100
        assert (deep / "run" / "socket").read_text().strip() == str(path)
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert listening.place_socket(deep) == path
        with socket.socket(socket.AF_UNIX) as usable:
            usable.bind(str(path))
    finally:
        path.unlink(missing_ok=True)


async def test_a_folder_of_somebody_elses_holds_no_socket(scratch: Path) -> None:
    folder = Path(tempfile.mkdtemp(dir=scratch))
    (folder / "run").symlink_to("/tmp")
    with pytest.raises(DataFolderError, match="must be a folder that belongs"):
        listening.place_socket(folder)


async def test_stopping_lets_calls_in_flight_end(platform: Platform, scratch: Path) -> None:
    config = GatewayConfig(port=0, socket_path=scratch / "stopping.sock")
    async with Gateway(platform, config) as gateway:
        client = Clowdy(socket=gateway.socket_path)
        function = await client.functions.create(
            FunctionIn(
                name="slow", code="import time\ndef handler(event, context):\n    time.sleep(0.5)\n    return 7\n"
            )
        )
        call = asyncio.create_task(client.invoke(function.id))

        async def runs() -> bool:
            return any(item.state == "busy" for item in await client.pool())

        await until(runs, within=10)
        await client.stop()
        assert gateway.stopped.is_set()
    assert (await call).output == 7
    with pytest.raises(GatewayGone, match="No gateway answers at"):
        await client.health()
    await client.close()


def test_it_serves_under_uvloop_too(data_dir: Path) -> None:
    async def serve() -> None:
        platform = await Platform.open(PlatformConfig(data_dir=data_dir, driver="bubblewrap", spares=0))
        async with (
            Gateway(platform, GatewayConfig(port=0)) as gateway,
            Clowdy(socket=gateway.socket_path) as owner,
            Clowdy(url=gateway.url) as stranger,
        ):
            assert (await owner.health()).pid == os.getpid()
            assert (await stranger.health()).pid is None
            async with aclosing(owner.events()) as events:
                assert (await anext(events)).type == "hello"
            with pytest.raises(PortTaken):
                await Gateway(platform, GatewayConfig(port=gateway.port)).__aenter__()
        assert not gateway.socket_path.exists()
        await platform.close()

    uvloop.run(serve())


async def test_nobody_there_is_said_clearly(data_dir: Path) -> None:
    for client in (Clowdy(socket=data_dir / "none.sock"), Clowdy(url="http://127.0.0.1:9")):
        async with client:
            with pytest.raises(GatewayGone, match="Start one with: clowdy serve"):
                await client.projects.list()


async def test_somebody_else_there_is_no_gateway(scratch: Path) -> None:
    async def hello(request: web.BaseRequest) -> web.Response:
        if request.path == "/api/functions":
            return web.Response(status=502, text="<h1>bad\ngateway</h1>")
        return web.Response(text="<html>hello</html>")

    runner = web.ServerRunner(web.Server(hello))
    await runner.setup()
    path = str(scratch / "stranger.sock")
    await web.UnixSite(runner, path).start()
    async with Clowdy(socket=Path(path)) as client:
        error = await refused(client.projects.list(), 200)
        assert "does not speak" in error.detail
        error = await refused(client.functions.list(), 502)
        assert error.detail == "<h1>bad gateway</h1>"
    await runner.cleanup()


def test_the_guide_names_every_endpoint_and_no_other() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    rows = [
        row.split("|")[1]
        for row in guide.splitlines()
        if row.startswith("| ") and ("`/api/" in row or "`/metrics`" in row)
    ]
    told: set[tuple[str, str]] = set()
    for row in rows:
        method_list, _, rest = row.strip().partition(" `")
        for method in method_list.split(", "):
            for part in rest.replace("`", "").split(", "):
                told.add((method, part.partition("?")[0].replace("{n}", "{number}")))
    others = {("POST", "/api/invoke/{id}"), ("ANY", "/api/gateway/{slug}/{path}"), ("GET", "/api/events")}
    others |= {("GET", "/api/projects/{id}/database/dump"), ("POST", "/api/projects/{id}/database/restore")}
    assert told == {(item.method, item.path) for item in ENDPOINTS} | others


@pytest.mark.parametrize("opened", [False, True])
async def test_anybody_lists_a_functions_calls_only_where_a_setting_says_so(
    platform: Platform, scratch: Path, opened: bool
) -> None:
    config = GatewayConfig(port=0, socket_path=scratch / "calls.sock", public_invocation_logs=opened)
    async with (
        Gateway(platform, config) as gateway,
        Clowdy(socket=gateway.socket_path) as owner,
        httpx.AsyncClient(base_url=gateway.url, trust_env=False, timeout=60) as nobody,
    ):
        function = await owner.functions.create(FunctionIn(name=f"log-{opened}", code="def handler(event): return 1\n"))
        called = await owner.invoke(function.id, {"who": "me"})
        answer = await nobody.get(f"/api/functions/{function.id}/invocations")
        if opened:
            assert [item["id"] for item in answer.json()] == [called.invocation_id]
            printed = await nobody.get(f"/api/functions/{function.id}/invocations?logs=true")
            assert printed.status_code == 401, "what it printed is not among what the setting opens"
        else:
            assert answer.status_code == 401
        assert (await nobody.get(f"/api/functions/{NOBODY}/invocations")).status_code == 401
        assert (await nobody.get(f"/api/invocations/{called.invocation_id}")).status_code == 401
        assert (await nobody.get(f"/api/functions/{function.id}")).status_code == 401
        await owner.functions.delete(function.id)


async def test_a_function_with_the_network_on_reaches_none_of_the_doors(owner: Clowdy, gateway: Gateway) -> None:
    """Not the owner's socket, by whatever way; nor the port, where the machine can keep its loopback closed."""
    code = """
import glob, os, socket
def handler(event):
    told = []
    for where in (event["socket"], "/proc/1/root" + event["socket"], "/proc/self/cwd" + event["socket"]):
        try:
            socket.socket(socket.AF_UNIX).connect(where)
            told.append(where)
        except OSError:
            pass
    try:
        socket.create_connection(("127.0.0.1", event["port"]), timeout=2)
        told.append("port")
    except OSError:
        pass
    return told
"""
    function = await owner.functions.create(FunctionIn(name="knocks", code=code, network_enabled=True))
    where = {"socket": str(gateway.socket_path), "port": int(gateway.url.rpartition(":")[2].strip("/"))}
    reached = (await owner.invoke(function.id, where)).output
    await owner.functions.delete(function.id)
    apart = "network on without the host's loopback" in ((await owner.health()).enforced or [])
    assert reached == ([] if apart else ["port"])
