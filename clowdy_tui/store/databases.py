"""Projects' databases, as they are kept: what opens them is encrypted by whoever hands it in."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from clowdy_tui.domain.tables import ProjectDatabase


class ProjectDatabases:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, project_id: str) -> ProjectDatabase | None:
        return await self._session.get(ProjectDatabase, project_id)

    async def all(self) -> list[ProjectDatabase]:
        return list(await self._session.scalars(select(ProjectDatabase)))

    async def put(self, row: ProjectDatabase) -> None:
        """Keep a row, new or changed."""
        await self._session.merge(row)
        await self._session.flush()

    async def delete(self, project_id: str) -> None:
        if (row := await self.get(project_id)) is not None:
            await self._session.delete(row)
            await self._session.flush()
