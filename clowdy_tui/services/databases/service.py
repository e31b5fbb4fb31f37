"""A project's database: made, shown, bounded, removed, whoever provides it."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from clowdy_tui.domain import events, names
from clowdy_tui.domain.databases import (
    DATABASE_URL,
    DatabaseGone,
    DatabaseOut,
    DatabasePatch,
    ProviderOut,
    ProvisionIn,
)
from clowdy_tui.domain.errors import BadRequest, ClowdyError, Conflict, NotFound, Unavailable
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.tables import Project, ProjectDatabase
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.services.databases.base import Made, Provider, Wanted
from clowdy_tui.services.databases.copies import Address, Copies
from clowdy_tui.services.databases.local import LocalProvider
from clowdy_tui.services.databases.neon import NeonProvider
from clowdy_tui.services.databases.watch import Watch
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import DeletedProject, owned_project
from clowdy_tui.store.database import Database

MIB: Final = 1024 * 1024

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Making:
    """A database that is being made."""

    task: "asyncio.Task[None]" = field(init=False)
    progress: str = "Waiting"


class DatabaseService:
    def __init__(
        self,
        database: Database,
        directory: Directory,
        bus: EventBus,
        cipher: Cipher,
        *,
        local: LocalProvider,
        neon: NeonProvider,
        copies: Copies,
    ) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._cipher = cipher
        self._local = local
        self._providers: Mapping[str, Provider] = {"local": local, "neon": neon}
        self._copies = copies
        self._making: dict[str, _Making] = {}
        self._watch = Watch(database, bus, cipher, local)

    async def start(self) -> None:
        """Put right what a gateway that ended had begun; look after what runs from now on."""
        async with self._database.read() as transaction:
            rows = await transaction.databases.all()
        await self._local.end_orphans()
        for row in rows:
            if row.status == "provisioning":
                row.status, row.error = "failed", "The gateway ended while it was made"
                await self._put(row)
        known = {row.reference for row in rows if row.provider == "local" and row.status == "ready"}
        try:
            await self._local.remove_unknown(known)
        except Unavailable as error:
            log.warning("The files of a database that is no more could not be removed: %s", error.detail)
        self._watch.start()

    async def close(self) -> None:
        """End what is being made, and the looking after. What runs goes on: calls may still want it."""
        await self._watch.close()
        tasks = [making.task for making in self._making.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def get(self, actor: Actor, project_id: str, reveal: bool = False) -> DatabaseOut:
        """A project's database, or that it has none.

        Raises:
            Forbidden: `reveal` without the scope of that name.
            NotFound: no such project.
        """
        actor.require("read")
        if reveal:
            actor.require("reveal")
        async with self._database.read() as transaction:
            await owned_project(transaction, actor, project_id)
            row = await transaction.databases.get(project_id)
        return await self._out(project_id, row, reveal=reveal)

    async def provision(self, actor: Actor, project_id: str, wanted: ProvisionIn, *, wait: bool = True) -> DatabaseOut:
        """Make a database for a project; without `wait` this returns while it is made.

        Raises:
            NotFound: no such project.
            Conflict: it has one, or a variable DATABASE_URL.
            Unavailable: the provider cannot make one; says why.
        """
        actor.require("write")
        task = await self._begin(actor, project_id, wanted)
        if wait:
            # The caller may go away, the making goes on.
            await asyncio.wait([task])
            if task.cancelled():
                raise Unavailable("The gateway stopped before the database was made")
            task.result()
        async with self._database.read() as transaction:
            row = await transaction.databases.get(project_id)
        return await self._out(project_id, row, reveal=False)

    @whole
    async def deprovision(self, actor: Actor, project_id: str, *, keep_dump: bool = False) -> DatabaseGone:
        """Remove a project's database with all that is in it; with `keep_dump` a copy of that is kept first.

        Raises:
            NotFound: no such project.
            BadRequest: it has none.
            Unavailable: it cannot be copied or removed; then it stays.
        """
        actor.require("write")
        project, row = await self._owned(actor, project_id, any_status=True)
        dump = None
        if keep_dump and row.status == "ready":
            dump = await self._copies.keep(project, self._provided(row).name, await self._address(row))
        await self._drop(project, row)
        return DatabaseGone(dump=str(dump) if dump is not None else None)

    @whole
    async def update(self, actor: Actor, project_id: str, patch: DatabasePatch) -> DatabaseOut:
        """Change its bound. Raises NotFound, BadRequest: it has no database."""
        actor.require("write")
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            row = _there(await transaction.databases.get(project_id))
            row.max_bytes = patch.max_mb * MIB
            await transaction.databases.put(row)
        if row.provider == "local" and self._local.running(row.reference):
            await self._watch.look_at(project, row)
        return await self._out(project_id, row, reveal=False)

    async def wake(self, actor: Actor, project_id: str, reveal: bool = False) -> DatabaseOut:
        """Start it where it does not run, for a program that wants to connect. Raises as `get`, and Unavailable."""
        actor.require("read")
        if reveal:
            actor.require("reveal")
        _, row = await self._owned(actor, project_id)
        if row.provider == "local":
            await self._local.wake(row.reference)
        return await self._out(project_id, row, reveal=reveal)

    async def address(self, actor: Actor, project_id: str) -> tuple[Project, Address]:
        """The project, and where its database answers from here, awake. Raises as `wake`."""
        project, row = await self._owned(actor, project_id)
        return project, await self._address(row)

    async def forget(self, gone: DeletedProject) -> list[str]:
        """The project is gone: remove its database too; what of it is left, in sentences."""
        project, row = gone.project, gone.database
        making = self._making.pop(project.id, None)
        if making is not None:
            making.task.cancel()
            await asyncio.wait([making.task])
        if row is None or row.status != "ready":
            return []
        try:
            await self._provided(row).drop(row.reference)
        except ClowdyError as error:
            log.warning("The database %s of the project %s is left: %s", row.reference, project.id, error.detail)
            return [f"The {row.provider} database {row.reference} is left: {error.detail}"]
        self._publish(events.DATABASE_REMOVED, project)
        return []

    @whole
    async def _begin(self, actor: Actor, project_id: str, wanted: ProvisionIn) -> "asyncio.Task[None]":
        provider = self._providers[wanted.provider]
        async with self._database.read() as transaction:
            await owned_project(transaction, actor, project_id)
        if problem := await provider.problem():
            raise Unavailable(problem)
        reference = names.new_id()
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            before = await transaction.databases.get(project_id)
            if before is not None and before.status != "failed":
                raise Conflict("The project has a database")
            if await transaction.variables.get(project_id, DATABASE_URL) is not None:
                raise Conflict(f"The project has a variable {DATABASE_URL}: remove it first")
            row = ProjectDatabase(
                project_id=project_id,
                provider=wanted.provider,
                reference=reference,
                max_bytes=wanted.max_mb * MIB,
                created_at=now_ms(),
            )
            await transaction.databases.put(row)
        self._making[project_id] = making = _Making()
        making.task = asyncio.create_task(self._make(project, row, provider, wanted, making), name="making a database")
        # Where nobody waits, a failure has been told by an event.
        making.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._publish(events.DATABASE_PROVISIONING, project, provider=wanted.provider)
        return making.task

    async def _make(
        self, project: Project, row: ProjectDatabase, provider: Provider, wanted: ProvisionIn, making: _Making
    ) -> None:
        def progress(text: str) -> None:
            making.progress = text
            self._publish(events.DATABASE_PROGRESS, project, text=text)

        try:
            made = await provider.provision(Wanted(row.reference, project.slug), progress)
            await self._ready(project, row, provider, made, enable_network=wanted.enable_network)
        except ClowdyError as error:
            await self._failed(project, row, error.detail)
            raise
        except Exception:
            # A fault of our own; without this the making would never seem to end.
            log.exception("The database of the project %s could not be made", project.id)
            await self._failed(project, row, "Something went wrong inside Clowdy; its log says more")
            raise
        finally:
            if self._making.get(project.id) is making:
                del self._making[project.id]

    @whole
    async def _ready(
        self, project: Project, row: ProjectDatabase, provider: Provider, made: Made, *, enable_network: bool
    ) -> None:
        async with self._database.write() as transaction:
            if await transaction.projects.get(project.id) is None:
                gone = True
            else:
                gone = False
                row.status, row.reference = "ready", made.reference
                row.url_encrypted = self._cipher.encrypt(made.url)
                row.admin_encrypted = self._cipher.encrypt(made.admin) if made.admin else b""
                await transaction.databases.put(row)
                if enable_network and provider.needs_network:
                    for function, _ in await transaction.functions.all_with_active(project.id):
                        function.network_enabled = True
                        await transaction.functions.add(function)
        if gone:
            await provider.drop(made.reference)
            raise NotFound("Project not found")
        await self._directory.refresh_project(project.id)
        if row.provider == "local":
            with contextlib.suppress(Unavailable):
                await self._watch.look_at(project, row)
        # Whoever hears of it and asks is told that it is there.
        self._making.pop(project.id, None)
        self._publish(events.DATABASE_READY, project, provider=row.provider)

    @whole
    async def _failed(self, project: Project, row: ProjectDatabase, reason: str) -> None:
        row.status, row.error = "failed", reason
        async with self._database.write() as transaction:
            if await transaction.projects.get(project.id) is not None:
                await transaction.databases.put(row)
        self._making.pop(project.id, None)
        self._publish(events.DATABASE_FAILED, project, error=reason)

    async def _drop(self, project: Project, row: ProjectDatabase) -> None:
        if (making := self._making.get(project.id)) is not None:
            making.task.cancel()
            await asyncio.wait([making.task])
        if row.status == "ready":
            await self._provided(row).drop(row.reference)
        async with self._database.write() as transaction:
            await transaction.databases.delete(project.id)
        await self._directory.refresh_project(project.id)
        self._publish(events.DATABASE_REMOVED, project)

    async def _owned(
        self, actor: Actor, project_id: str, *, any_status: bool = False
    ) -> tuple[Project, ProjectDatabase]:
        async with self._database.read() as transaction:
            project = await owned_project(transaction, actor, project_id)
            row = await transaction.databases.get(project_id)
        return project, _there(row, any_status=any_status)

    def _provided(self, row: ProjectDatabase) -> Provider:
        return self._providers[row.provider]

    async def _put(self, row: ProjectDatabase) -> None:
        async with self._database.write() as transaction:
            if await transaction.databases.get(row.project_id) is not None:
                await transaction.databases.put(row)

    async def _address(self, row: ProjectDatabase) -> Address:
        """Where it answers from here, started."""
        url = self._cipher.decrypt(row.url_encrypted)
        if row.provider != "local":
            return Address(url)
        await self._local.wake(row.reference)
        return Address(self._url_here(row, url), await self._local.installation(row.reference))

    def _url_here(self, row: ProjectDatabase, url: str) -> str:
        return self._local.url_here(row.reference, urlsplit(url).password or "")

    async def _out(self, project_id: str, row: ProjectDatabase | None, *, reveal: bool) -> DatabaseOut:
        providers = [await _provider_out(provider) for provider in self._providers.values()]
        if row is None:
            return DatabaseOut(has_database=False, status="none", providers=providers)
        making = self._making.get(project_id)
        provider = self._provided(row)
        # Kept as ready a moment before functions have it.
        ready = row.status == "ready" and making is None
        url = self._cipher.decrypt(row.url_encrypted) if ready else None
        is_local = row.provider == "local"
        here = None
        if url is not None and is_local:
            # Whoever connects from here is told why it cannot be done.
            with contextlib.suppress(Unavailable):
                here = self._url_here(row, url)
        without = self._directory.without_network(project_id) if ready and provider.needs_network else []
        status: Literal["provisioning", "ready", "failed"] = (
            "ready" if ready else "provisioning" if making is not None else "failed"
        )
        return DatabaseOut(
            has_database=ready,
            status=status,
            provider="local" if is_local else "neon",
            database_url=_shown(url, reveal=reveal),
            local_url=_shown(here, reveal=reveal),
            neon_project_id=row.reference if ready and not is_local else None,
            running=self._local.running(row.reference) if ready and is_local else None,
            size_bytes=row.size_bytes,
            max_bytes=row.max_bytes if is_local else None,
            read_only=row.read_only,
            functions_without_network=without,
            progress=making.progress if making is not None else None,
            error=row.error if status == "failed" else None,
            created_at=moment(row.created_at),
            providers=providers,
        )

    def _publish(self, event: str, project: Project, **data: object) -> None:
        self._bus.publish(event, {"project_id": project.id, **data}, owner=project.owner)


def _there(row: ProjectDatabase | None, *, any_status: bool = False) -> ProjectDatabase:
    if row is None or (row.status != "ready" and not any_status):
        raise BadRequest("The project has no database")
    return row


async def _provider_out(provider: Provider) -> ProviderOut:
    problem = await provider.problem()
    name: Literal["local", "neon"] = "local" if provider.name == "local" else "neon"
    return ProviderOut(name=name, available=not problem, problem=problem, needs_network=provider.needs_network)


def _shown(url: str | None, *, reveal: bool) -> str | None:
    """An address, its password hidden."""
    if url is None or reveal:
        return url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}{colon}***{at}{host}" if colon else parts.netloc))
