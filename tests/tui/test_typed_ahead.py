"""What is typed while something opens: it goes there, and does nothing in the pane that was left."""

import asyncio

import pytest
from textual.events import Key
from textual.widgets import Input

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.screens.jump import JumpScreen
from clowdy_tui.tui.screens.palette import Palette
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.versions.screen import VersionsScreen
from tests.tui.driving import open_function, screen, until
from tests.tui.fake import example

NAMES = {" ": "space", "#": "number_sign", "?": "question_mark"}


def type_at_once(app: ClowdyApp, *keys: str) -> None:
    """As a terminal hands over what was typed while the screen was busy: all in one piece."""
    for key in keys:
        named = NAMES.get(key, key)
        app.post_message(Key(named, key if len(key) == 1 else None))


async def test_a_dialog_gets_what_is_typed_after_the_key_that_opens_it() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        tree = app.workbench.project_tree
        # In the tree these letters would ask whether something is to be deleted, and switch a function off.
        for opened_by in (("n",), ("ctrl+n",), ("f12", "n"), ("ctrl+p", *"new function", "enter")):
            tree.focus()
            await until(pilot, lambda: tree.has_focus)
            type_at_once(app, *opened_by, *"dxn")
            await until(pilot, lambda: app.screen.query("#name"))
            await until(pilot, lambda: app.screen.query_one("#name", Input).value == "dxn")
            # And nothing after it: the way out comes in its turn, and so does what follows.
            type_at_once(app, "escape", "f4")
            await until(pilot, lambda: app.screen is app.workbench and app.state.region == "dock")
        assert all(function.status == "active" for function in fake.all_functions.values() if function.name != "refund")


async def test_a_file_or_a_pane_gets_it_that_is_opened_from_the_tree_by_a_letter_or_by_name() -> None:
    async with screen() as (app, pilot):
        function = next(one for one in app.state.functions.values() if one.name == "pay")
        tree = app.workbench.project_tree

        def text() -> str:
            area = app.workbench.tabs.area
            return area.text if area else ""

        for number, opened_by in enumerate((("enter",), ("ctrl+g", *"pay", "enter"), ("f3",))):
            tree.focus()
            tree.reveal(Place("function", function.project_id, function.id))
            await until(pilot, lambda: app.state.place.function_id == function.id and tree.has_focus)
            typed = f"# d{number}n"
            type_at_once(app, *opened_by, *typed)
            await until(pilot, lambda typed=typed: typed in text())
            assert app.screen is app.workbench
        type_at_once(app, "f2", "ctrl+p", *"routes", "enter", "down", "up", "f9", *"dnx hello")
        await until(
            pilot, lambda: app.workbench.chat.is_ready and app.workbench.chat.body.prompt.area.text == "dnx hello"
        )
        assert app.workbench.tabs.pane is not None
        type_at_once(app, "f8", "slash", *"xdn", "f4", *"{1")
        await until(pilot, lambda: "{1" in app.workbench.dock.test.input.text)
        assert app.workbench.dock.logs.query_one("#filter", Input).value == "xdn"


async def test_jump_mode_and_the_leader_take_the_next_key_and_no_more() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        await pilot.press("f2")
        type_at_once(app, "ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        spots = app.screen._spots  # type: ignore[attr-defined]
        area = app.workbench.tabs.area
        assert area is not None
        letter = next(letter for letter, spot in spots.items() if spot.go == area.focus)
        type_at_once(app, letter, *"dn")
        await until(pilot, lambda: area.text.startswith("dn"))
        type_at_once(app, "f2", "ctrl+o", letter, *"xx")
        await until(pilot, lambda: area.text.startswith("dnxx"))
        type_at_once(app, "f2", "f12", "e", *"yy")
        await until(pilot, lambda: area.text.startswith("dnxxyy"))


async def test_a_field_and_the_prompt_take_keys_that_come_in_one_piece_in_their_order() -> None:
    async with screen() as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: app.screen.query("#name") and app.screen.focused)
        field = app.screen.query_one("#name", Input)
        type_at_once(app, *"paz", "backspace", *"y", "home", *"re", "end", *"s")
        await until(pilot, lambda: field.value.count("s"))
        assert field.value == "repays"
        type_at_once(app, "ctrl+u", *"b")
        await until(pilot, lambda: "b" in field.value)
        assert field.value == "b"
        type_at_once(app, "escape", "f9")
        await until(pilot, lambda: app.workbench.chat.is_ready)
        area = app.workbench.chat.body.prompt.area
        type_at_once(app, *"waht", "left", "left", "left", "delete", "right", *"a", "end", *"?")
        await until(pilot, lambda: "?" in area.text)
        assert area.text == "what?"


async def test_what_opens_late_still_gets_it_and_the_way_out_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        answer, asked = asyncio.Event(), asyncio.Event()
        versions = fake.functions.versions

        async def late(*arguments: object) -> object:
            asked.set()
            await answer.wait()
            return await versions(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(fake.functions, "versions", late)
        await pilot.press("f2")
        # A picker of versions asks the gateway first.
        type_at_once(app, "f12", "Z", *"xdn")
        await until(pilot, asked.is_set)
        assert app.screen is app.workbench
        answer.set()
        await until(pilot, lambda: isinstance(app.screen, Palette))
        await until(pilot, lambda: app.screen.query_one("#query", Input).value == "xdn")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench)
        # Whoever leaves meanwhile does not want it any more, and what comes after is looked at.
        answer.clear()
        asked.clear()
        type_at_once(app, "f12", "Z", *"xdn")
        await until(pilot, asked.is_set)
        type_at_once(app, "escape")
        answer.set()
        await until(pilot, lambda: isinstance(app.screen, Palette))
        type_at_once(app, "o")
        await until(pilot, lambda: app.screen.query_one("#query", Input).value == "o")
        assert app.state.functions[function_id].status == "active"


async def test_what_comes_after_an_answer_gets_what_is_typed_after_it() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await pilot.press("n")
        await until(pilot, lambda: app.screen.query("#name") and app.screen.focused)
        type_at_once(app, *"made", "enter")
        # Until it is made the form is there: what is typed into it goes with it.
        await until(pilot, lambda: app.state.region == "editor" and app.state.open_function)
        made = next(one for one in fake.all_functions.values() if one.name == "made")
        type_at_once(app, "alt+v")
        await until(pilot, lambda: isinstance(app.screen, VersionsScreen))
        type_at_once(app, "escape", *"# on")
        await until(pilot, lambda: app.workbench.tabs.area and app.workbench.tabs.area.text.startswith("# on"))
        assert app.state.open_function == made.id


async def test_nothing_waits_for_a_focus_that_was_there_before() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        await pilot.press("ctrl+g", *"pay", "enter")
        await until(pilot, lambda: app.screen is app.workbench and app.workbench.tabs.area.has_focus)  # type: ignore[union-attr]
        await pilot.press("f4", *"[1", "f8")
        # At once, and not after the time that a focus may need.
        assert app.workbench.heading is None
        assert app.workbench.tabs.heading is None
        assert not app._typed_ahead._waiting
        assert app.workbench.dock.shown == "logs"


async def test_where_nothing_fits_it_goes_on_being_what_is_looked_for() -> None:
    async with screen() as (app, pilot):
        type_at_once(app, "ctrl+p", *"zzzq", "enter", "y")
        await until(pilot, lambda: isinstance(app.screen, Palette))
        await until(pilot, lambda: app.screen.query_one("#query", Input).value == "zzzqy")
