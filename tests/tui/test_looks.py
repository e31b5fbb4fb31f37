"""How the shell and each dialog look, at both sizes. `pytest --snapshot-update` takes new pictures: look at them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from clowdy_tui.client import GatewayGone
from clowdy_tui.domain.assistant import ChatEvent
from clowdy_tui.domain.schemas import EventOut
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.chat.cards import PermissionCard
from clowdy_tui.tui.happenings import LOST
from clowdy_tui.tui.messages import GatewayEvent, PlaceChosen
from clowdy_tui.tui.session import Session
from clowdy_tui.tui.state import Link, Place
from tests.tui.driving import NARROW, NORMAL, make_app, open_function, type_text, until
from tests.tui.fake import PAY, FakeClowdy, busy_example, connect_to, example
from tests.tui.fake_owned import furnish

CODE = "def handler(event, context):\n    items = event.get('items') or []\n    return total(items)\n"
DIFF = """\
--- function.py\tnow
+++ function.py\tthen
@@ -17,2 +17,2 @@
 def handler(event, context):
-    items = event.get("items", [])
+    items = event.get("items") or []
"""
RUN = {"version": 7, "status": "error", "error": "TypeError: 'NoneType' object is not iterable", "duration_ms": 1.9}
DONE = {"response": "", "tool_calls": [], "model": "m", "rounds": 3, "duration_ms": 4200,
        "usage": {"prompt_tokens": 2210, "completion_tokens": 164}}  # fmt: skip
TALK: list[tuple[str, dict[str, Any]]] = [
    ("text", {"text": "I look at the **last calls**."}),
    ("tool_call", {"call_id": "1", "tool": "view_logs", "args": {"function_id": "shop/orders"}}),
    ("tool_result", {"call_id": "1", "tool": "view_logs", "ok": True, "result": {"calls": []}, "duration_ms": 12}),
    ("text", {"text": f"`items` is *null* in one of them:\n\n```python\n{CODE}```\n"}),
    ("tool_call", {"call_id": "2", "tool": "propose_fix", "args": {"why": "items may be null"}}),
    ("permission", {"call_id": "2", "tool": "propose_fix", "args": {}, "kind": "run", "diff": DIFF, "always": False,
                    "title": "Try a new version of orders on the failed call", "detail": "Network off."}),
    ("proof", {"invocation_id": "0" * 16, "function_id": "0" * 12, "network": False, "mended": True, "before": RUN,
               "after": {"version": 8, "status": "success", "output": '{"ok": true}', "duration_ms": 1.4}}),
    ("tool_result", {"call_id": "2", "tool": "propose_fix", "ok": True, "result": {"mended": True}, "duration_ms": 31}),
    ("note", {"text": "api.groq.com takes no more questions for now. Tried again in 7 s"}),
    ("text", {"text": "It was the `null`. Fixed."}),
    ("done", DONE),
]  # fmt: skip

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
    chat = app.workbench.chat
    await until(pilot, lambda: chat.is_ready and chat.body.prompt.area.has_focus and app.talking.status)
    await until(pilot, lambda: chat.body.thread.query(".head"))


async def _chat_no_key(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _ready(app, pilot)
    fake: Any = app.client
    fake.chat.available = False
    await _chat(app, pilot)


async def _chat_asks(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _chat(app, pilot)
    fake: Any = app.client
    fake.chat.script = [ChatEvent(type=type_, data=data) for type_, data in TALK]
    await type_text(pilot, "why does @orders fail\n")
    await until(pilot, lambda: isinstance(app.focused, PermissionCard))
    # The seconds that it takes differ from run to run.
    app.talking._draw = lambda: None  # type: ignore[method-assign]
    app.workbench.chat.body.show_doing(True, "● y or n? · 2 s · esc stops")


async def _chat_done(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _chat_asks(app, pilot)
    del app.talking._draw
    await _keys(pilot, "y")
    await until(pilot, lambda: not app.talking.working)


async def _chat_slash(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _chat(app, pilot)
    await type_text(pilot, "/")
    await until(pilot, lambda: app.workbench.chat.body.prompt.is_choosing)


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


async def _lost(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    event = EventOut(id="1-1", type=LOST, data={"detail": "The gateway closed the connection"})
    app.post_message(GatewayEvent(event))
    await until(pilot, lambda: app.state.link is Link.LOST)


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
    "chat-no-key": _chat_no_key,
    "chat-asks": _chat_asks,
    "chat-done": _chat_done,
    "chat-slash": _chat_slash,
    "zoom": _zoom,
    "lost": _lost,
    "quit": _quit,
    "conflict": _conflict,
    "dashboard": _pane("dashboard"),
    "functions": _pane("functions"),
    "routes": _pane("routes"),
    "routes-empty": _pane("routes", "blog"),
    "settings": _pane("settings"),
    "variables": _pane("variables"),
    "packages": _pane("packages"),
    "database": _pane("database"),
    "database-none": _pane("database", "blog"),
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
OWNED = ("variables", "packages", "database")
"""Where the project has something of its own to show."""


@SIZES
@pytest.mark.parametrize("look", LOOKS)
def test_looks(snap_compare: Any, look: str, size: tuple[int, int]) -> None:
    _look(snap_compare, look, size)


@pytest.mark.parametrize("look", ["dashboard", "settings", "variables"])
def test_wide_looks(snap_compare: Any, look: str) -> None:
    _look(snap_compare, look, (200, 50))


def _look(snap_compare: Any, look: str, size: tuple[int, int]) -> None:
    fake = busy_example() if look in BUSY else example()
    if look in OWNED:
        furnish(fake, next(project.id for project in fake.all_projects.values() if project.name == "shop"))
    app = make_app(connect_to(fake, hosted=look != "lost"))

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


@SIZES
def test_without_a_gateway(snap_compare: Any, size: tuple[int, int]) -> None:
    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        raise GatewayGone("Nobody answers at 127.0.0.1:8000. Start a gateway with: clowdy serve")
        yield

    app = make_app(connect)

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.state.link is Link.FAILED)
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
