"""A project's packages: saving a list builds its layer; until that is there, and when it fails, the old one serves."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Final, Literal

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import ClowdyError, Conflict, InvalidInput, NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.packages import BuildFailed, Requirements, RequirementsOut, read_requirements
from clowdy_tui.domain.tables import Project, ProjectPackages
from clowdy_tui.engine.layers import Layer, LayersLeft, LayerStore
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import now_ms
from clowdy_tui.services.owned import DeletedProject, owned_project
from clowdy_tui.store.database import Database

KeepLayers = Callable[[Collection[str]], Awaitable[LayersLeft]]
"""Lets go of other layers in the engine; answers what stays of those."""

_TIDY_EVERY_S: Final = 60.0
_PATIENCE_S: Final = 2.0
"""For idle instances of a deleted project to end."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Build:
    """One that runs. `replaced` once a newer list took its place."""

    text: str
    requirements: Requirements
    upgrade: bool
    task: "asyncio.Task[RequirementsOut]" = field(init=False)
    progress: str = "Waiting"
    replaced: bool = False


class PackageService:
    """`keep_layers` is the engine's; old layers are looked for now and then, and removed when nothing uses them."""

    def __init__(
        self, database: Database, directory: Directory, bus: EventBus, layers: LayerStore, keep_layers: KeepLayers
    ) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._layers = layers
        self._keep_layers = keep_layers
        self._builds: dict[str, _Build] = {}
        self._tidying: asyncio.Task[None] | None = None
        self._untidy = asyncio.Event()
        self._told: frozenset[str] = frozenset()
        self._saving = 0
        self._changes = 0

    async def start(self) -> None:
        """Go on with what a gateway that ended had begun, make again what is missing, remove what nobody uses."""
        async with self._database.read() as transaction:
            rows = await transaction.packages.all()
            projects = {project.id: project for project in await transaction.projects.all()}
        for row in rows:
            project = projects[row.project_id]
            missing = row.layer is not None and not (
                self._layers.has(row.layer) and row.target == self._layers.target.tag
            )
            if row.status == "building" or missing:
                text = row.wanted_txt if row.status == "building" and row.wanted_txt else project.requirements_txt
                try:
                    self._begin(project, _Build(text, read_requirements(text), upgrade=False))
                except InvalidInput as error:
                    # Kept by a version that took it.
                    await self._failed(project, error.detail)
        self._untidy.set()
        self._tidying = asyncio.create_task(self._tidy(), name="old layers")

    async def close(self) -> None:
        """End what is being built; the next start begins it again."""
        tasks = [build.task for build in self._builds.values()]
        tasks += [self._tidying] if self._tidying is not None else []  # type: ignore[list-item]  # only ended here
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def get(self, actor: Actor, project_id: str) -> RequirementsOut:
        """Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            project = await owned_project(transaction, actor, project_id)
            row = await transaction.packages.get(project_id)
        return self._out(project, row)

    async def set(
        self, actor: Actor, project_id: str, text: str, *, wait: bool = True, upgrade: bool = False
    ) -> RequirementsOut:
        """Save a list and build its layer; with `upgrade`, of the newest versions, else of those that it had.

        Without `wait` it returns at once, and `status` is `building` where there is something to build. A list that
        is saved while another one of the project is built takes its place.

        Raises:
            NotFound: no such project.
            InvalidInput: a line that is not taken, each named.
            BuildFailed: it cannot be built; what was in use stays.
            Conflict: a newer list took its place, or the build was stopped, before it was done.
        """
        actor.require("write")
        requirements = read_requirements(text)
        task = await self._save(actor, project_id, _Build(text, requirements, upgrade))
        if wait and task is not None:
            # The caller may go away, the build goes on.
            await asyncio.wait([task])
            if task.cancelled():
                raise Conflict("The build was stopped, or a newer list took its place, before it was done")
            return task.result()
        return await self.get_saved(project_id)

    async def get_saved(self, project_id: str) -> RequirementsOut:
        """As `get`, for whoever has been let in already."""
        async with self._database.read() as transaction:
            project = await transaction.projects.get(project_id)
            row = await transaction.packages.get(project_id)
        if project is None:
            raise NotFound("Project not found")
        return self._out(project, row)

    @whole
    async def stop(self, actor: Actor, project_id: str) -> RequirementsOut:
        """Stop the build that runs; what was in use stays.

        Raises:
            NotFound: no such project, or nothing is built.
        """
        actor.require("write")
        async with self._database.read() as transaction:
            project = await owned_project(transaction, actor, project_id)
        build = self._builds.get(project_id)
        if build is None:
            raise NotFound("Nothing is being built")
        await self._end(project_id, build)
        return await self._failed(project, "The build was stopped", stopped=True)

    async def forget(self, gone: DeletedProject) -> list[str]:
        """The project is gone: its build ends, and its layer goes where nobody else has it; what is left of that, in
        sentences.
        """
        if (build := self._builds.get(gone.project.id)) is not None:
            await self._end(gone.project.id, build)
        # Also where this has to be left to a later time.
        self._untidy.set()
        layer = gone.packages.layer if gone.packages is not None else None
        if layer is None or layer in await self._wanted():
            return []
        until = time.monotonic() + _PATIENCE_S
        try:
            while True:
                left = await self._collected()
                late = time.monotonic() > until
                # Docker keeps an image while it takes the container away.
                if left is not None and layer not in left.busy and (late or not left.stuck):
                    return [*left.stuck, *left.elsewhere]
                if late:
                    why = "a call works with it still" if left is not None else "packages are being built"
                    return [f"The layer {layer} is left for now, since {why}: it goes when that has ended"]
                await asyncio.sleep(0.05)
        except ClowdyError as error:
            return [f"The layer {layer} is left for now: {error.detail}"]

    @whole
    async def _save(self, actor: Actor, project_id: str, build: _Build) -> "asyncio.Task[RequirementsOut] | None":
        """What builds the list; None where there is nothing to build."""
        self._saving += 1
        try:
            return await self._build_or_take(actor, project_id, build)
        finally:
            self._saving -= 1

    async def _build_or_take(
        self, actor: Actor, project_id: str, build: _Build
    ) -> "asyncio.Task[RequirementsOut] | None":
        async with self._database.read() as transaction:
            project = await owned_project(transaction, actor, project_id)
            row = await transaction.packages.get(project_id)
            twin = None
            if not build.upgrade and build.requirements.packages:
                twin = await transaction.packages.same(build.requirements.hash, self._layers.target.tag)
        running = self._builds.get(project_id)
        if running is not None:
            if running.requirements == build.requirements and running.upgrade == build.upgrade:
                return running.task
            await self._end(project_id, running)
        if not build.requirements.packages:
            await self._ready(project, build, None)
            return None
        # What this project has comes before what another one has.
        for known in (row, twin):
            if (
                known is not None
                and known.layer is not None
                and not build.upgrade
                and known.requirements_hash == build.requirements.hash
                and known.target == self._layers.target.tag
                and self._layers.has(known.layer)
            ):
                if known is row and row.status == "ready" and project.requirements_txt == build.text:
                    return None
                await self._ready(project, build, Layer(known.layer, known.lock, fresh=False), row)
                return None
        async with self._database.write() as transaction:
            kept = _copy(await transaction.packages.get(project_id), project_id)
            kept.status, kept.wanted_txt, kept.error = "building", build.text, None
            await transaction.packages.put(kept)
        return self._begin(project, build)

    def _begin(self, project: Project, build: _Build) -> "asyncio.Task[RequirementsOut]":
        self._builds[project.id] = build
        build.task = asyncio.create_task(self._build(project, build), name=f"packages of {project.id}")
        # Where nobody waits, a failure has been told by an event.
        build.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._publish(events.PACKAGES_BUILDING, project)
        return build.task

    async def _end(self, project_id: str, build: _Build) -> None:
        build.replaced = True
        build.task.cancel()
        await asyncio.wait([build.task])
        if self._builds.get(project_id) is build:
            del self._builds[project_id]

    async def _build(self, project: Project, build: _Build) -> RequirementsOut:
        def progress(line: str) -> None:
            build.progress = line
            self._publish(events.PACKAGES_PROGRESS, project, text=line)

        try:
            layer = await self._make(project, build, progress)
            # From here on it is not given up half way.
            return await self._ready(project, build, layer)
        except ClowdyError as error:
            reason = error.reason if isinstance(error, BuildFailed) else error.detail
            await self._failed(project, reason, build)
            raise
        except Exception:
            # A fault of our own; without this the build would never seem to end.
            log.exception("The packages of the project %s could not be built", project.id)
            await self._failed(project, "Something went wrong inside Clowdy; its log says more", build)
            raise
        finally:
            self._is_done(project, build)
            self._untidy.set()

    def _is_done(self, project: Project, build: _Build | None) -> None:
        """Whoever hears how it ended and asks is told so, and not that it goes on."""
        if build is not None and self._builds.get(project.id) is build:
            del self._builds[project.id]

    async def _make(self, project: Project, build: _Build, progress: Callable[[str], None]) -> Layer:
        async with self._database.read() as transaction:
            row = await transaction.packages.get(project.id)
        known = row is not None and row.requirements_hash == build.requirements.hash and not build.upgrade
        if row is not None and known and row.target == self._layers.target.tag:
            return await self._layers.restore(row.lock, on_progress=progress)
        previous = row.lock if row is not None and not build.upgrade else ""
        return await self._layers.build(build.requirements, previous=previous, on_progress=progress)

    @whole
    async def _ready(
        self, project: Project, build: _Build, layer: Layer | None, before: ProjectPackages | None = None
    ) -> RequirementsOut:
        async with self._database.write() as transaction:
            kept = await transaction.projects.get(project.id)
            if kept is None:
                raise NotFound("Project not found")
            if kept.requirements_txt != build.text:
                kept.requirements_txt, kept.updated_at = build.text, now_ms()
                await transaction.projects.add(kept)
            row = ProjectPackages(
                project_id=project.id,
                requirements_hash=build.requirements.hash if layer is not None else None,
                lock=layer.lock if layer is not None else "",
                layer=layer.key if layer is not None else None,
                target=self._layers.target.tag,
                status="ready",
            )
            await transaction.packages.put(row)
        self._changes += 1
        if before is None or before.layer != row.layer:
            await self._directory.refresh_project(project.id)
            self._untidy.set()
        self._is_done(project, build)
        self._publish(events.PACKAGES_READY, project, requirements_hash=row.requirements_hash)
        return self._out(kept, row, done=True)

    @whole
    async def _failed(
        self, project: Project, reason: str, build: _Build | None = None, *, stopped: bool = False
    ) -> RequirementsOut:
        async with self._database.write() as transaction:
            kept = await transaction.projects.get(project.id)
            if kept is None:
                raise NotFound("Project not found")
            row = _copy(await transaction.packages.get(project.id), project.id)
            row.status, row.error = "stopped" if stopped else "failed", reason
            await transaction.packages.put(row)
        self._is_done(project, build)
        self._publish(events.PACKAGES_FAILED, project, error=reason, stopped=stopped)
        return self._out(kept, row, done=True)

    def _out(self, project: Project, row: ProjectPackages | None, *, done: bool = False) -> RequirementsOut:
        build = None if done else self._builds.get(project.id)
        # A build may end between the reading of its row and this: what the row says is one moment, and whole.
        status: Literal["building", "ready", "failed"] = "ready"
        if build is not None or (row is not None and row.status == "building"):
            status = "building"
        elif row is not None and row.status in ("failed", "stopped"):
            status = "failed"
        return RequirementsOut(
            requirements_txt=project.requirements_txt,
            requirements_hash=row.requirements_hash if row is not None else None,
            has_custom_image=row is not None and row.layer is not None,
            status=status,
            lock=row.lock if row is not None else "",
            wanted_txt=build.text if build is not None else row.wanted_txt if row is not None else None,
            progress=build.progress if build is not None else None,
            error=row.error if row is not None and build is None else None,
            stopped=row is not None and build is None and row.status == "stopped",
        )

    def _publish(self, event: str, project: Project, **data: str | bool | None) -> None:
        self._bus.publish(event, {"project_id": project.id, **data}, owner=project.owner)

    async def _tidy(self) -> None:
        while True:
            await self._untidy.wait()
            self._untidy.clear()
            try:
                left = await self._collected()
            except ClowdyError as error:
                left = LayersLeft(stuck=(error.detail,))
            if left is not None:
                self._tell_once((*left.stuck, *left.elsewhere))
            if left != LayersLeft():
                # Instances work with an old layer still, or one is being made: later.
                asyncio.get_running_loop().call_later(_TIDY_EVERY_S, self._untidy.set)
            await asyncio.sleep(1.0)

    def _tell_once(self, sentences: tuple[str, ...]) -> None:
        for sentence in sentences:
            if sentence not in self._told:
                log.warning("Looked at again every minute: %s", sentence)
        self._told = frozenset(sentences)

    async def _wanted(self) -> frozenset[str]:
        async with self._database.read() as transaction:
            return frozenset(row.layer for row in await transaction.packages.all() if row.layer is not None)

    async def _collected(self) -> LayersLeft | None:
        """Remove what no project wants; what stays. None where this is no time for it."""
        if self._builds or self._saving:
            return None
        seen = self._changes
        wanted = await self._wanted()
        left = await self._keep_layers(wanted)
        # Since the wanted ones were read another may have been built, from its beginning to its end, or taken over.
        if self._builds or self._saving or self._changes != seen:
            return None
        stuck = await self._layers.collect({*wanted, *left.busy})
        return LayersLeft(left.busy, (*left.stuck, *stuck), left.elsewhere)


def _copy(row: ProjectPackages | None, project_id: str) -> ProjectPackages:
    if row is None:
        return ProjectPackages(project_id=project_id, lock="", target="", status="ready")
    return ProjectPackages(**row.model_dump())
