"""Lets go of calls that are too old or take too much room, in the background and in small steps."""

import asyncio
import logging
import time
from math import ceil
from typing import Final

from clowdy_tui.domain.errors import ClowdyError
from clowdy_tui.domain.names import invocation_id_at
from clowdy_tui.services.moments import now_ms
from clowdy_tui.services.pace import Pace
from clowdy_tui.services.stats import HOURS_KEPT_S, MINUTES_KEPT_S
from clowdy_tui.store.database import Database

_EVERY_S: Final = 60.0
_FIGURES_EVERY_S: Final = 3600.0
_DAY_S: Final = 86400

# Unused pages that stay in the file: the next calls take them, and a file that grew and shrank each minute would be
# written twice.
_RESERVE_PAGES: Final = 4096
# It is measured by pages, which a few more calls fill again: a little under the limit, not to be back in a minute.
_ENOUGH: Final = 0.98

log = logging.getLogger(__name__)


class Retention:
    """`days` and `max_bytes`: what the log of calls may span and take."""

    def __init__(self, database: Database, *, days: int, max_bytes: int) -> None:
        self._database = database
        self._days = days
        self._max_bytes = max_bytes
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._figures_due = 0.0

    def start(self) -> None:
        """Look at once, and then every minute."""
        self._task = asyncio.create_task(self._run(), name="retention")

    async def close(self) -> None:
        """Stop after the step that runs."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait([self._task])
            if (error := self._task.exception()) is not None:
                log.error("The retention of calls ended early", exc_info=error)

    async def trim(self) -> int:
        """One round; how many calls went."""
        removed = await self._trim_age() + await self._trim_bytes()
        if removed:
            await self._give_back()
        if time.monotonic() >= self._figures_due:
            await self._trim_figures()
            self._figures_due = time.monotonic() + _FIGURES_EVERY_S
        return removed

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                if removed := await self.trim():
                    log.info("%d calls were let go of", removed)
            except ClowdyError as error:
                log.warning("Old calls could not be removed, another try in a minute: %s", error.detail)
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _trim_age(self) -> int:
        oldest_kept = invocation_id_at(now_ms() - self._days * _DAY_S * 1000)
        pace, total = Pace(), 0
        while not self._stopping.is_set():
            with pace.step() as size:
                async with self._database.write() as transaction:
                    removed = await transaction.invocations.delete_oldest(limit=size, before=oldest_kept)
            total += removed
            if removed < size:
                break
            await pace.rest()
        return total

    async def _trim_bytes(self) -> int:
        if await self._database.used_bytes() <= self._max_bytes:
            return 0
        async with self._database.read() as transaction:
            # What the functions' own files take is no fault of the calls.
            limit = (self._max_bytes + await transaction.functions.bundle_bytes()) * _ENOUGH
        pace, total = Pace(), 0
        used, wanted = await self._database.used_bytes(), None
        while not self._stopping.is_set() and used > limit:
            with pace.step() as size:
                async with self._database.write() as transaction:
                    removed = await transaction.invocations.delete_oldest(limit=min(size, wanted or size))
            total += removed
            if not removed:
                break
            before, used = used, await self._database.used_bytes()
            # The last step is no larger than it has to be, by what a call has taken up so far: calls that fit stay.
            wanted = max(1, ceil((used - limit) * removed / max(1, before - used)))
            await pace.rest()
        return total

    async def _give_back(self) -> None:
        """Make the file smaller by what is not soon needed again."""
        pace = Pace(64, least=16, most=512)
        left = await self._database.free_pages()
        while left > _RESERVE_PAGES and not self._stopping.is_set():
            before = left
            with pace.step() as size:
                left = await self._database.give_back_space(size)
            if left >= before:
                return
            await pace.rest()

    async def _trim_figures(self) -> None:
        now = int(time.time())
        async with self._database.read() as transaction:
            function_ids = await transaction.figures.function_ids()
        for function_id in function_ids:
            if self._stopping.is_set():
                return
            async with self._database.write() as transaction:
                await transaction.figures.trim(
                    function_id, minutes_before=now - MINUTES_KEPT_S - 3600, hours_before=now - HOURS_KEPT_S
                )
            await asyncio.sleep(0)
