"""When a screen in a test has settled: nothing is left to do at once, and what it shows is painted.

Textual's own way looks at the CPU time of the process in steps of 20 ms, twice a key, and goes on after a second where
something else keeps the CPU busy: slow where nothing happens, and no proof on a machine with other work. On a real
gateway it stays so: there an answer comes by a socket, which no look at the loop can foresee. But from one letter of a
text to the next nobody waits for an answer.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from textual._context import active_app
from textual._wait import wait_for_idle
from textual.app import App, ScreenStackError

from clowdy_tui.client import Clowdy

# Looks, one after the other, that have to find nothing: each lets the loop hear its sockets, pipes and timers once.
LOOKS = 3

_in_a_text = False


@contextmanager
def in_a_text() -> Iterator[None]:
    """For keys of a text but the last: with a real gateway, too, it is enough that the screen has settled."""
    global _in_a_text
    _in_a_text = True
    try:
        yield
    finally:
        _in_a_text = False


async def settle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> bool:
    """Wait until nothing is left to do at once and the screen is painted, or `max_sleep` s; whether that came."""
    app: App[Any] | None = active_app.get(None)
    if is_real(app) and not _in_a_text:
        await wait_for_idle(min_sleep, max_sleep)
        return False
    loop = asyncio.get_running_loop()
    deadline = loop.time() + max_sleep
    found_nothing = 0
    while found_nothing < LOOKS and loop.time() < deadline:
        await asyncio.sleep(0)
        if _is_busy(loop) or _paint(app):
            found_nothing = 0
        else:
            found_nothing += 1
    return found_nothing == LOOKS


def is_real(app: App[Any] | None) -> bool:
    """Whether the app speaks to a gateway, and not to one in memory."""
    session = getattr(getattr(app, "state", None), "session", None)
    return isinstance(getattr(session, "client", None), Clowdy)


def _is_busy(loop: Any) -> bool:
    return bool(loop._ready)


def _paint(app: App[Any] | None) -> bool:
    """Paint what waits for the next frame; whether there was anything."""
    try:
        screen = app.screen if app else None
    except ScreenStackError:
        return False
    if screen is None or app is None or app._batch_count or not screen.is_running:
        return False
    if app._resize_timer is not None:
        app._check_resize()
        return True
    if not (
        screen._layout_required
        or screen._scroll_required
        or screen._repaint_required
        or screen._recompose_required
        or screen._dirty_widgets
        or screen._callbacks
    ):
        return False
    screen._on_timer_update()
    return True
