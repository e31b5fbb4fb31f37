"""The client's calls for a project's database."""

from collections.abc import AsyncIterator, Callable

from clowdy_tui.client.resources import Resource, path_of
from clowdy_tui.domain.databases import DatabaseGone, DatabaseOut, ProvisionIn


class Databases(Resource):
    async def get(self, project_id: str, *, reveal: bool = False) -> DatabaseOut:
        """A project's database, or that it has none. The password reads `***` unless `reveal`."""
        query = {"reveal": True} if reveal else None
        return await self._connection.call(DatabaseOut, "GET", _path(project_id), query=query)

    async def provision(self, project_id: str, wanted: ProvisionIn | None = None, *, wait: bool = True) -> DatabaseOut:
        """Make one; without `wait` the answer comes while it is made, and `get` or the events tell the rest."""
        path, query = _path(project_id, "provision"), {"wait": wait}
        return await self._connection.call(DatabaseOut, "POST", path, body=wanted or ProvisionIn(), query=query)

    async def update(self, project_id: str, *, max_mb: int) -> DatabaseOut:
        """Change how large it may grow."""
        return await self._connection.call(DatabaseOut, "PUT", _path(project_id), body={"max_mb": max_mb})

    async def wake(self, project_id: str, *, reveal: bool = False) -> DatabaseOut:
        """Start it where it does not run, to connect to it then."""
        query = {"reveal": True} if reveal else None
        return await self._connection.call(DatabaseOut, "POST", _path(project_id, "wake"), query=query)

    async def deprovision(self, project_id: str, *, keep_dump: bool = False) -> DatabaseGone:
        """Remove it with all that is in it; with `keep_dump` a copy is kept first."""
        path, query = _path(project_id, "deprovision"), {"keep_dump": keep_dump}
        return await self._connection.call(DatabaseGone, "DELETE", path, query=query)

    async def dump(self, project_id: str, take: Callable[[bytes], object]) -> None:
        """All that is in it, in pg_dump's custom format, handed on in pieces as it comes."""
        await self._connection.download(_path(project_id, "dump"), take)

    async def restore(self, project_id: str, pieces: AsyncIterator[bytes]) -> None:
        """Put back what a dump holds: all of it or nothing."""
        await self._connection.upload(_path(project_id, "restore"), pieces)


def _path(project_id: str, *parts: str) -> str:
    return path_of("projects", project_id, "database", *parts)
