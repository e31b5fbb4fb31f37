"""Projects' API keys, as they are kept: their hashes, never themselves."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import ApiKey


class ApiKeys:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_project(self, project_id: str) -> list[ApiKey]:
        """Newest first."""
        newest = (col(ApiKey.created_at).desc(), col(ApiKey.id).desc())
        statement = select(ApiKey).where(col(ApiKey.project_id) == project_id).order_by(*newest)
        return list(await self._session.scalars(statement))

    async def all(self) -> list[ApiKey]:
        return list(await self._session.scalars(select(ApiKey)))

    async def get(self, key_id: str) -> ApiKey | None:
        return await self._session.get(ApiKey, key_id)

    async def add(self, key: ApiKey) -> None:
        self._session.add(key)
        await self._session.flush()

    async def delete(self, key_id: str) -> None:
        await self._session.execute(delete(ApiKey).where(col(ApiKey.id) == key_id))
