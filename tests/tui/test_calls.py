"""Console and history on a real gateway with real sandboxes: save an input, run, look, change, compare, copy."""

import json
import re
import shlex
from pathlib import Path

import httpx
import pytest

from clowdy_tui.domain.schemas import FunctionPatch
from clowdy_tui.tui.state import Link
from tests.tui.driving import open_function, screen, shown, shows, type_text, until
from tests.tui.test_main_job import hosting

pytestmark = pytest.mark.slow

CODE = """
def handler(event, context):
    print("WARNING adding up", event)
    return {"total": sum(event["items"]), "note": {"version": %d}}
"""


async def test_from_a_saved_input_to_two_versions_compared(prepared_dir: Path) -> None:
    async with screen(connect=hosting(prepared_dir)) as (app, pilot):
        assert app.state.link is Link.ONLINE, app.state.problem
        function_id = await open_function(app, pilot, "hello")
        for number in (2, 3):
            await app.client.functions.update(function_id, FunctionPatch(code=CODE % number))
        await until(pilot, lambda: app.state.functions[function_id].active_version == 3)
        console, history = app.workbench.dock.test, app.workbench.dock.history

        # An input is kept with the function, and comes back from there.
        await pilot.press("f4")
        console.input.load_text('{"items": [1, 2]}')
        await pilot.press("f12", "1")
        await until(pilot, lambda: app.screen is not app.workbench)
        await type_text(pilot, "two items")
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.workbench and console.input_name == "two items")
        assert [saved.input for saved in await app.client.inputs.list(function_id)] == [{"items": [1, 2]}]
        console.input.load_text("{}")
        await pilot.press("f12", "I")
        await until(pilot, lambda: app.screen is not app.workbench)
        await pilot.press("enter")
        await until(pilot, lambda: console.parsed().value == {"items": [1, 2]})
        await shows(pilot, "two items ▾")

        # It runs; the history has the call; there it is opened, and run again.
        await pilot.press("f5")
        await until(pilot, lambda: not app.state.running and '"total": 3' in shown(app))
        await pilot.press("f12", "4")
        await until(pilot, lambda: app.state.call is not None)
        assert app.state.where == "history"
        await shows(pilot, '{"items": [1, 2]} → {"total":3,')
        await pilot.press("enter")
        await shows(pilot, "── request ──")
        await shows(pilot, "WARNING adding up")
        await shows(pilot, "█ run")
        await pilot.press("r")
        await until(pilot, lambda: app.screen is app.workbench and not app.state.running and app.state.where == "test")
        await until(pilot, lambda: len(history.view.pages) == 1)
        await pilot.press("f12", "4")
        await until(pilot, lambda: len(history.view.pages) == 2)
        newest = history.view.pages.row(0)
        assert newest is not None
        assert newest.source == "replay"

        # Its input is changed and run; the old one is compared with another version's answer.
        await pilot.press("i")
        await until(pilot, lambda: console.input.has_focus and console.input_name == "")
        assert console.parsed().value == {"items": [1, 2]}
        console.input.load_text('{"items": [5]}')
        await pilot.press("f5")
        await until(pilot, lambda: not app.state.running and '"total": 5' in shown(app))
        await pilot.press("f12", "percent_sign")
        # The other versions come first.
        await shows(pilot, "Compare version 3 with")
        assert re.findall(r"[● ] (v\d) .*· local ·|[● ] (v\d) +local ·", shown(app)) == [
            ("", "v2"),
            ("", "v1"),
            ("", "v3"),
        ]
        await type_text(pilot, "v2")
        await pilot.press("enter")
        await shows(pilot, "≠ the answers differ")
        assert '-     "version": 3' in shown(app)
        assert '+     "version": 2' in shown(app)
        await pilot.press("escape")

        # What is copied does the same in a shell.
        await pilot.press("f12", "U")
        await until(pilot, lambda: app.clipboard.startswith("curl"))
        words = shlex.split(app.clipboard)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            answer = await http.post(words[1], content=words[words.index("-d") + 1])
        assert answer.json()["output"]["total"] == 5
        await pilot.press("f12", "3")
        await until(pilot, lambda: app.clipboard.startswith("clowdy invoke"))
        assert json.loads(shlex.split(app.clipboard)[-1]) == {"items": [5]}

        # And the log knows all of it, by level and from before.
        await pilot.press("f8")
        await pilot.press("slash", *"level:warn", "enter")
        await shows(pilot, "WARNING adding up")


async def test_what_cannot_be_done_says_why(prepared_dir: Path) -> None:
    async with screen(connect=hosting(prepared_dir)) as (app, pilot):
        function_id = await open_function(app, pilot, "hello")
        await pilot.press("f12", "at")
        await shows(pilot, "Choose a call in the history first")
        console = app.workbench.dock.test
        console.input.load_text('{"items": [1,}')
        await pilot.press("f12", "1")
        await shows(pilot, "the input is not JSON")
        project = app.state.projects[app.state.functions[function_id].project_id or ""]
        await app.client.projects.update(project.id, capture="none")
        await app.client.invoke(function_id, {"items": [1]})
        await pilot.press("f12", "4")
        await until(pilot, lambda: app.state.call is not None)
        await shows(pilot, "not kept → not kept")
        await pilot.press("c")
        await shows(pilot, "Its input was not kept")
        await pilot.press("i")
        await shows(pilot, "Its input cannot be changed and run")
        await pilot.press("f12", "4")
        await until(pilot, lambda: app.workbench.dock.history.view.has_focus)
        await pilot.press("v")
        await shows(pilot, "Run the call of version 1 again by")
        await pilot.press("enter")
        await shows(pilot, "The call could not be run again")


async def test_the_log_is_saved_to_a_file_and_none_is_lost_by_it(prepared_dir: Path, tmp_path: Path) -> None:
    async with screen(connect=hosting(prepared_dir)) as (app, pilot):
        function_id = await open_function(app, pilot, "hello")
        await app.client.functions.update(function_id, FunctionPatch(code=CODE % 2))
        await app.client.invoke(function_id, {"items": [1]})
        await pilot.press("f8")
        await shows(pilot, "WARNING adding up")
        path = tmp_path / "log.txt"
        path.write_text("precious")
        await pilot.press("s")
        await until(pilot, lambda: app.screen is not app.workbench)
        field = app.screen.query_one("Input")
        field.value = str(path)  # type: ignore[attr-defined]
        await pilot.press("enter")
        await shows(pilot, "is there already")
        assert path.read_text() == "precious"
        await pilot.press("enter")
        await shows(pilot, "Log saved")
        assert "WARNING adding up {'items': [1]}" in path.read_text()
        await pilot.press("s")
        await until(pilot, lambda: app.screen is not app.workbench)
        app.screen.query_one("Input").value = str(tmp_path / "none" / "log.txt")  # type: ignore[attr-defined]
        await pilot.press("enter")
        await shows(pilot, "cannot be written")
