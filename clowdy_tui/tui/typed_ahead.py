"""One key after the other: what a key opens is there before the next one is looked at.

A key that types something goes straight on, as fast as it comes. Any other may move the focus, or open a file, a pane
or a dialog, and most of that happens some messages later. What is typed meanwhile waits, and goes to what has the focus
then: in the pane that was left, a letter of a name might delete something.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from textual import events
from textual.app import ScreenStackError
from textual.screen import ModalScreen
from textual.widgets import Input, TextArea

if TYPE_CHECKING:
    from textual.message_pump import MessagePump
    from textual.screen import Screen
    from textual.worker import Worker

    from clowdy_tui.tui.core import Core

ROUNDS: Final = 4
"""How often everything from the focus up to the app empties its queue before a key counts as done with.

The longest way is a tree's: the key comes up to the app, which has the tree select its node; the tree says so, and then
which place that is; the app opens that and gives the focus away.
"""

LOOK_S: Final = 0.02

SOON_S: Final = 1.0
"""So long keys wait for what comes after the answer to a question."""

FOCUS_S: Final = 3.0
"""So long they wait for something to take the focus that was given to it: on a busy machine that needs a while."""

MOST_S: Final = 10.0
"""So long keys wait for a flow that asks the gateway first; after that nobody knows what they were meant for."""

PASS: Final = frozenset({"escape", "ctrl+q", "ctrl+c"})
"""Keys that wait for nothing that opens: the way out."""


class TypedAhead:
    """One per app; it is given every key that comes from the terminal, and what is pasted."""

    def __init__(self, app: Core, deliver: Callable[[events.Event], Awaitable[None]]) -> None:
        self._app = app
        self._deliver = deliver
        self._everywhere = {binding.key for binding in app.keymap.bindings()}
        self._waiting: list[events.Key | events.Paste] = []
        self._is_acting = False
        self._is_looking = False
        self._since = 0.0
        self._arrived: Screen[object] | None = None
        self._asked: WeakKeyDictionary[Worker[object], Screen[object]] = WeakKeyDictionary()
        self._seen: WeakKeyDictionary[Worker[object], tuple[Screen[object] | None, float]] = WeakKeyDictionary()

    def asks(self, flow: Worker[object], screen: Screen[object]) -> None:
        """A flow shows a screen, and goes on once that is answered."""
        self._asked[flow] = screen

    async def take(self, event: events.Key | events.Paste) -> None:
        """Hand it over, now or when it is its turn."""
        if not self._app.workbench.is_mounted:
            await self._deliver(event)
            return
        acting = self._is_acting and not self._is_late()
        if acting or self._waiting or self._is_opening():
            if acting or isinstance(event, events.Paste) or event.key not in PASS:
                self._waiting.append(event)
                self._look_later()
                return
            # Whoever leaves does not want what was typed for it any more.
            self._waiting.clear()
        await self._hand_over(event)

    async def _hand_over(self, event: events.Key | events.Paste) -> None:
        if self._types(event):
            await self._deliver(event)
            return
        self._is_acting = True
        self._since = time.monotonic()
        way = (self._app.focused or self._app.screen).ancestors_with_self
        try:
            await self._deliver(event)
        finally:
            self._go(way * ROUNDS)

    def _go(self, way: Sequence[MessagePump]) -> None:
        """Through the queues along the way, behind what is in each of them; those that are gone are passed over."""
        for at, pump in enumerate(way, 1):
            if pump.call_later(self._go, way[at:]):
                return
        if not self._app.call_later(self._end):
            self._is_acting = False

    async def _end(self) -> None:
        self._is_acting = False
        await self._go_on()

    async def _go_on(self) -> None:
        """Hand over what waits, as far as it may."""
        while self._waiting and not self._is_acting:
            if self._is_opening():
                self._look_later()
                return
            await self._hand_over(self._waiting.pop(0))

    def _look_later(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self._app.set_timer(LOOK_S, self._look)

    async def _look(self) -> None:
        self._is_looking = False
        if self._is_late():
            self._is_acting = False
        await self._go_on()
        if self._waiting:
            self._look_later()

    def _types(self, event: events.Key | events.Paste) -> bool:
        """Whether it goes into the text that has the focus, and does nothing else."""
        focused = self._app.focused
        if isinstance(event, events.Paste) or not isinstance(focused, Input | TextArea):
            return isinstance(event, events.Paste)
        if event.key in self._everywhere:
            return False
        bound = focused._bindings.key_to_bindings.get(event.key, ())
        return event.is_printable or any((binding.id or "").startswith("text.") for binding in bound)

    def _is_opening(self) -> bool:
        """Whether something was begun that will have the focus, and has it not yet."""
        try:
            screen = self._app.screen
        except ScreenStackError:
            return False
        if screen is not self._arrived:
            there = screen.is_mounted and (screen.focused is not None or not screen.focus_chain)
            if isinstance(screen, ModalScreen) and not there and not self._is_late():
                return True
            self._arrived = screen
        return self._awaits_flow() or (screen is self._app.workbench and self._awaits_focus())

    def _awaits_flow(self) -> bool:
        now, stack = time.monotonic(), self._app.screen_stack
        for flow in self._flows():
            asked = self._asked.get(flow)
            if asked in stack:
                continue
            seen = self._seen.get(flow)
            if seen is None or seen[0] is not asked:
                seen = self._seen[flow] = asked, now
            if now - seen[1] <= (MOST_S if asked is None else SOON_S):
                return True
            if asked is None and seen[1]:
                # Once: what comes from now on is meant for what is there.
                self._waiting.clear()
                self._seen[flow] = None, 0.0
        return False

    def _awaits_focus(self) -> bool:
        workbench = self._app.workbench
        for place in (workbench, workbench.tabs):
            to = place.heading
            # It is there, was there all along, went, or will never come: the next key may lead somewhere else.
            if to is not None and (to.has_focus_within or not to.is_attached or self._is_late()):
                place.heading = None
        return workbench.heading is not None or workbench.tabs.heading is not None

    def _flows(self) -> Iterable[Worker[object]]:
        return [worker for worker in self._app.workers if worker.group == "flow" and not worker.is_finished]

    def _is_late(self) -> bool:
        return time.monotonic() - self._since > FOCUS_S
