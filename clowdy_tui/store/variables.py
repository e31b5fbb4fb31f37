"""Environment variables, as they are kept: encrypted by whoever hands them in."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import Variable


class Variables:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of_project(self, project_id: str) -> list[Variable]:
        """By key."""
        statement = select(Variable).where(col(Variable.project_id) == project_id).order_by(col(Variable.key))
        return list(await self._session.scalars(statement))

    async def all(self) -> list[Variable]:
        return list(await self._session.scalars(select(Variable)))

    async def get(self, project_id: str, key: str) -> Variable | None:
        statement = select(Variable).where(col(Variable.project_id) == project_id, col(Variable.key) == key)
        return (await self._session.scalars(statement)).one_or_none()

    async def add(self, variable: Variable) -> None:
        """Keep a variable, new or changed."""
        self._session.add(variable)
        await self._session.flush()

    async def delete(self, variable_id: str) -> None:
        await self._session.execute(delete(Variable).where(col(Variable.id) == variable_id))
