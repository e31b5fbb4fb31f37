"""Keys that are typed ahead: into a dialog or a file that what was just chosen is about to open.

Between the choice and what it opens there is a moment in which the focus is where it was before, and there a letter may
mean anything. A key that comes then waits, and goes to what has the focus once that is there.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from textual import events

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget
    from textual.worker import Worker

    from clowdy_tui.tui.core import Core

LOOK_S: Final = 0.02

MOST_S: Final = 10.0
"""So long keys wait for a flow that asks the gateway first; after that nobody knows what they were meant for."""

PASS: Final = frozenset({"escape", "ctrl+q", "ctrl+c"})
"""Keys that never wait: the way out."""


class TypedAhead:
    """One per app; `take` is asked about each key before anybody else sees it."""

    def __init__(self, app: Core, deliver: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._waiting: list[events.Event] = []
        self._holding = False
        self._since = 0.0
        self._from: Screen[object] | None = None
        self._front: Widget | None = None
        self._flows: set[Worker[object]] = set()

    def hold(self) -> None:
        """Something is being chosen in the screen in front: from now on keys wait."""
        self._holding = True
        self._since = time.monotonic()
        self._from = self._app.screen
        self._front = self._app.workbench.tabs.in_front
        self._flows = self._running_flows()

    def take(self, event: events.Event) -> bool:
        """Whether it waits."""
        if not self._holding or not isinstance(event, events.Key | events.Paste):
            return False
        # What comes back from a widget that had no use for it has been where it belongs.
        if event.is_forwarded or (isinstance(event, events.Key) and event.key in PASS):
            return False
        self._waiting.append(event)
        return True

    async def look(self) -> None:
        """The choice was acted on: let them go as soon as what it opens is there."""
        if not self._holding:
            return
        if time.monotonic() - self._since > MOST_S:
            self._waiting.clear()
        elif not self._is_there():
            self._app.set_timer(LOOK_S, self.look)
            return
        await self.release()

    async def release(self) -> None:
        """They wait no longer."""
        while self._waiting:
            await self._deliver(self._waiting.pop(0))
        # Only now: what is typed while these are delivered comes after them.
        self._holding = False
        self._from = self._front = None
        self._flows = set()

    def _is_there(self) -> bool:
        screen = self._app.screen
        if screen is self._from:
            return False
        if screen is not self._app.workbench:
            return screen.is_mounted and (screen.focused is not None or not screen.focus_chain)
        if self._running_flows() - self._flows:
            return False
        # A file or a pane that came to the front has the focus a moment later.
        front = self._app.workbench.tabs.in_front
        return front is self._front or front is None or front.has_focus_within

    def _running_flows(self) -> set[Worker[object]]:
        return {worker for worker in self._app.workers if worker.group == "flow" and not worker.is_finished}
