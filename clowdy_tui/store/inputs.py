"""Functions' saved inputs."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import SavedInput


class SavedInputs:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_function(self, function_id: str) -> list[SavedInput]:
        """By name."""
        statement = select(SavedInput).where(col(SavedInput.function_id) == function_id).order_by(col(SavedInput.name))
        return list(await self._session.scalars(statement))

    async def get(self, function_id: str, name: str) -> SavedInput | None:
        return await self._session.get(SavedInput, (function_id, name))

    async def add(self, saved: SavedInput) -> None:
        """Keep an input, new or changed."""
        self._session.add(saved)
        await self._session.flush()

    async def delete(self, function_id: str, name: str) -> None:
        one = (col(SavedInput.function_id) == function_id, col(SavedInput.name) == name)
        await self._session.execute(delete(SavedInput).where(*one))
