"""What a screen leaves for the next one: drafts that survive a kill, and the desk as it was."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from clowdy_tui.client import GatewayGone
from clowdy_tui.tui.memory import layout as layouts
from clowdy_tui.tui.memory.drafts import Draft, DraftStore
from clowdy_tui.tui.memory.layout import Layout, OpenFile
from clowdy_tui.tui.messages import PlaceChosen
from clowdy_tui.tui.session import Session
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.widgets.code_area import CodeArea
from tests.tui.driving import NARROW, open_function, screen, shown, shows, type_text, until
from tests.tui.fake import PAY, example

DRAFT = Draft("f1", "function.py", "pay.py", 2, "old\n", "né\u2028w\n\ud800", 1, 2)


# The folders.


def _left_by_a_killed_screen(folder: Path, *drafts: Draft) -> None:
    store = DraftStore(folder)
    for draft in drafts:
        store.write(draft)
    # What the kernel does to a killed process's lock; the files stay.
    lock = store._lock
    assert lock is not None
    os.close(lock)


def test_drafts_of_a_killed_screen_are_taken_over_once(tmp_path: Path) -> None:
    _left_by_a_killed_screen(tmp_path, DRAFT)
    first, second = DraftStore(tmp_path), DraftStore(tmp_path)
    assert first.adopt() == ([DRAFT], [])
    assert second.adopt() == ([], [])
    first.close()
    assert second.adopt() == ([DRAFT], [])
    second.remove(DRAFT.key)
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_a_living_screen_keeps_its_drafts_to_itself(tmp_path: Path) -> None:
    living = DraftStore(tmp_path)
    living.write(DRAFT)
    other = DraftStore(tmp_path)
    assert other.adopt() == ([], [])
    living.close()
    assert other.adopt() == ([DRAFT], [])
    other.close()


def test_of_two_drafts_of_a_file_the_newer_comes_first_and_the_older_is_not_lost(tmp_path: Path) -> None:
    older = Draft("f1", "function.py", "pay.py", 2, "old\n", "older\n")
    _left_by_a_killed_screen(tmp_path, older)
    (path,) = tmp_path.glob("*/*.json")
    os.utime(path, (1, 1))
    _left_by_a_killed_screen(tmp_path, DRAFT)
    store = DraftStore(tmp_path)
    assert store.adopt() == ([DRAFT], [])
    store.remove(DRAFT.key)
    store.close()
    assert DraftStore(tmp_path).adopt()[0] == [older]


def test_a_damaged_draft_is_reported_and_stays(tmp_path: Path) -> None:
    _left_by_a_killed_screen(tmp_path, DRAFT)
    (path,) = tmp_path.glob("*/*.json")
    path.write_text('{"text":')
    store = DraftStore(tmp_path)
    drafts, (problem,) = store.adopt()
    assert drafts == []
    assert str(path) in problem
    assert path.exists()


def test_a_layout_comes_back_as_it_was(tmp_path: Path) -> None:
    layout = Layout(
        (OpenFile("f1", "function.py", (1, 2), (3, 4), 5),), (("routes", "p1"),), ("f1", "function.py"), "editor",
        "logs", ("-zoom-editor",), ((("project", "p1", None, None), False),),
    )  # fmt: skip
    path = tmp_path / "screen" / "layout.json"
    assert layouts.read(path) == Layout()
    layouts.write(path, layout)
    assert layouts.read(path) == layout


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "files": [{}]}', '{"format": 1, "files": 3}'])
def test_what_is_no_layout_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "layout.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"layout|Expecting"):
        layouts.read(path)


def test_a_layout_of_another_format_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "layout.json"
    path.write_text(json.dumps({"format": 99}))
    assert layouts.read(path) == Layout()


# The screen.


def _area(app: Any) -> CodeArea:
    area = app.workbench.tabs.area
    assert area is not None
    return area


def _drafts(folder: Path) -> list[str]:
    texts = []
    for path in folder.glob("drafts/*/*.json"):
        # One may go between the look at the folder and the look into the file.
        with suppress(FileNotFoundError):
            texts.append(json.loads(path.read_text())["text"])
    return texts


async def test_what_was_typed_is_on_disk_a_moment_later_and_goes_when_it_is_saved(tmp_path: Path) -> None:
    async with screen(state_dir=tmp_path) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        await until(pilot, lambda: _drafts(tmp_path) == ["# mine\n" + PAY])
        await pilot.press("ctrl+s")
        await until(pilot, lambda: _drafts(tmp_path) == [])


async def test_a_screen_that_falls_over_says_why_and_keeps_the_draft(tmp_path: Path) -> None:
    async def fall() -> None:
        async with screen(example(), state_dir=tmp_path) as (app, pilot):
            await open_function(app, pilot, "pay")
            await type_text(pilot, "# mine\n")
            await until(pilot, lambda: _drafts(tmp_path) == ["# mine\n" + PAY])

            # As what is checked a moment after the last key: the panes go before the app does.
            def look() -> None:
                assert app.workbench.tabs
                app.after(0.0001, look)

            look()
            raise RuntimeError("the fault itself")

    with pytest.raises(RuntimeError, match="the fault itself"):
        await fall()
    assert _drafts(tmp_path) == ["# mine\n" + PAY]


async def test_after_a_hang_up_the_draft_comes_back_unsaved(tmp_path: Path) -> None:
    fake = example()
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        # As a hang-up ends it: no question is asked.
        app.exit()
        await until(pilot, lambda: not app.is_running)
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await shows(pilot, "1 file came back")
        assert _area(app).text == "# mine\n" + PAY
        assert app.state.unsaved
        assert _area(app).cursor_location == (1, 0)
        await pilot.press("f3", "ctrl+z")
        await until(pilot, lambda: not app.state.unsaved)
        assert _area(app).text == PAY
        await until(pilot, lambda: _drafts(tmp_path) == [])


async def test_a_draft_meets_what_somebody_saved_meanwhile(tmp_path: Path) -> None:
    fake = example()
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        app.exit()
        await until(pilot, lambda: not app.is_running)
    fake.save_elsewhere(function_id, "# theirs\n" + PAY)
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await shows(pilot, "changed elsewhere: v3")
        assert _area(app).text == "# mine\n" + PAY
        await pilot.press("f3", "ctrl+s")
        await shows(pilot, "+# theirs")


async def test_a_draft_of_a_deleted_function_comes_back_too(tmp_path: Path) -> None:
    fake = example()
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        app.exit()
        await until(pilot, lambda: not app.is_running)
    del fake.all_functions[function_id]
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await shows(pilot, "# mine")
        await pilot.press("f3", "ctrl+s")
        await shows(pilot, "New function")


@pytest.mark.parametrize(("letter", "kept"), [("k", ["# mine\n" + PAY]), ("d", []), ("s", [])])
async def test_quitting_keeps_drops_or_saves(tmp_path: Path, letter: str, kept: list[str]) -> None:
    async with screen(state_dir=tmp_path) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        await until(pilot, lambda: _drafts(tmp_path))
        await pilot.press("ctrl+q")
        await shows(pilot, "1 file not saved")
        await pilot.press(letter)
        await until(pilot, lambda: not app.is_running)
    assert _drafts(tmp_path) == kept


async def test_without_a_folder_there_are_no_drafts_to_keep() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        await pilot.press("ctrl+q")
        await shows(pilot, "1 file not saved")
        assert "Keep as draft" not in shown(app)


async def test_the_desk_is_as_it_was_left(tmp_path: Path) -> None:
    fake = example()
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await open_function(app, pilot, "pay")
        orders = await open_function(app, pilot, "orders")
        await open_function(app, pilot, "hello")
        await pilot.press("ctrl+pageup")
        await until(pilot, lambda: app.state.open_function == orders)
        await pilot.press("down", "down", "shift+end", "f8", "f2", "f2")
        await until(pilot, lambda: app.state.region == "editor" and app.workbench.dock.shown == "logs")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await until(pilot, lambda: app.state.open_function == orders)
        assert [document.name for document in app.workbench.tabs.documents] == ["pay.py", "orders.py", "hello.py"]
        assert _area(app).selection == ((2, 0), (2, 11))
        assert app.workbench.dock.shown == "logs"
        assert not app.workbench.query_one("#tree").display
        await until(pilot, lambda: app.state.region == "editor")


async def test_open_panes_come_back_and_those_of_a_project_that_is_gone_do_not(tmp_path: Path) -> None:
    fake = example()
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await open_function(app, pilot, "pay")
        first = next(project.id for project in app.state.projects.values() if project.name == "shop")
        second = next(id_ for id_ in app.state.projects if id_ != first)
        for place in (Place("routes", second), Place("dashboard"), Place("settings", first), Place("routes", first)):
            app.post_message(PlaceChosen(place))
            await until(pilot, lambda key=(place.kind, place.project_id or ""): app.workbench.tabs.front == key)
        await pilot.press("ctrl+pageup")
        await until(pilot, lambda: app.state.pane_kind == "settings" and app.state.region == "editor")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    del fake.all_projects[second]
    async with screen(fake, state_dir=tmp_path) as (app, pilot):
        await until(pilot, lambda: app.state.pane_kind == "settings")
        keys = [pane.key for pane in app.workbench.tabs.panes]
        assert keys == [("dashboard", ""), ("settings", first), ("routes", first)]
        assert [document.name for document in app.workbench.tabs.documents] == ["pay.py"]
        await shows(pilot, "0 routes ask for one")
        await until(pilot, lambda: app.state.region == "editor" and app.focused is not None)
        await pilot.press("ctrl+pageup")
        await shows(pilot, "Recent calls")


async def test_nothing_is_written_over_what_was_not_read(tmp_path: Path) -> None:
    layouts.write(tmp_path / "layout.json", Layout((OpenFile("f", "function.py"),), active=("f", "function.py")))
    before = (tmp_path / "layout.json").read_text()

    @asynccontextmanager
    async def refuse() -> AsyncIterator[Session]:
        raise GatewayGone("No gateway answers.")
        yield

    async with screen(connect=refuse, state_dir=tmp_path) as (app, pilot):
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
    assert (tmp_path / "layout.json").read_text() == before


async def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "drafts").write_text("in the way")
    async with screen(state_dir=tmp_path, size=NARROW) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "x")
        await shows(pilot, "cannot be kept on")
