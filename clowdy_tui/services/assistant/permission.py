"""What may be done without asking, what is asked, what was answered. Nothing that a model writes changes any of it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from time import monotonic
from typing import Final

from clowdy_tui.domain.assistant import Answer, PermissionAsked

SHARE: Final = "share"
"""Stands among the tools that need not ask: that bodies of past calls may go to the model's server."""

thought: Final[ContextVar[list[float]]] = ContextVar("thought")
"""Where whoever wants to know puts a list for the seconds that a person thought about what was asked."""

Ask = Callable[[PermissionAsked], Awaitable[Answer]]
Remember = Callable[[str], Awaitable[None]]


class Permissions:
    """Of one turn.

    `always` are the tools that may run without asking; what becomes one is told to `remember`. `ask` asks the person;
    without one nothing can be asked, and what has no permission is noted in `pending`. `auto_approve` is the caller's
    own yes to everything, except to deleting where somebody can be asked.
    """

    def __init__(
        self, always: set[str], *, remember: Remember, ask: Ask | None = None, auto_approve: bool = False
    ) -> None:
        self.pending: list[PermissionAsked] = []
        self._always = always
        self._remember = remember
        self._ask = ask
        self._auto_approve = auto_approve
        self._kept_back = False
        # One question at a time: two that stand there at once are answered by mistake.
        self._asking = asyncio.Lock()

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody who can be asked."""
        return self._ask is not None

    def is_shared(self) -> bool:
        """Whether bodies of past calls may go out; asks nobody."""
        return self._auto_approve or SHARE in self._always

    async def allows(self, wanted: PermissionAsked) -> bool:
        """Whether it may be done; asks where that is not known."""
        began = monotonic()
        try:
            return await self._allows(wanted)
        finally:
            thought.get([]).append(monotonic() - began)

    async def _allows(self, wanted: PermissionAsked) -> bool:
        key = SHARE if wanted.kind == "share" else wanted.tool
        deletes = wanted.kind == "delete"
        async with self._asking:
            if self._auto_approve and not (deletes and self._ask is not None):
                return True
            if key in self._always and not deletes:
                return True
            if key == SHARE and self._kept_back:
                return False
            if self._ask is None:
                if key != SHARE or all(each.kind != "share" for each in self.pending):
                    self.pending.append(wanted)
                return False
            answer = await self._ask(wanted)
            # What goes out is asked once, so its yes is for the whole conversation, and its no for this turn.
            self._kept_back = self._kept_back or (answer == "no" and key == SHARE)
            lasts = answer == "always" and wanted.always
            if not deletes and (lasts or (answer == "yes" and key == SHARE)):
                self._always.add(key)
                await self._remember(key)
            return answer != "no"
