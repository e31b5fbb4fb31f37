"""Routes: which function answers at a project's paths."""

from clowdy_tui.domain.schemas import Detail, RouteIn, RouteOut, RoutePatch
from clowdy_tui.gateway.endpoint import Call, Page, endpoint
from clowdy_tui.gateway.paging import part


@endpoint("GET", "/api/projects/{id}/routes", scope="read", query=Page, answer=list[RouteOut], statuses=(404,))
async def list_routes(call: Call[None, Page]) -> list[RouteOut]:
    """A project's routes, by path."""
    routes = await call.platform.routes.list(call.actor, call.id("id", "Project"))
    return part(routes, call.query, lambda route: route.id)


@endpoint("POST", "/api/projects/{id}/routes", scope="write", body=RouteIn, answer=RouteOut, statuses=(400, 404, 409))
async def create_route(call: Call[RouteIn, None]) -> RouteOut:
    """Let a function answer at a method and a path."""
    return await call.platform.routes.create(call.actor, call.id("id", "Project"), call.body)


@endpoint(
    "PUT",
    "/api/projects/{id}/routes/{route_id}",
    scope="write",
    body=RoutePatch,
    answer=RouteOut,
    statuses=(400, 404, 409),
)
async def update_route(call: Call[RoutePatch, None]) -> RouteOut:
    """Change what is given."""
    return await call.platform.routes.update(
        call.actor, call.id("id", "Project"), call.id("route_id", "Route"), call.body
    )


@endpoint("DELETE", "/api/projects/{id}/routes/{route_id}", scope="write", answer=Detail, statuses=(404,))
async def delete_route(call: Call[None, None]) -> Detail:
    """Delete a route; its function stays."""
    await call.platform.routes.delete(call.actor, call.id("id", "Project"), call.id("route_id", "Route"))
    return Detail(detail="Route deleted")


ENDPOINTS = (list_routes, create_route, update_route, delete_route)
