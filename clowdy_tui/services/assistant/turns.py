"""Turns that run: their events for whoever listens, their open questions, and stopping them."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from clowdy_tui.domain import assistant as says
from clowdy_tui.domain import names
from clowdy_tui.domain.assistant import Answer, ChatEvent, PermissionAsked
from clowdy_tui.domain.errors import NotFound
from clowdy_tui.services.actor import Actor


class Turn:
    """One question being worked on. Runs while somebody reads `events`, and is stopped when they go."""

    def __init__(self, owner: str) -> None:
        self.id = names.new_id()
        self.owner = owner
        self._events: asyncio.Queue[ChatEvent | None] = asyncio.Queue()
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._task: asyncio.Task[None] | None = None

    def emit(self, type_: str, data: dict[str, Any]) -> None:
        self._events.put_nowait(ChatEvent(type=type_, data=data))

    async def ask(self, wanted: PermissionAsked) -> Answer:
        """Ask the person, and wait for as long as they think."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[wanted.call_id] = future
        self.emit(says.PERMISSION, wanted.model_dump(mode="json"))
        try:
            answer = await future
        finally:
            self._asked.pop(wanted.call_id, None)
        self.emit(says.PERMISSION_ANSWERED, {"call_id": wanted.call_id, "answer": answer})
        return answer

    def answer(self, call_id: str, answer: Answer) -> None:
        """Raises NotFound: nothing of that id is asked now."""
        future = self._asked.get(call_id)
        if future is None or future.done():
            raise NotFound("Nothing is asked under this call_id now: it is answered already, or was never asked")
        future.set_result(answer)

    def stop(self) -> None:
        """End it; what has begun to change ends whole."""
        if self._task is not None:
            self._task.cancel()

    async def events(self, work: Coroutine[Any, Any, None]) -> AsyncGenerator[ChatEvent, None]:
        """Do the work and tell what happens. Whoever stops reading stops the work, and waits until it is at its end."""
        task = self._task = asyncio.create_task(work, name=f"assistant turn {self.id}")
        task.add_done_callback(lambda _: self._events.put_nowait(None))
        try:
            while (event := await self._events.get()) is not None:
                yield event
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error
        finally:
            task.cancel()
            await asyncio.wait([task])


class Turns:
    """The turns that run now, by id."""

    def __init__(self) -> None:
        self._running: dict[str, Turn] = {}

    def begin(self, actor: Actor) -> Turn:
        turn = Turn(actor.user)
        self._running[turn.id] = turn
        return turn

    def end(self, turn: Turn) -> None:
        self._running.pop(turn.id, None)

    def get(self, actor: Actor, turn_id: str) -> Turn:
        """Raises NotFound: it has ended, or is somebody else's."""
        turn = self._running.get(turn_id)
        if turn is None or turn.owner != actor.user:
            raise NotFound("Turn not found: it has ended, or was stopped")
        return turn

    def stop_all(self) -> None:
        for turn in self._running.values():
            turn.stop()
