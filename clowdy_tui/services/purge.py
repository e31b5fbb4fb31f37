"""Removes the calls of functions that are no more, in the background and in small steps."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from clowdy_tui.domain.errors import ClowdyError
from clowdy_tui.services.pace import Pace
from clowdy_tui.store.database import Database

_PAGES: Final = 1000

log = logging.getLogger(__name__)


class Purge:
    """`soon()` starts a round, or another one after the round that runs."""

    def __init__(self, database: Database, settle: Callable[[], Awaitable[object]]) -> None:
        self._database = database
        # The last calls of a deleted function may still wait for the writer.
        self._settle = settle
        self._task: asyncio.Task[None] | None = None
        self._again = False
        self._stopping = False

    def soon(self) -> None:
        if self._stopping:
            return
        if self._task is not None and not self._task.done():
            self._again = True
            return
        self._task = asyncio.create_task(self._run(), name="purge invocations")
        self._task.add_done_callback(_report)

    async def done(self) -> None:
        """Returns when no round runs."""
        while self._task is not None and not self._task.done():
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Stop after the step that runs: the next start goes on."""
        self._stopping = True
        await self.done()

    async def _run(self) -> None:
        while True:
            self._again = False
            await self._settle()
            async with self._database.read() as transaction:
                gone = await transaction.invocations.functions_gone()
            for function_id in gone:
                pace, removed = Pace(), -1
                while removed and not self._stopping:
                    with pace.step() as size:
                        async with self._database.write() as transaction:
                            removed = await transaction.invocations.delete_of(function_id, limit=size)
                    await pace.rest()
            async with self._database.write() as transaction:
                await transaction.figures.delete_gone()
            await self._give_back(_PAGES if gone else 0)
            if not self._again or self._stopping:
                return

    async def _give_back(self, pages: int) -> None:
        """Make the file smaller by what was removed, in small steps too."""
        left = before = pages
        while left and not self._stopping:
            left = await self._database.give_back_space(pages)
            if left == before:
                return
            before = left
            await asyncio.sleep(0)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        detail = error.detail if isinstance(error, ClowdyError) else repr(error)
        log.warning("The calls of deleted functions could not be removed, the next start tries again: %s", detail)
