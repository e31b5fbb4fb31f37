"""Routes, as they are kept."""

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.errors import Conflict
from clowdy_tui.domain.tables import Function, Route


class Routes:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, route_id: str) -> Route | None:
        return await self._session.get(Route, route_id)

    async def of_project(self, project_id: str) -> list[tuple[Route, str]]:
        """Routes with their functions' names, by path."""
        statement = (
            select(Route, col(Function.name))
            .join(Function, col(Function.id) == col(Route.function_id))
            .where(col(Route.project_id) == project_id)
            .order_by(col(Route.path), col(Route.method))
        )
        return [(route, name) for route, name in await self._session.execute(statement)]

    async def all(self) -> list[Route]:
        return list(await self._session.scalars(select(Route)))

    async def add(self, route: Route) -> None:
        """Keep a route, new or changed.

        Raises:
            Conflict: the project has one that takes the same requests.
        """
        # Read before: a flush that fails lets go of what was loaded.
        method, path = route.method, route.path
        self._session.add(route)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise Conflict(f"The project has a route for {method} {path} already") from error

    async def delete(self, route_id: str) -> None:
        await self._session.execute(delete(Route).where(col(Route.id) == route_id))
