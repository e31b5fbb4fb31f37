"""How history, log, console and their dialogs look, at both sizes."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from clowdy_tui.domain.schemas import OutcomeStatus, SavedInputOut
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.screens.invocation import InvocationDialog
from clowdy_tui.tui.state import Link
from tests.tui.driving import NARROW, NORMAL, make_app, open_function, screen, shown, shows, until
from tests.tui.fake import THEN, FakeClowdy, connect_to, example
from tests.tui.test_log_past import past

Act = Callable[[ClowdyApp, Pilot[None]], Awaitable[None]]


def with_calls() -> FakeClowdy:
    """The example, with calls of `orders`, good and bad, and inputs that were saved."""
    fake = example()
    function = next(function for function in fake.all_functions.values() if function.name == "orders")
    fake.history[function.id, 6] = function.code
    for number in range(40, 0, -1):
        bad = number % 5 == 0
        fake.calls.append(
            past(
                number,
                "WARNING no price for milk" if bad else f"order {number}: 2 items",
                function_id=function.id,
                input=f'{{"id": {number}, "items": ["tea", "{"milk" if bad else "cake"}"]}}',
                output=None if bad else '{"ok": true, "total": "7.70"}',
                status=OutcomeStatus.ERROR if bad else OutcomeStatus.SUCCESS,
                error_type="KeyError" if bad else None,
                error_message="milk" if bad else None,
                version=7 if number > 12 else 6,
                source="gateway",
                http_method="POST",
                http_path="/orders",
                duration_us=1_240 * number,
                duration_ms=1.24 * number,
                init_us=31_000 if number == 20 else 0,
                queue_us=4_220 if number == 20 else 0,
                cold_start=number == 20,
                memory_mb=21.3,
            )
        )
    kept = {"id": 1, "items": ["tea", "cake"]}
    fake.all_inputs[function.id] = {
        name: SavedInputOut(name=name, input=kept, created_at=THEN, updated_at=THEN)
        for name in ("no address", "two items")
    }
    return fake


async def _keys(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def _history(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _keys(pilot, "f12", "4")
    await until(pilot, lambda: app.state.call is not None)


async def _call(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _history(app, pilot)
    await _keys(pilot, *["down"] * 20, "enter")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _compare(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _history(app, pilot)
    await _keys(pilot, "down", "v")
    await until(pilot, lambda: app.screen is not app.workbench)
    await _keys(pilot, "enter")
    await until(pilot, lambda: bool(app.screen.query("#compared")))


async def _inputs(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _keys(pilot, "f12", "I")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _save(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _inputs(app, pilot)
    await _keys(pilot, "enter")
    await until(pilot, lambda: app.workbench.dock.test.input_name == "no address")
    await _keys(pilot, "f12", "1")
    await until(pilot, lambda: app.screen is not app.workbench)


async def _logs(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _keys(pilot, "f8")


async def _searched(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _keys(pilot, "f8", "f7", "slash", *"level:warn", "enter", "c")
    await until(pilot, lambda: app.workbench.dock.logs.buffer.context == 1)
    # A search goes back through all calls by itself, until the pane is full.
    logs = app.workbench.dock.logs
    await until(pilot, lambda: logs.older.said == "all there is" or len(logs.buffer.shown) >= logs.size.height > 0)


async def _wrong(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _keys(pilot, "f8", "slash", *"status:fialed")


LOOKS: dict[str, Act] = {
    "history": _history,
    "call": _call,
    "compare": _compare,
    "inputs": _inputs,
    "save-input": _save,
    "logs": _logs,
    "searched": _searched,
    "wrong-filter": _wrong,
}


@pytest.mark.parametrize("size", [NARROW, NORMAL], ids=["80x24", "120x36"])
@pytest.mark.parametrize("look", LOOKS)
def test_call_looks(snap_compare: Any, look: str, size: tuple[int, int]) -> None:
    app = make_app(connect_to(with_calls()))

    async def act(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.state.link is Link.ONLINE)
        await open_function(app, pilot, "orders")
        await LOOKS[look](app, pilot)
        app.clear_notifications()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=act)


async def test_all_that_can_be_done_with_a_failed_call_is_in_sight_at_80_columns() -> None:
    fake = with_calls()
    async with screen(fake, NARROW) as (app, pilot):
        failed = next(one for one in fake.calls if one.status is not OutcomeStatus.SUCCESS)
        app.push_screen(InvocationDialog(await app.client.invocations.get(failed.id), "orders"))
        await shows(pilot, "Mend it")
        buttons = app.screen.query_one("#buttons")
        for button in buttons.query(Button):
            assert button.region in buttons.region, button.id
            assert str(button.label) in shown(app)
