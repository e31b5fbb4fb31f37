"""Projects: a set of functions under one address."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import FieldError, InvalidInput
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import ProjectIn, ProjectOut, ProjectPatch
from clowdy_tui.domain.tables import Project
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import DeletedProject, no_such_mark, owned_project
from clowdy_tui.services.purge import Purge
from clowdy_tui.store.database import Database, Transaction

# Inside a class with a method `list`, that name is the method's.
Sentences: TypeAlias = list[str]
OnDeleted = Callable[[DeletedProject], Awaitable[Sentences]]


class ProjectService:
    """`on_deleted` is told of each project that is gone, to remove what it had beside its rows.

    Each of them answers with what it could not remove, in sentences.
    """

    def __init__(
        self,
        database: Database,
        directory: Directory,
        bus: EventBus,
        purge: Purge,
        on_deleted: Sequence[OnDeleted],
    ) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._purge = purge
        self._on_deleted = on_deleted

    async def list(self, actor: Actor, limit: int = 1000, before: str | None = None) -> list[ProjectOut]:
        """The actor's projects, newest first, from the one after `before`. Raises InvalidInput: no such `before`."""
        actor.require("read")
        async with self._database.read() as transaction:
            if before is not None:
                mark = await transaction.projects.get(before)
                if mark is None or mark.owner != actor.user:
                    raise no_such_mark()
            rows = await transaction.projects.page(actor.user, limit=limit, before=before)
        return [self._out(project, count) for project, count in rows]

    async def get(self, actor: Actor, project_id: str) -> ProjectOut:
        """Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            project = await owned_project(transaction, actor, project_id)
            return self._out(project, await transaction.projects.function_count(project_id))

    @whole
    async def create(self, actor: Actor, wanted: ProjectIn) -> ProjectOut:
        """Make a project; its slug is its name's, with -1, -2 … where that is taken.

        Raises:
            InvalidInput: the name leaves nothing for a slug.
        """
        actor.require("write")
        now = now_ms()
        async with self._database.write() as transaction:
            project = Project(
                id=names.new_id(),
                owner=actor.user,
                name=wanted.name,
                slug=await free_slug(transaction, names.slugify(wanted.name)),
                description=wanted.description,
                created_at=now,
                updated_at=now,
            )
            await transaction.projects.add(project)
        await self._directory.refresh_project(project.id)
        return self._published(events.PROJECT_CREATED, project, 0)

    @whole
    async def update(self, actor: Actor, project_id: str, patch: ProjectPatch) -> ProjectOut:
        """Change what the patch holds. A new name keeps the slug.

        Raises:
            NotFound: no such project.
            InvalidInput: a slug that is none.
            Conflict: the slug is taken.
        """
        actor.require("write")
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            if patch.name is not None:
                project.name = patch.name
            if patch.description is not None:
                project.description = patch.description
            if patch.slug is not None:
                project.slug = _slug(patch.slug)
            if patch.capture is not None:
                project.settings = {**project.settings, "capture": patch.capture}
            for name in ("cors", "rate_limit"):
                if name in patch.model_fields_set:
                    rules = getattr(patch, name)
                    value = rules.model_dump(mode="json") if rules is not None else None
                    project.settings = {**project.settings, name: value}
            project.updated_at = now_ms()
            await transaction.projects.add(project)
            count = await transaction.projects.function_count(project_id)
        await self._directory.refresh_project(project_id)
        return self._published(events.PROJECT_UPDATED, project, count)

    @whole
    async def delete(self, actor: Actor, project_id: str) -> Sentences:
        """Remove a project with all that it owns; its calls go in the background.

        Returns what could not be removed, in sentences.

        Raises:
            NotFound: no such project.
        """
        actor.require("write")
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            database = await transaction.databases.get(project_id)
            gone = DeletedProject(project, database, await transaction.packages.get(project_id))
            await transaction.projects.delete(project_id)
        await self._directory.refresh_project(project_id)
        left = [sentence for forget in self._on_deleted for sentence in await forget(gone)]
        self._purge.soon()
        self._bus.publish(events.PROJECT_DELETED, {"project_id": project_id, "left": left}, owner=actor.user)
        return left

    def _out(self, project: Project, count: int) -> ProjectOut:
        return project_out(project, count, has_database=self._directory.has_database(project.id))

    def _published(self, event: str, project: Project, count: int) -> ProjectOut:
        out = self._out(project, count)
        self._bus.publish(
            event, {"project_id": project.id, "project": out.model_dump(mode="json")}, owner=project.owner
        )
        return out


def _slug(wanted: str) -> str:
    try:
        return names.slugify(wanted)
    except InvalidInput as error:
        message = "must have a letter or a digit"
        raise InvalidInput(
            f"slug: {message}", errors=(FieldError(loc=("slug",), msg=message, type="slug_empty"),)
        ) from error


async def free_slug(transaction: Transaction, slug: str) -> str:
    """This slug, with -1, -2 … where it is taken."""
    taken = await transaction.projects.slugs_like(slug)
    candidate, number = slug, 0
    while candidate in taken:
        number += 1
        candidate = f"{slug}-{number}"
    return candidate


def project_out(project: Project, function_count: int, *, has_database: bool = False) -> ProjectOut:
    """A project as it goes over the API."""
    return ProjectOut(
        id=project.id,
        name=project.name,
        slug=project.slug,
        description=project.description,
        status=project.status,
        function_count=function_count,
        requirements_txt=project.requirements_txt,
        has_database=has_database,
        capture=project.settings.get("capture", "all"),
        cors=project.settings.get("cors"),
        rate_limit=project.settings.get("rate_limit"),
        created_at=moment(project.created_at),
        updated_at=moment(project.updated_at),
    )
