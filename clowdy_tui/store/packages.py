"""Projects' packages, as they are kept."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import ProjectPackages


class Packages:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, project_id: str) -> ProjectPackages | None:
        return await self._session.get(ProjectPackages, project_id)

    async def all(self) -> list[ProjectPackages]:
        return list(await self._session.scalars(select(ProjectPackages)))

    async def same(self, requirements_hash: str, target: str) -> ProjectPackages | None:
        """Another project that has this very list built for this Python."""
        statement = select(ProjectPackages).where(
            col(ProjectPackages.requirements_hash) == requirements_hash,
            col(ProjectPackages.target) == target,
            col(ProjectPackages.layer).is_not(None),
        )
        return (await self._session.scalars(statement.limit(1))).one_or_none()

    async def put(self, row: ProjectPackages) -> None:
        """Keep a row, new or changed."""
        await self._session.merge(row)
        await self._session.flush()
