"""What is on each picture: how one gets there, by the keys that a person presses."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from textual.pilot import Pilot

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.messages import PlaceChosen
from clowdy_tui.tui.state import Link, Place, PlaceKind

NARROW, NORMAL, WIDE = (80, 24), (120, 36), (200, 50)
ALL = (NARROW, NORMAL, WIDE)
DIALOG = (NARROW, NORMAL)
WITHIN_S = 60.0
INPUT = '{\n  "id": 21,\n  "customer": "Barbara",\n  "items": ["tea", "mug", "cake"]\n}'
WRONG_INPUT = '{\n  "id": 22,\n  "customer": "Alan",\n  "items": ["tea", "coffee"]\n}'

Act = Callable[[ClowdyApp, Pilot[None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture at each size. Dialogs are no wider in a wide terminal. `empty`: of a gateway that holds nothing yet; `live`: calls come in first."""

    name: str
    act: Act
    sizes: tuple[tuple[int, int], ...] = ALL
    theme: str | None = None
    empty: bool = False
    live: bool = False


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait for something to become true.

    Raises:
        TimeoutError: it does not.
    """
    async with asyncio.timeout(WITHIN_S):
        while not condition():
            await pilot.pause(0.01)
    await pilot.pause()


async def open_(app: ClowdyApp, pilot: Pilot[None], name: str) -> None:
    """Open a function by enter in the tree."""
    await put_cursor(app, pilot, name)
    await pilot.press("enter")
    function_id = _id(app, name)
    await until(pilot, lambda: app.state.open_function == function_id and app.state.region == "editor")


async def put_cursor(app: ClowdyApp, pilot: Pilot[None], name: str) -> None:
    """Put the tree's cursor on a function, or on a route by its path."""
    place = next((Place("route", r.project_id, r.function_id, r.id)
                  for routes in app.state.routes.values() for r in routes if r.path == name), None)  # fmt: skip
    if place is None:
        function = app.state.functions[_id(app, name)]
        place = Place("function", function.project_id, function.id)
    app.workbench.go("tree")
    app.workbench.project_tree.reveal(place)
    await until(pilot, lambda: app.state.place == place and app.state.region == "tree")


def _id(app: ClowdyApp, name: str) -> str:
    return next(function.id for function in app.state.functions.values() if function.name == name)


async def _welcome(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await pilot.press("f3")


async def _write(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_(app, pilot, "pay")
    await open_(app, pilot, "orders")
    area = app.workbench.tabs.area
    assert area is not None
    area.move_cursor((20, 11))
    await pilot.pause()


async def _run(app: ClowdyApp, pilot: Pilot[None], text: str = INPUT) -> None:
    console = app.workbench.dock.test
    console.input.load_text(text)
    await pilot.press("f5")
    await until(pilot, lambda: not app.state.running and not console.running)


async def _workbench(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _write(app, pilot)
    await _run(app, pilot)


async def _test(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _write(app, pilot)
    await _run(app, pilot, WRONG_INPUT)
    await pilot.press("f4")


async def _logs(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _write(app, pilot)
    await pilot.press("f8")


async def _logs_zoomed(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _logs(app, pilot)
    await pilot.press("f7")


async def _call(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _logs(app, pilot)
    await pilot.press("slash", *"coffee", "enter")
    await until(pilot, lambda: not app.workbench.query_one("#filter").has_focus)
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _history(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _write(app, pilot)
    await _run(app, pilot)
    await _run(app, pilot, WRONG_INPUT)
    await pilot.press("f12", "4")
    await until(pilot, lambda: app.state.call is not None)


async def _history_call(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _history(app, pilot)
    await pilot.press("enter")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _inputs(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _workbench(app, pilot)
    assert app.state.open_function is not None
    for name in ("two items", "no customer"):
        await app.client.inputs.set(app.state.open_function, name, {"id": 21, "items": ["tea", "mug"]})
    await pilot.press("f12", "I")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _logs_searched(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _logs_zoomed(app, pilot)
    await pilot.press("slash", *"status:failed", "enter")
    await until(pilot, lambda: not app.workbench.query_one("#filter").has_focus)
    # It goes back through all calls by itself.
    logs = app.workbench.dock.logs
    await until(pilot, lambda: logs.older.said == "all there is" or len(logs.buffer.shown) >= logs.size.height)


async def _chat(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await pilot.press("f9")
    await until(pilot, lambda: app.workbench.chat.is_ready and app.workbench.chat.body.thread.query(".code"))


def _over(name: str, *keys: str) -> Act:
    """What comes over the workbench at these keys, with the tree's cursor on a function or route."""

    async def act(app: ClowdyApp, pilot: Pilot[None]) -> None:
        await _workbench(app, pilot)
        await put_cursor(app, pilot, name)
        await pilot.press(*keys)
        await until(pilot, lambda: app.screen is not app.workbench)

    return act


def _pane(kind: PlaceKind, *keys: str, project: str | None = "shop", blank: bool = False) -> Act:
    """A pane beside the files, and these keys in it; `blank`: there is nothing in it yet."""

    async def act(app: ClowdyApp, pilot: Pilot[None]) -> None:
        await _workbench(app, pilot)
        id_ = next((one.id for one in app.state.projects.values() if one.name == project), None)
        app.post_message(PlaceChosen(Place(kind, id_)))
        await until(pilot, lambda: app.state.where == kind)
        await until(pilot, lambda: app.workbench.tabs.query_one(".pane-blank").display is blank)
        await pilot.press(*keys)

    return act


async def _jump(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _workbench(app, pilot)
    await pilot.press("ctrl+o")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _unsaved(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _write(app, pilot)
    await pilot.press("end", *"  # for now")
    await until(pilot, lambda: app.state.unsaved)
    await pilot.press("ctrl+q")
    await until(pilot, lambda: app.screen is not app.workbench)


async def ready(app: ClowdyApp, pilot: Pilot[None]) -> None:
    """Everything is loaded."""
    await until(pilot, lambda: app.state.link in (Link.ONLINE, Link.FAILED))


SCENES = (
    Scene("welcome", _welcome),
    Scene("empty", _welcome, empty=True),
    # Before more is called than an hour has.
    Scene("dashboard", _pane("dashboard", project=None)),
    Scene("functions", _pane("functions")),
    Scene("workbench", _workbench),
    Scene("test", _test),
    Scene("logs", _logs, live=True),
    Scene("logs-zoomed", _logs_zoomed, live=True),
    Scene("logs-searched", _logs_searched, live=True),
    Scene("history", _history, live=True),
    Scene("history-call", _history_call, live=True),
    Scene("inputs", _inputs),
    Scene("call", _call, live=True),
    Scene("chat-no-key", _chat, empty=True),
    Scene("routes", _pane("routes")),
    Scene("settings", _pane("settings")),
    Scene("variables", _pane("variables")),
    Scene("packages", _pane("packages")),
    Scene("packages-none", _pane("packages", project="site", blank=True)),
    Scene("database", _pane("database")),
    Scene("database-none", _pane("database", project="site", blank=True)),
    Scene("jump", _jump),
    Scene("dialog-limits", _pane("settings", "tab", "l"), DIALOG),
    Scene("dialog-cors", _pane("settings", "end", "enter"), DIALOG),
    Scene("help", _over("orders", "f1")),
    Scene("palette", _over("orders", "ctrl+p")),
    Scene("leader", _over("orders", "f12")),
    Scene("dialog-new-function", _over("orders", "n", *"ship_label"), DIALOG),
    Scene("dialog-new-route", _over("orders", "a", *"orders/:id/items"), DIALOG),
    Scene("dialog-delete-function", _over("orders", "d"), DIALOG),
    Scene("dialog-unsaved", _unsaved, DIALOG),
    Scene("dialog-gateway", _over("orders", "f12", "v"), DIALOG),
    Scene("dialog-theme", _over("orders", "f12", "y"), (NORMAL,)),
)
