"""Functions and their versions, as they are kept."""

from sqlalchemy import LargeBinary, and_, cast, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.errors import Conflict
from clowdy_tui.domain.tables import Function, FunctionVersion
from clowdy_tui.store.paging import newest_first

_ACTIVE = and_(
    col(FunctionVersion.function_id) == col(Function.id), col(FunctionVersion.version) == col(Function.active_version)
)


class Functions:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, function_id: str) -> Function | None:
        return await self._session.get(Function, function_id)

    async def named(self, project_id: str, name: str) -> bool:
        """Whether the project has a function of this name."""
        statement = select(col(Function.id)).where(col(Function.project_id) == project_id, col(Function.name) == name)
        return (await self._session.execute(statement)).first() is not None

    async def with_active(self, function_id: str) -> tuple[Function, FunctionVersion] | None:
        """A function and its active version."""
        statement = (
            select(Function, FunctionVersion).join(FunctionVersion, _ACTIVE).where(col(Function.id) == function_id)
        )
        row = (await self._session.execute(statement)).one_or_none()
        return (row[0], row[1]) if row else None

    async def all_with_active(self, project_id: str | None = None) -> list[tuple[Function, FunctionVersion]]:
        """Every function and its active version; of one project where it is given."""
        statement = select(Function, FunctionVersion).join(FunctionVersion, _ACTIVE)
        if project_id is not None:
            statement = statement.where(col(Function.project_id) == project_id)
        return [(function, version) for function, version in await self._session.execute(statement)]

    async def page(
        self, owner: str, *, project_id: str | None = None, limit: int, before: str | None = None
    ) -> list[tuple[Function, FunctionVersion]]:
        """Functions of a user, or else of a project, with their active versions, newest first."""
        among = col(Function.owner) == owner if project_id is None else col(Function.project_id) == project_id
        statement = select(Function, FunctionVersion).join(FunctionVersion, _ACTIVE).where(among)
        rows = await self._session.execute(newest_first(statement, Function, limit=limit, before=before))
        return [(function, version) for function, version in rows]

    async def add(self, function: Function, version: FunctionVersion | None = None) -> None:
        """Keep a function, new or changed, and a new version of it.

        Raises:
            Conflict: the project has a function of that name.
        """
        # Read before: a flush that fails lets go of what was loaded.
        name = function.name
        self._session.add(function)
        try:
            await self._session.flush()
        except IntegrityError as error:
            raise Conflict(f"The project has a function named {name!r} already") from error
        if version is not None:
            self._session.add(version)
            await self._session.flush()

    async def delete(self, function_id: str) -> None:
        """With its versions and routes. Invocations stay for `purge`."""
        await self._session.execute(delete(Function).where(col(Function.id) == function_id))

    async def versions(
        self, function_id: str, *, limit: int = 1000, before: int | None = None
    ) -> list[FunctionVersion]:
        """Newest first, those with numbers below `before`."""
        number = col(FunctionVersion.version)
        statement = select(FunctionVersion).where(col(FunctionVersion.function_id) == function_id)
        if before is not None:
            statement = statement.where(number < before)
        return list(await self._session.scalars(statement.order_by(number.desc()).limit(limit)))

    async def version(self, function_id: str, number: int) -> FunctionVersion | None:
        statement = select(FunctionVersion).where(
            col(FunctionVersion.function_id) == function_id, col(FunctionVersion.version) == number
        )
        return (await self._session.scalars(statement)).one_or_none()

    async def bundle_bytes(self) -> int:
        """About how many bytes all versions of all functions take."""
        statement = select(func.sum(func.length(cast(col(FunctionVersion.files), LargeBinary))))
        return (await self._session.scalars(statement)).one() or 0

    async def last_version_number(self, function_id: str) -> int:
        """The highest number ever given, whichever is active; 0 for none."""
        statement = select(func.max(col(FunctionVersion.version))).where(
            col(FunctionVersion.function_id) == function_id
        )
        return (await self._session.scalars(statement)).one() or 0
