"""How the editor's bar, list, marks and dialogs look, at both sizes. `pytest --snapshot-update` takes new pictures."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.state import Link, Place
from clowdy_tui.tui.widgets.completion import CompletionList
from tests.tui.driving import NARROW, NORMAL, make_app, open_function, shows, type_text, until
from tests.tui.fake import FakeClowdy, connect_to, example

Act = Callable[[ClowdyApp, Pilot[None]], Awaitable[None]]


def _fake() -> FakeClowdy:
    fake = example()
    pay = next(function for function in fake.all_functions.values() if function.name == "pay")
    files = {"rates.json": '{"EUR": 1}\n', "lib/tax.py": "RATE = 19\n"}
    fake.all_functions[pay.id] = pay.model_copy(update={"files": files})
    return fake


async def _find(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_function(app, pilot, "orders")
    await pilot.press("ctrl+f")
    await shows(pilot, "Find")
    await type_text(pilot, "items")
    await shows(pilot, "1/7")


async def _replace(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_function(app, pilot, "orders")
    await pilot.press("alt+r")
    await shows(pilot, "With")
    await type_text(pilot, "(item")
    await pilot.press("alt+x")
    await shows(pilot, "missing )")


async def _line(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_function(app, pilot, "orders")
    await pilot.press("alt+g")
    await shows(pilot, "Go to line")
    await pilot.press("1", "x")
    await shows(pilot, "a number, please")


async def _names(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_function(app, pilot, "orders")
    await pilot.press("enter", "up")
    await type_text(pilot, "json.l")

    def offered() -> bool:
        found = app.workbench.query(CompletionList)
        return bool(found) and found.first().display and found.first()._prefix == "l"

    await until(pilot, offered)
    await pilot.press("down", "down")
    area = app.workbench.tabs.area
    assert area is not None
    await until(pilot, lambda: area.marks.problems)


async def _problems(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_function(app, pilot, "pay")
    await type_text(pilot, "import os\n\nx = total(1)\n")
    await shows(pilot, "2 problems")
    await pilot.press("alt+p", "alt+p")
    await shows(pilot, "Undefined name")


async def _file(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: app.state.link is Link.ONLINE)
    fake: Any = app.client
    pay = next(function for function in fake.all_functions.values() if function.name == "pay")
    place = Place("file", pay.project_id, pay.id, path="rates.json")
    app.workbench.go("tree")
    app.workbench.project_tree.reveal(place)
    await until(pilot, lambda: app.state.place == place)


async def _new_file(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _file(app, pilot)
    await pilot.press("f")
    await shows(pilot, "New file in pay")
    await type_text(pilot, "lib/money.py")
    await shows(pilot, "import lib.money")


async def _delete_file(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _file(app, pilot)
    await pilot.press("d")
    await shows(pilot, "keeps it")


LOOKS: dict[str, Act] = {
    "find": _find,
    "replace": _replace,
    "line": _line,
    "names": _names,
    "problems": _problems,
    "files": _file,
    "new-file": _new_file,
    "delete-file": _delete_file,
}


@pytest.mark.parametrize("size", [NARROW, NORMAL], ids=["80x24", "120x36"])
@pytest.mark.parametrize("look", LOOKS)
def test_looks(snap_compare: Any, look: str, size: tuple[int, int]) -> None:
    app = make_app(connect_to(_fake()))

    async def act(pilot: Pilot[None]) -> None:
        await LOOKS[look](app, pilot)
        app.clear_notifications()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=act)
