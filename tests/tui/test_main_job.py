"""The main job on the real thing: a gateway in the screen's own loop, a real sandbox, and curl's way in."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionPatch, RoutePatch
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.session import Connect, Session
from clowdy_tui.tui.state import Link, Place
from clowdy_tui.tui.widgets.pool_map import PoolMap
from clowdy_tui.tui.widgets.table import Table
from tests.tui.driving import NARROW, open_function, press_mouse, screen, shown, shows, spot, type_text, until


def hosting(data_dir: Path) -> Connect:
    """A real gateway in the screen's own loop, with the example."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        platform = await Platform.open(PlatformConfig(data_dir=data_dir, driver="bubblewrap", spares=2))
        try:
            await platform.make_example()
            async with (
                Gateway(platform, GatewayConfig(host="127.0.0.1", port=0)) as gateway,
                Clowdy(socket=gateway.socket_path) as client,
            ):
                yield Session(client=client, hosted=True, url=gateway.url)
        finally:
            await platform.close()

    return connect


@pytest.mark.slow
async def test_the_panes_on_a_real_gateway(prepared_dir: Path) -> None:
    """A route tried and called, the call and its sandbox on the dashboard, the sandbox killed, limits and a key."""
    async with screen(connect=hosting(prepared_dir), size=(120, 50)) as (app, pilot):
        await until(pilot, lambda: app.state.link is Link.ONLINE and app.state.projects)
        project = next(iter(app.state.projects.values()))
        app.panes.open(Place("routes", project.id))
        await until(pilot, lambda: app.state.route is not None)
        route = app.state.route
        assert route is not None
        await pilot.press("t")
        await until(pilot, lambda: app.state.region == "dock")
        await pilot.press("f5")
        await shows(pilot, "✓ success")
        await pilot.press("f10")
        await until(pilot, lambda: app.state.where == "dashboard")
        await until(pilot, lambda: _table_has_focus(app) and app.workbench.tabs.query_one(PoolMap).chosen)
        await pilot.press("tab")
        await until(pilot, lambda: app.state.pane.kind == "instance" and app.state.pane.function_id)
        killed = app.state.pane.instance_id
        await pilot.press("K")
        await shows(pilot, "is gone")
        assert killed not in [instance.id for instance in await app.client.pool()]
        app.panes.open(Place("settings", project.id))
        await shows(pilot, "128 MiB")
        await until(pilot, lambda: _table_has_focus(app))
        await pilot.press("tab", "enter")
        await shows(pilot, "MiB for each instance")
        await type_text(pilot, "256")
        await pilot.press("enter")
        await shows(pilot, "256 MiB")
        await pilot.press("a")
        await shows(pilot, "the key itself is shown once")
        await type_text(pilot, "till")
        await pilot.press("enter")
        await shows(pilot, "The key till")
        await shows(pilot, "Close  esc")
        await pilot.press("c")
        await until(pilot, lambda: app.clipboard)
        await app.client.routes.update(project.id, route.id, RoutePatch(auth="api_key"))
        await shows(pilot, "1 route asks for one")
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            url = route.url.replace(":name", "ada")
            assert (await http.request(_method(route.method), url)).status_code == 401
            answer = await http.request(_method(route.method), url, headers={"x-api-key": app.clipboard})
            assert answer.status_code == 200


def _table_has_focus(app: ClowdyApp) -> bool:
    """Whether the pane's figures have come: until then something else has it."""
    pane = app.workbench.tabs.pane
    return pane is not None and any(table.has_focus_within for table in pane.query(Table))


def _method(method: str) -> str:
    return "GET" if method == "ANY" else method


async def test_the_main_job(data_dir: Path) -> None:
    """Open, change, save, run, curl, see the log come; quit, start again, and all is still there."""
    async with screen(connect=hosting(data_dir), size=NARROW) as (app, pilot):
        assert app.state.link is Link.ONLINE, app.state.problem
        function_id = await open_function(app, pilot, "hello")
        await type_text(pilot, 'print("typed by a test")\n')
        await until(pilot, lambda: app.state.unsaved == {function_id})
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.state.functions[function_id].active_version == 2)
        await until(pilot, lambda: not app.state.unsaved)

        await pilot.press("f5")
        await until(pilot, lambda: not app.state.running and "✓ success" in shown(app))
        assert "v2" in shown(app)

        await pilot.press("f8")
        await shows(pilot, "typed by a test")
        route = next(route for route in app.state.routes_to(function_id) if ":" not in route.path)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            answer = await http.request(route.method, route.url)
        assert answer.status_code == 200, answer.text
        assert json.loads(answer.text)
        await shows(pilot, route.path)
        await pilot.press("enter")
        await shows(pilot, "Call of hello")
        await pilot.press("escape")

    async with screen(connect=hosting(data_dir), size=NARROW) as (app, pilot):
        assert app.state.functions[function_id].active_version == 2
        await open_function(app, pilot, "hello")
        await shows(pilot, 'print("typed by a test")')


async def test_the_main_job_by_mouse(prepared_dir: Path) -> None:
    """No key but the letters of the change: open, save, run, see the log, open a call, go back to the first version."""
    async with screen(connect=hosting(prepared_dir)) as (app, pilot):

        async def click(text: str, *, times: int = 1) -> None:
            where = None
            # Where it stands still: a list is laid out once more when its rows are known.
            while where is None or where != spot(app, text):
                await shows(pilot, text)
                where = spot(app, text)
                await pilot.pause()
            press_mouse(app, where, times=times)

        await click("hello ")
        await until(pilot, lambda: app.state.open_function and app.state.region == "editor")
        function_id = app.state.open_function
        assert function_id is not None
        await click('"""')
        await type_text(pilot, "#")
        await until(pilot, lambda: app.state.unsaved == {function_id})
        await click("Save")
        await until(pilot, lambda: app.state.functions[function_id].active_version == 2)
        await click("Run")
        await shows(pilot, "✓ success")
        await click("Logs")
        await click("greeting world", times=2)
        await click("Close")
        await until(pilot, lambda: app.screen is app.workbench)
        await click("Commands")
        await click("Versions  ")
        await shows(pilot, "Versions of hello")
        await click("  v1")
        await shows(pilot, "From nothing to v1")
        await click("Activate")
        await until(pilot, lambda: app.state.functions[function_id].active_version == 1)


async def test_two_screens_see_each_other(prepared_dir: Path) -> None:
    """A save in one shows up in the other without a key; a save on top of it is refused with the difference."""
    platform = await Platform.open(PlatformConfig(data_dir=prepared_dir, driver="bubblewrap", spares=2))
    try:
        await platform.make_example()
        async with Gateway(platform, GatewayConfig(host="127.0.0.1", port=0)) as gateway:

            @asynccontextmanager
            async def attach() -> AsyncIterator[Session]:
                async with Clowdy(socket=gateway.socket_path) as client:
                    yield Session(client=client, hosted=False, url=gateway.url)

            async with Clowdy(socket=gateway.socket_path) as other, screen(connect=attach) as (app, pilot):
                function_id = await open_function(app, pilot, "hello")
                function = await other.functions.get(function_id)
                await _save(other, function_id, "# theirs\n" + function.code)
                await shows(pilot, "# theirs")
                await type_text(pilot, "# mine\n")
                await _save(other, function_id, "# once more\n" + function.code)
                await shows(pilot, "was saved elsewhere")
                await pilot.press("ctrl+s")
                await shows(pilot, "+# once more")
                await pilot.press("o")
                await until(
                    pilot, lambda: not app.state.unsaved and app.state.functions[function_id].active_version == 4
                )
                saved = await other.functions.get(function_id)
                assert "# mine" in saved.code
                project = await other.projects.create("garden")
                await shows(pilot, "garden")
                await other.projects.delete(project.id)
                await until(pilot, lambda: "▾ garden" not in shown(app))
    finally:
        await platform.close()


async def _save(client: Clowdy, function_id: str, code: str) -> None:
    await client.functions.update(function_id, FunctionPatch(code=code))


async def test_what_the_gateway_refuses_stands_at_the_field(prepared_dir: Path) -> None:
    async with screen(connect=hosting(prepared_dir)) as (app, pilot):
        await open_function(app, pilot, "hello")
        await pilot.press("ctrl+n")
        await shows(pilot, "New function")
        await type_text(pilot, "words")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query(".field.-wrong"))
        assert "words" in shown(app)
        await type_text(pilot, "2")
        await pilot.press("enter")
        await until(pilot, lambda: any(function.name == "words2" for function in app.state.functions.values()))
