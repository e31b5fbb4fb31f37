"""Projects, and what belongs to one: routes, variables, packages."""

import asyncio
from typing import Any

from clowdy_tui.domain.errors import NotFound
from clowdy_tui.domain.schemas import Method, ProjectIn, RouteIn, RouteOut
from clowdy_tui.services.assistant.arguments import Arguments
from clowdy_tui.services.assistant.tools.base import Plan, Tool, Workplace
from clowdy_tui.services.assistant.tools.functions import Nothing
from clowdy_tui.services.bundle import unified_diff

_LIST = "requirements.txt"


class OneProject(Arguments):
    project_id: str | None = None


class NewProject(Arguments):
    name: str
    description: str = ""


class NewRoute(Arguments):
    function_id: str
    method: Method
    path: str


class OneRoute(OneProject):
    route_id: str


class PackageList(OneProject):
    requirements_txt: str


async def list_projects(place: Workplace, _: Nothing) -> Any:
    fields = {"id", "name", "slug", "description", "function_count", "has_database"}
    return [each.model_dump(include=fields) for each in await place.services.projects.list(place.actor)]


async def create_project(place: Workplace, wanted: NewProject) -> Plan:
    project = ProjectIn(name=wanted.name, description=wanted.description)

    async def carry_out() -> Any:
        made = await place.services.projects.create(place.actor, project)
        return {"id": made.id, "name": made.name, "slug": made.slug}

    return Plan(f"Create the project {project.name}", carry_out, wanted.description)


async def list_routes(place: Workplace, wanted: OneProject) -> Any:
    project = await place.project(wanted.project_id)
    return [_route(each) for each in await place.services.routes.list(place.actor, project.id)]


async def create_route(place: Workplace, wanted: NewRoute) -> Plan:
    function = await place.function(wanted.function_id)
    if function.project_id is None:
        raise NotFound(f"{function.name} is in no project, and only projects have routes")
    project_id = function.project_id
    project = await place.project(project_id)
    route = RouteIn(function_id=function.id, method=wanted.method, path=wanted.path)

    async def carry_out() -> Any:
        return _route(await place.services.routes.create(place.actor, project_id, route))

    detail = f"Anybody who reaches the gateway can then call it, at /api/gateway/{project.slug}{wanted.path}"
    return Plan(f"Route {wanted.method} {wanted.path} to {function.name}", carry_out, detail)


async def delete_route(place: Workplace, wanted: OneRoute) -> Plan:
    project = await place.project(wanted.project_id)
    routes = await place.services.routes.list(place.actor, project.id)
    route = next((each for each in routes if each.id == wanted.route_id), None)
    if route is None:
        raise NotFound("There is no such route; list_routes tells which there are")

    async def carry_out() -> Any:
        await place.services.routes.delete(place.actor, project.id, route.id)
        return {"deleted": f"{route.method} {route.path}"}

    return Plan(
        f"Delete the route {route.method} {route.path} of {project.name}", carry_out, "Calls of it get 404 then."
    )


async def list_variables(place: Workplace, wanted: OneProject) -> Any:
    project = await place.project(wanted.project_id)
    variables = await place.services.environment.list(place.actor, project.id)
    return {
        "variables": [{"key": each.key, "is_secret": each.is_secret} for each in variables],
        "note": "Names only, never values. Functions read them from os.environ.",
    }


async def get_packages(place: Workplace, wanted: OneProject) -> Any:
    project = await place.project(wanted.project_id)
    found = await place.services.packages.get(place.actor, project.id)
    return found.model_dump(mode="json", exclude_none=True)


async def set_packages(place: Workplace, wanted: PackageList) -> Plan:
    project = await place.project(wanted.project_id)

    async def carry_out() -> Any:
        found = await place.services.packages.set(place.actor, project.id, wanted.requirements_txt)
        return {"status": found.status, "lock": found.lock}

    old, new = {_LIST: project.requirements_txt}, {_LIST: wanted.requirements_txt}
    diff = await asyncio.to_thread(unified_diff, old, new, "now", "then")
    return Plan(
        f"Install other packages for {project.name}",
        carry_out,
        "Every function of it gets them.",
        diff,
        goes_on="They are still being installed; get_packages tells how that ends.",
    )


def _route(route: RouteOut) -> dict[str, Any]:
    return route.model_dump(include={"id", "function_id", "function_name", "method", "path", "auth", "url"})


TOOLS = (
    Tool("list_projects", "List all projects.", Nothing, "read", read=list_projects),
    Tool("create_project", "Create a project. The person is asked.", NewProject, "change", prepare=create_project),
    Tool("list_routes", "A project's routes: which method and path lead to which function.", OneProject, "read",
         read=list_routes),
    Tool("create_route", "Let a method and a path (like /users/:id) lead to a function. The person is asked.", NewRoute,
         "change", prepare=create_route),
    Tool("delete_route", "Delete a route. The person is always asked.", OneRoute, "delete", prepare=delete_route),
    Tool("list_variables", "The names of a project's environment variables; never their values.", OneProject, "read",
         read=list_variables),
    Tool("get_packages", "A project's requirements.txt, and which versions are installed.", OneProject, "read",
         read=get_packages),
    Tool("set_packages", "Replace a project's requirements.txt, and install it. The person is asked.", PackageList,
         "change", prepare=set_packages),
)  # fmt: skip
