"""How the shell and each dialog look, at both sizes. `pytest --snapshot-update` takes new pictures: look at them."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.messages import PlaceChosen
from clowdy_tui.tui.state import Link, Place
from tests.tui.driving import NARROW, NORMAL, make_app, open_function, type_text, until
from tests.tui.fake import PAY, FakeClowdy, busy_example, connect_to, example

Act = Callable[[ClowdyApp, Pilot[None]], Awaitable[None]]
SIZES = pytest.mark.parametrize("size", [NARROW, NORMAL], ids=["80x24", "120x36"])


async def _ready(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: app.state.link is Link.ONLINE)


async def _open(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_function(app, pilot, "orders")


async def _keys(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def _run(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    await _keys(pilot, "f5")
    await until(pilot, lambda: not app.state.running)


async def _unsaved(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    await type_text(pilot, "# to do\n")
    await until(pilot, lambda: app.state.unsaved)


async def _chat(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    await _keys(pilot, "f9")


async def _zoom(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    await _keys(pilot, "f7")


async def _quit(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _unsaved(app, pilot)
    await _keys(pilot, "ctrl+q")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _conflict(app: ClowdyApp, pilot: Pilot[None]) -> None:
    function_id = await open_function(app, pilot, "pay")
    await type_text(pilot, "# mine\n")
    # The gateway's answer alone: a toast about the event would come whenever it comes.
    fake: Any = app.client
    function = fake.all_functions[function_id]
    fake.all_functions[function_id] = function.model_copy(
        update={"code": PAY.replace("paid", "received"), "active_version": 3}
    )
    await _keys(pilot, "ctrl+s")
    await until(pilot, lambda: app.screen is not app.workbench)


def _dialog(*keys: str, on: str = "") -> Act:
    async def act(app: ClowdyApp, pilot: Pilot[None]) -> None:
        await _ready(app, pilot)
        tree = app.workbench.project_tree
        if on:
            await until(pilot, lambda: any(node.data and _named(app, node.data) == on for node in _nodes(tree.root)))
            tree.move_cursor(next(node for node in _nodes(tree.root) if node.data and _named(app, node.data) == on))
            await until(pilot, lambda: _named(app, app.state.place) == on)
        await _keys(pilot, *keys)
        await until(pilot, lambda: app.screen is not app.workbench)

    return act


def _pane(kind: Any, project: str = "shop", *keys: str) -> Act:
    async def act(app: ClowdyApp, pilot: Pilot[None]) -> None:
        await _open(app, pilot)
        id_ = next(project_.id for project_ in app.state.projects.values() if project_.name == project)
        app.post_message(PlaceChosen(Place(kind, None if kind == "dashboard" else id_)))
        await until(pilot, lambda: app.state.where == kind)
        await _keys(pilot, *keys)

    return act


def _nodes(node: Any) -> list[Any]:
    return [found for child in node.children for found in [child, *_nodes(child)]]


def _named(app: ClowdyApp, place: Any) -> str:
    if place.kind == "function":
        return app.state.functions[place.function_id].name
    if place.kind == "route":
        route = app.state.find_route(place.project_id, place.route_id)
        return route.path if route else ""
    return app.state.projects[place.project_id].name if place.kind == "project" else ""


LOOKS: dict[str, Act] = {
    "start": _ready,
    "open": _open,
    "run": _run,
    "unsaved": _unsaved,
    "chat": _chat,
    "zoom": _zoom,
    "quit": _quit,
    "conflict": _conflict,
    "dashboard": _pane("dashboard"),
    "functions": _pane("functions"),
    "routes": _pane("routes"),
    "routes-empty": _pane("routes", "blog"),
    "settings": _pane("settings"),
    "limits": _pane("settings", "shop", "tab", "l"),
    "cors": _pane("settings", "shop", "end", "enter"),
    "new-key": _pane("settings", "shop", "a"),
    "new-project": _dialog("p", on="shop"),
    "new-function": _dialog("ctrl+n", on="shop"),
    "new-route": _dialog("a", *"users", on="shop"),
    "wrong-route": _dialog("a", "colon", *"1", on="shop"),
    "edit-route": _dialog("r", on="/orders/:id"),
    "rename-project": _dialog("r", on="shop"),
    "rename-function": _dialog("r", on="pay"),
    "delete-project": _dialog("d", *"sh", on="shop"),
    "delete-function": _dialog("d", on="orders"),
    "delete-route": _dialog("d", on="/orders/:id"),
    "palette": _dialog("ctrl+p", *"ord"),
    "leader": _dialog("f12"),
    "help": _dialog("f1"),
    "jump": _dialog("ctrl+o"),
    "themes": _dialog("f12", "y"),
    "gateway": _dialog("f12", "v"),
}


BUSY = ("dashboard", "functions")


@SIZES
@pytest.mark.parametrize("look", LOOKS)
def test_looks(snap_compare: Any, look: str, size: tuple[int, int]) -> None:
    app = make_app(connect_to(busy_example())) if look in BUSY else make_app()

    async def act(pilot: Pilot[None]) -> None:
        await LOOKS[look](app, pilot)
        app.clear_notifications()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
@pytest.mark.parametrize("theme", ["clowdy-day", "clowdy-ember"])
def test_themes(snap_compare: Any, theme: str, size: tuple[int, int]) -> None:
    app = make_app(theme=theme)

    async def act(pilot: Pilot[None]) -> None:
        await _run(app, pilot)

    assert snap_compare(app, terminal_size=size, run_before=act)


@SIZES
def test_empty(snap_compare: Any, size: tuple[int, int]) -> None:
    app = make_app(connect_to(FakeClowdy()))

    async def act(pilot: Pilot[None]) -> None:
        await _ready(app, pilot)
        await _keys(pilot, "f3")

    assert snap_compare(app, terminal_size=size, run_before=act)


def test_wide(snap_compare: Any) -> None:
    app = make_app(connect_to(example(), hosted=False))

    async def act(pilot: Pilot[None]) -> None:
        await _run(app, pilot)

    assert snap_compare(app, terminal_size=(200, 50), run_before=act)


def test_too_small(snap_compare: Any) -> None:
    assert snap_compare(make_app(), terminal_size=(50, 12), run_before=_until_loaded)


async def _until_loaded(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, ClowdyApp)
    await _ready(app, pilot)
