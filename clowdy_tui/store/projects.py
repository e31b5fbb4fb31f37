"""Projects, as they are kept."""

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.errors import Conflict
from clowdy_tui.domain.tables import Function, Project
from clowdy_tui.store.paging import newest_first


class Projects:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, project_id: str) -> Project | None:
        return await self._session.get(Project, project_id)

    async def all(self) -> list[Project]:
        return list(await self._session.scalars(select(Project)))

    async def page(self, owner: str, *, limit: int, before: str | None = None) -> list[tuple[Project, int]]:
        """Projects of a user with the number of their functions, newest first."""
        count = (
            select(func.count())
            .select_from(Function)
            .where(col(Function.project_id) == col(Project.id))
            .correlate(Project)
            .scalar_subquery()
        )
        statement = select(Project, count).where(col(Project.owner) == owner)
        rows = await self._session.execute(newest_first(statement, Project, limit=limit, before=before))
        return [(project, number) for project, number in rows]

    async def function_count(self, project_id: str) -> int:
        statement = select(func.count()).select_from(Function).where(col(Function.project_id) == project_id)
        return (await self._session.scalars(statement)).one()

    async def slugs_like(self, slug: str) -> set[str]:
        """Every slug that is taken and begins with this one, whoever has it."""
        found = await self._session.scalars(
            select(col(Project.slug)).where(col(Project.slug) >= slug, col(Project.slug) < slug + "\U0010ffff")
        )
        return set(found)

    async def add(self, project: Project) -> None:
        """Keep a project, new or changed.

        Raises:
            Conflict: the slug is taken.
        """
        # Read before: a flush that fails lets go of what was loaded.
        slug = project.slug
        self._session.add(project)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise Conflict(f"The address {slug!r} is taken by another project") from error

    async def delete(self, project_id: str) -> None:
        """With its functions, their versions, its routes and variables. Invocations stay for `purge`."""
        await self._session.execute(delete(Project).where(col(Project.id) == project_id))
