"""Routes: which function answers which requests to a project's address."""

from collections.abc import Callable

from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import BadRequest, NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import RouteIn, RouteOut, RoutePatch
from clowdy_tui.domain.tables import Function, Project, Route
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import owned_project
from clowdy_tui.store.database import Database, Transaction


class RouteService:
    """`public_url` tells where the gateway answers; an empty text as long as it does not."""

    def __init__(
        self, database: Database, directory: Directory, bus: EventBus, *, public_url: Callable[[], str]
    ) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._public_url = public_url

    async def list(self, actor: Actor, project_id: str) -> list[RouteOut]:
        """By path. Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            project = await owned_project(transaction, actor, project_id)
            routes = await transaction.routes.of_project(project_id)
        return [self._out(route, project, name) for route, name in routes]

    @whole
    async def create(self, actor: Actor, project_id: str, wanted: RouteIn) -> RouteOut:
        """Make a route.

        Raises:
            NotFound: no such project.
            InvalidInput: a path that is no pattern.
            BadRequest: the function is not in this project.
            Conflict: the project has a route that takes the same requests.
        """
        actor.require("write")
        pattern = names.parse_route(wanted.path)
        now = now_ms()
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            function = await _function_in(transaction, project_id, wanted.function_id)
            route = Route(
                id=names.new_id(),
                project_id=project_id,
                function_id=function.id,
                method=wanted.method,
                path=pattern.path,
                shape=pattern.shape,
                description=wanted.description,
                payload_format=wanted.payload_format,
                auth=wanted.auth,
                created_at=now,
                updated_at=now,
            )
            await transaction.routes.add(route)
        await self._changed(events.ROUTE_CREATED, project, route.id)
        return self._out(route, project, function.name)

    @whole
    async def update(self, actor: Actor, project_id: str, route_id: str, patch: RoutePatch) -> RouteOut:
        """Change what the patch holds. Raises as `create` does."""
        actor.require("write")
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            route = await _route_in(transaction, project_id, route_id)
            function = await _function_in(transaction, project_id, patch.function_id or route.function_id)
            route.function_id = function.id
            if patch.path is not None:
                pattern = names.parse_route(patch.path)
                route.path, route.shape = pattern.path, pattern.shape
            fields = {"method", "description", "payload_format", "auth"}
            for name, value in patch.model_dump(include=fields, exclude_none=True).items():
                setattr(route, name, value)
            route.updated_at = now_ms()
            await transaction.routes.add(route)
        await self._changed(events.ROUTE_UPDATED, project, route_id)
        return self._out(route, project, function.name)

    @whole
    async def delete(self, actor: Actor, project_id: str, route_id: str) -> None:
        """Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            project = await owned_project(transaction, actor, project_id)
            await _route_in(transaction, project_id, route_id)
            await transaction.routes.delete(route_id)
        await self._changed(events.ROUTE_DELETED, project, route_id)

    async def _changed(self, event: str, project: Project, route_id: str) -> None:
        await self._directory.refresh_project(project.id)
        self._bus.publish(event, {"project_id": project.id, "route_id": route_id}, owner=project.owner)

    def _out(self, route: Route, project: Project, function_name: str) -> RouteOut:
        url = f"{self._public_url()}/api/gateway/{project.slug}{route.path.removesuffix('/')}"
        return RouteOut(
            **route.model_dump(exclude={"shape", "created_at", "updated_at"}),
            function_name=function_name,
            url=url,
            created_at=moment(route.created_at),
            updated_at=moment(route.updated_at),
        )


async def _route_in(transaction: Transaction, project_id: str, route_id: str) -> Route:
    route = await transaction.routes.get(route_id)
    if route is None or route.project_id != project_id:
        raise NotFound("Route not found")
    return route


async def _function_in(transaction: Transaction, project_id: str, function_id: str) -> Function:
    function = await transaction.functions.get(function_id)
    if function is None or function.project_id != project_id:
        raise BadRequest("Function not found in this project")
    return function
