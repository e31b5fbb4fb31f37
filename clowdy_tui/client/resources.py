"""The client's calls, one small class per resource. Every one raises ApiError or GatewayGone."""

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar
from urllib.parse import quote

from clowdy_tui.client.connection import Connection
from clowdy_tui.domain.dotenv import DotenvOut
from clowdy_tui.domain.packages import RequirementsOut
from clowdy_tui.domain.schemas import (
    Detail,
    Diff,
    FunctionIn,
    FunctionOut,
    FunctionPatch,
    InvocationDetail,
    InvocationOut,
    KeyCreated,
    KeyOut,
    ProjectGone,
    ProjectOut,
    ReplayOut,
    RouteIn,
    RouteOut,
    RoutePatch,
    TokenCreated,
    TokenOut,
    VariableOut,
    VersionOut,
)

PAGE: Final = 1000
"""How many items are asked for at a time."""

# Inside a class with a method `list`, that name is the method's.
FunctionList: TypeAlias = list[FunctionOut]
VersionList: TypeAlias = list[VersionOut]
InvocationList: TypeAlias = list[InvocationOut]


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


Item = TypeVar("Item", bound=_Identified)


class Resource:
    """What they have in common: the connection, and lists that come in pages."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def _all(self, answer: type[list[Item]], path: str) -> list[Item]:
        """Every item of a list that comes in pages."""
        items: list[Item] = []
        while True:
            before = items[-1].id if items else None
            page = await self._connection.call(answer, "GET", path, query={"limit": PAGE, "before": before})
            items += page
            if len(page) < PAGE:
                return items


def path_of(*parts: str | int) -> str:
    """A path of the API, each part quoted."""
    return "/api/" + "/".join(quote(str(part), safe="") for part in parts)


class Projects(Resource):
    async def list(self) -> list[ProjectOut]:
        """All of them, newest first."""
        return await self._all(list[ProjectOut], path_of("projects"))

    async def get(self, id_: str) -> ProjectOut:
        return await self._connection.call(ProjectOut, "GET", path_of("projects", id_))

    async def create(self, name: str, description: str = "") -> ProjectOut:
        body = {"name": name, "description": description}
        return await self._connection.call(ProjectOut, "POST", path_of("projects"), body=body)

    async def update(self, id_: str, **changes: Any) -> ProjectOut:
        """Change `name`, `description`, `slug`, `capture`, `cors`, `rate_limit`."""
        return await self._connection.call(ProjectOut, "PUT", path_of("projects", id_), body=changes)

    async def delete(self, id_: str) -> ProjectGone:
        """Delete it with all that it owns; `left` of the answer is what could not be removed."""
        return await self._connection.call(ProjectGone, "DELETE", path_of("projects", id_))

    async def functions(self, id_: str) -> FunctionList:
        return await self._all(FunctionList, path_of("projects", id_, "functions"))


class Functions(Resource):
    async def list(self) -> list[FunctionOut]:
        """All of them, newest first, with a project or without."""
        return await self._all(list[FunctionOut], path_of("functions"))

    async def get(self, id_: str) -> FunctionOut:
        return await self._connection.call(FunctionOut, "GET", path_of("functions", id_))

    async def create(self, function: FunctionIn) -> FunctionOut:
        return await self._connection.call(FunctionOut, "POST", path_of("functions"), body=function)

    async def update(self, id_: str, changes: FunctionPatch) -> FunctionOut:
        """Change the fields that were set in `changes`. ApiError 409 (`stale-version`) where somebody else saved."""
        return await self._connection.call(FunctionOut, "PUT", path_of("functions", id_), body=changes)

    async def delete(self, id_: str) -> None:
        await self._connection.call(Detail, "DELETE", path_of("functions", id_))

    async def versions(self, id_: str) -> VersionList:
        """All of them, newest first."""
        versions: VersionList = []
        while True:
            query = {"limit": PAGE, "before": versions[-1].version if versions else None}
            page = await self._connection.call(VersionList, "GET", path_of("functions", id_, "versions"), query=query)
            versions += page
            if len(page) < PAGE:
                return versions

    async def version(self, id_: str, number: int) -> VersionOut:
        return await self._connection.call(VersionOut, "GET", path_of("functions", id_, "versions", number))

    async def activate(self, id_: str, number: int) -> FunctionOut:
        """Make this version the one that answers."""
        return await self._connection.call(FunctionOut, "PUT", path_of("functions", id_, "versions", number))

    async def diff(self, id_: str, from_: int, to: int) -> Diff:
        query = {"from": from_, "to": to}
        return await self._connection.call(Diff, "GET", path_of("functions", id_, "diff"), query=query)

    async def warm(self, id_: str) -> None:
        """Make an instance ready before somebody calls; returns when it is."""
        await self._connection.call(Detail, "POST", path_of("functions", id_, "warm"))

    async def invocations(self, id_: str, limit: int = 50, before: str | None = None, **filters: Any) -> InvocationList:
        """Newest first, with the filters of `Invocations.list`."""
        query = {"limit": limit, "before": before, **filters}
        path = path_of("functions", id_, "invocations")
        return await self._connection.call(InvocationList, "GET", path, query=query)


class Routes(Resource):
    async def list(self, project_id: str) -> list[RouteOut]:
        """By path."""
        return await self._all(list[RouteOut], path_of("projects", project_id, "routes"))

    async def create(self, project_id: str, route: RouteIn) -> RouteOut:
        return await self._connection.call(RouteOut, "POST", path_of("projects", project_id, "routes"), body=route)

    async def update(self, project_id: str, id_: str, changes: RoutePatch) -> RouteOut:
        """Change the fields that were set in `changes`."""
        path = path_of("projects", project_id, "routes", id_)
        return await self._connection.call(RouteOut, "PUT", path, body=changes)

    async def delete(self, project_id: str, id_: str) -> None:
        await self._connection.call(Detail, "DELETE", path_of("projects", project_id, "routes", id_))


class Variables(Resource):
    async def list(self, project_id: str, reveal: bool = False) -> list[VariableOut]:
        """By key. A secret reads `****` unless `reveal`, which needs the scope of that name."""
        query = {"reveal": True} if reveal else None
        return await self._connection.call(
            list[VariableOut], "GET", path_of("projects", project_id, "env"), query=query
        )

    async def set(self, project_id: str, key: str, value: str, is_secret: bool = True) -> VariableOut:
        """Make it, or give it this value."""
        body = {"key": key, "value": value, "is_secret": is_secret}
        return await self._connection.call(VariableOut, "POST", path_of("projects", project_id, "env"), body=body)

    async def delete(self, project_id: str, key: str) -> None:
        await self._connection.call(Detail, "DELETE", path_of("projects", project_id, "env", key))

    async def import_dotenv(self, project_id: str, text: str, *, is_secret: bool = True) -> DotenvOut:
        """Set what a `.env` file holds. ApiError 422 where a line is none, and then nothing is set."""
        body = {"text": text, "is_secret": is_secret}
        path = path_of("projects", project_id, "env", "import")
        return await self._connection.call(DotenvOut, "POST", path, body=body)

    async def export_dotenv(self, project_id: str, *, reveal: bool = False) -> str:
        """All of them as a `.env` file; a secret is a comment unless `reveal`."""
        path = path_of("projects", project_id, "env", "export")
        return await self._connection.text("GET", f"{path}?reveal=true" if reveal else path)


class Packages(Resource):
    async def get(self, project_id: str) -> RequirementsOut:
        """A project's list, its lock, and how far the last build is."""
        return await self._connection.call(RequirementsOut, "GET", path_of("projects", project_id, "requirements"))

    async def set(
        self, project_id: str, requirements_txt: str, *, wait: bool = True, upgrade: bool = False
    ) -> RequirementsOut:
        """Save a list and build it. ApiError 422 where a line is not taken or the build fails.

        Without `wait` the answer comes at once, and `status` may be `building`. With `upgrade` versions that the list
        does not fix are looked for anew.
        """
        path = path_of("projects", project_id, "requirements")
        body = {"requirements_txt": requirements_txt}
        query = {"wait": wait, "upgrade": upgrade}
        return await self._connection.call(RequirementsOut, "PUT", path, body=body, query=query)

    async def stop(self, project_id: str) -> RequirementsOut:
        """Stop the build that runs; what was in use stays."""
        path = path_of("projects", project_id, "requirements", "build")
        return await self._connection.call(RequirementsOut, "DELETE", path)


class Keys(Resource):
    async def list(self, project_id: str) -> list[KeyOut]:
        """Newest first, never the key itself."""
        return await self._connection.call(list[KeyOut], "GET", path_of("projects", project_id, "keys"))

    async def create(self, project_id: str, name: str) -> KeyCreated:
        """Make a key for routes with `auth: api_key`. The answer is the only place where it is ever shown."""
        path = path_of("projects", project_id, "keys")
        return await self._connection.call(KeyCreated, "POST", path, body={"name": name})

    async def delete(self, project_id: str, id_: str) -> None:
        await self._connection.call(Detail, "DELETE", path_of("projects", project_id, "keys", id_))


class Invocations(Resource):
    async def list(self, limit: int = 50, before: str | None = None, **filters: Any) -> list[InvocationOut]:
        """Newest first.

        Filters: `status` (or `failed`), `source`, `since` and `until` (times), `q` (text in input or output).
        `cut`: of input and output no more than so many characters; `logs`: with what each printed.
        """
        query = {"limit": limit, "before": before, **filters}
        return await self._connection.call(list[InvocationOut], "GET", path_of("invocations"), query=query)

    async def get(self, id_: str) -> InvocationDetail:
        return await self._connection.call(InvocationDetail, "GET", path_of("invocations", id_))

    async def replay(self, id_: str, *, version: int | None = None) -> ReplayOut:
        """Run the same input again, by the active version unless another is named."""
        path = path_of("invocations", id_, "replay")
        return await self._connection.call(ReplayOut, "POST", path, query={"version": version})


class Tokens(Resource):
    async def list(self) -> list[TokenOut]:
        return await self._all(list[TokenOut], path_of("tokens"))

    async def create(
        self, name: str, scopes: Sequence[str] | None = None, user: str | None = None, expires_in_s: int | None = None
    ) -> TokenCreated:
        """Make a token. The answer is the only place where it is ever shown. Without `scopes` it has all."""
        body: dict[str, Any] = {"name": name}
        if scopes is not None:
            body["scopes"] = [*scopes]
        if user is not None:
            body["user"] = user
        if expires_in_s is not None:
            body["expires_in_s"] = expires_in_s
        return await self._connection.call(TokenCreated, "POST", path_of("tokens"), body=body)

    async def revoke(self, id_: str) -> None:
        await self._connection.call(Detail, "DELETE", path_of("tokens", id_))
