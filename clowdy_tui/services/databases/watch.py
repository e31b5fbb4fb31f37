"""Looks after the databases that run: how large they are, whether they may grow, whether anybody wants them."""

import asyncio
import contextlib
import logging
from typing import Final

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import ClowdyError, Unavailable
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.tables import Project, ProjectDatabase
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.services.databases.local import LocalProvider
from clowdy_tui.store.database import Database

_LOOK_EVERY_S: Final = 10.0
_BACK_UNDER: Final = 0.9
"""Of the bound: a database that hovers around it must not change its mind at every look."""

log = logging.getLogger(__name__)


class Watch:
    """Of the clusters of `local`; looks now and then from `start` on."""

    def __init__(self, database: Database, bus: EventBus, cipher: Cipher, local: LocalProvider) -> None:
        self._database = database
        self._bus = bus
        self._cipher = cipher
        self._local = local
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch(), name="databases")

    async def close(self) -> None:
        """End the looking after. What runs goes on."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def look_around(self) -> None:
        """Look at all that run, and stop those that nobody wants."""
        async with self._database.read() as transaction:
            rows = [row for row in await transaction.databases.all() if row.provider == "local"]
            projects = {project.id: project for project in await transaction.projects.all()}
        for row in rows:
            if row.status != "ready" or not self._local.running(row.reference):
                continue
            # One that does not answer, or is being removed, must not keep the others from being looked at.
            with contextlib.suppress(Unavailable):
                await self.look_at(projects[row.project_id], row)
                if self._local.is_idle(row.reference):
                    await self._local.stop_if_idle(row.reference, self._cipher.decrypt(row.admin_encrypted))

    async def look_at(self, project: Project, row: ProjectDatabase) -> None:
        """How large it is, and whether it may grow further."""
        before = (row.size_bytes, row.read_only)
        row.size_bytes = await self._local.measure(row.reference, self._cipher.decrypt(row.admin_encrypted))
        bound = row.max_bytes * (_BACK_UNDER if row.read_only else 1)
        read_only = row.size_bytes > bound
        if read_only != row.read_only:
            await self._local.set_read_only(
                row.reference, self._cipher.decrypt(row.admin_encrypted), read_only=read_only
            )
            row.read_only = read_only
        if (row.size_bytes, row.read_only) != before:
            async with self._database.write() as transaction:
                # Removed, given another bound or encrypted anew meanwhile, it stays as it is in all else.
                kept = await transaction.databases.get(row.project_id)
                if kept is not None and kept.reference == row.reference:
                    kept.size_bytes, kept.read_only = row.size_bytes, row.read_only
                    await transaction.databases.put(kept)
            told = {"size_bytes": row.size_bytes, "max_bytes": row.max_bytes, "read_only": row.read_only}
            self._bus.publish(events.DATABASE_CHANGED, {"project_id": project.id, **told}, owner=project.owner)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                await self.look_around()
            except ClowdyError as error:
                log.warning("A database could not be looked at: %s", error.detail)
