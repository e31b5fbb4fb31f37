"""How tests drive the screen: start it, wait for what should come true, read what is shown."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.events import MouseDown, MouseUp
from textual.pilot import Pilot

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.session import Connect, ScreenOptions
from clowdy_tui.tui.state import Link, Place
from tests.tui.fake import FakeClowdy, connect_to, example
from tests.tui.settling import in_a_text, is_real

THEMES = Path(__file__).parents[2] / "themes"
NARROW, NORMAL = (80, 24), (120, 36)


def make_app(connect: Connect | None = None, **options: Any) -> ClowdyApp:
    """The app on a gateway in memory, its cursor not blinking."""
    return ClowdyApp(
        connect=connect or connect_to(example()), themes=[THEMES], options=ScreenOptions(ssh=True, **options)
    )


@asynccontextmanager
async def screen(
    fake: FakeClowdy | None = None, size: tuple[int, int] = NORMAL, *, connect: Connect | None = None, **options: Any
) -> AsyncIterator[tuple[ClowdyApp, Pilot[None]]]:
    """The app, running, with everything loaded."""
    app = make_app(connect or connect_to(fake or example()), **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: app.state.link in (Link.ONLINE, Link.FAILED))
        yield app, pilot
        # As a person leaves it: without that the test's own end takes the widgets away under the handlers.
        if app.is_running:
            app.exit()
            await until(pilot, lambda: not app.is_running)


async def until(pilot: Pilot[None], condition: Callable[[], object], within_s: float = 60.0) -> None:
    """Wait for something to become true."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"did not come true within {within_s} s; the screen shows:\n{shown(pilot.app)}")
        if is_real(pilot.app):
            # The answer comes by a socket: to ask every widget meanwhile would only keep the processor from it.
            await asyncio.sleep(0.02)
        else:
            await pilot.pause(0.005)
    await pilot.pause()


def shown(app: Any) -> str:
    """The screen's text, as a person reads it."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(re.sub(r"\s+$", "", "".join(segment.text for segment in line)) for line in lines)


def spot(app: Any, text: str, after: str = "") -> tuple[int, int]:
    """Where a text begins on the screen, for the mouse; with `after`, on a line that has that before it."""
    for y, line in enumerate(shown(app).splitlines()):
        start = line.find(after) + len(after) if after in line else -1
        if start >= 0 and text in line[start:]:
            return line.index(text, start), y
    raise AssertionError(f"{text!r} is not on the screen:\n{shown(app)}")


def press_mouse(app: ClowdyApp, at: tuple[int, int], *, times: int = 1) -> None:
    """Its left button down and up there, as a terminal tells it: what was clicked is the app's to find out."""
    x, y = at
    for kind in (MouseDown, MouseUp) * times:
        app.post_message(kind(None, x, y, 0, 0, button=1, shift=False, meta=False, ctrl=False, screen_x=x, screen_y=y))


async def shows(pilot: Pilot[None], text: str) -> None:
    """Wait until the screen shows a text."""
    await until(pilot, lambda: text in shown(pilot.app))


async def type_text(pilot: Pilot[None], text: str) -> None:
    """Press the keys that make up a text."""
    keys = [{" ": "space", "/": "slash", ":": "colon", "\n": "enter"}.get(char, char) for char in text]
    with in_a_text():
        await pilot.press(*keys[:-1])
    await pilot.press(*keys[-1:])


async def open_function(app: ClowdyApp, pilot: Pilot[None], name: str) -> str:
    """Open a function as enter in the tree does; returns its id."""
    await until(pilot, lambda: app.state.link is Link.ONLINE)
    function = next(function for function in app.state.functions.values() if function.name == name)
    tree = app.workbench.project_tree
    tree.focus()
    tree.reveal(Place("function", function.project_id, function.id))
    await until(pilot, lambda: app.state.place.function_id == function.id and tree.has_focus)
    await pilot.press("enter")
    await until(pilot, lambda: app.state.open_function == function.id and app.state.region == "editor")
    return function.id
