"""Leaving: unsaved work, and a gateway that lives in the screen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from clowdy_tui.client import Clowdy
from clowdy_tui.tui.screens.confirm import Question
from clowdy_tui.tui.session import Session
from tests.tui.driving import open_function, screen, shows, type_text, until
from tests.tui.fake import PAY, URL, FakeClowdy, connect_to, example


async def test_quits_at_once_when_nothing_is_in_the_way() -> None:
    async with screen() as (app, pilot):
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)


async def test_unsaved_work_stays_saves_or_goes() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        await pilot.press("ctrl+q")
        await shows(pilot, "1 file not saved")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench)
        await pilot.press("ctrl+w")
        await shows(pilot, "1 file not saved")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench)
        await pilot.press("ctrl+q")
        await shows(pilot, "1 file not saved")
        await pilot.press("s")
        await until(pilot, lambda: not app.is_running)
    assert fake.all_functions[function_id].code == "# mine\n" + PAY


async def test_a_save_that_fails_does_not_quit() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "# mine\n")
        await pilot.press("ctrl+q")
        await shows(pilot, "1 file not saved")
        fake.gone = True
        await pilot.press("s")
        await shows(pilot, "Not saved; what you typed stays")
        assert app.is_running


async def test_all_unsaved_files_are_saved_one_after_the_other() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        for name in ("pay", "hello"):
            await open_function(app, pilot, name)
            await type_text(pilot, "# mine\n")
        await pilot.press("ctrl+q")
        await shows(pilot, "2 files not saved")
        await pilot.press("s")
        await until(pilot, lambda: not app.is_running)
    saved = [function.name for function in fake.all_functions.values() if function.code.startswith("# mine\n")]
    assert sorted(saved) == ["hello", "pay"]


def _hosting(fake: FakeClowdy, happened: list[str]):  # type: ignore[no-untyped-def]  # a Connect
    async def detach() -> None:
        happened.append("detached")

    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        yield Session(client=cast("Clowdy", fake), hosted=True, url=URL, detach=detach)
        happened.append("stopped")

    return connect


async def test_a_hosted_gateway_is_stopped_or_left_running() -> None:
    for letter, expected in (("s", ["stopped"]), ("l", ["stopped", "detached"])):
        happened: list[str] = []
        async with screen(connect=_hosting(example(), happened)) as (app, pilot):
            await pilot.press("ctrl+q")
            await until(pilot, lambda app=app: isinstance(app.screen, Question))
            await pilot.press("escape")
            await until(pilot, lambda app=app: app.screen is app.workbench)
            await pilot.press("ctrl+q")
            await until(pilot, lambda app=app: isinstance(app.screen, Question))
            await pilot.press(letter)
            await until(pilot, lambda app=app: not app.is_running)
        assert happened == expected


async def test_attached_there_is_nothing_to_ask() -> None:
    async with screen(connect=connect_to(example(), hosted=False)) as (app, pilot):
        await shows(pilot, "attached")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: not app.is_running)
