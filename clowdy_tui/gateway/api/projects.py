"""Projects."""

from clowdy_tui.domain.schemas import FunctionOut, ProjectGone, ProjectIn, ProjectOut, ProjectPatch
from clowdy_tui.gateway.endpoint import Call, Page, endpoint


@endpoint("GET", "/api/projects", scope="read", query=Page, answer=list[ProjectOut])
async def list_projects(call: Call[None, Page]) -> list[ProjectOut]:
    """The caller's projects, newest first."""
    return await call.platform.projects.list(call.actor, limit=call.query.limit, before=call.query.before)


@endpoint("POST", "/api/projects", scope="write", body=ProjectIn, answer=ProjectOut)
async def create_project(call: Call[ProjectIn, None]) -> ProjectOut:
    """Make a project."""
    return await call.platform.projects.create(call.actor, call.body)


@endpoint("GET", "/api/projects/{id}", scope="read", answer=ProjectOut, statuses=(404,))
async def get_project(call: Call[None, None]) -> ProjectOut:
    """One project."""
    return await call.platform.projects.get(call.actor, call.id("id", "Project"))


@endpoint("PUT", "/api/projects/{id}", scope="write", body=ProjectPatch, answer=ProjectOut, statuses=(404, 409))
async def update_project(call: Call[ProjectPatch, None]) -> ProjectOut:
    """Change what is given; a rename keeps the slug."""
    return await call.platform.projects.update(call.actor, call.id("id", "Project"), call.body)


@endpoint("DELETE", "/api/projects/{id}", scope="write", answer=ProjectGone, statuses=(404,))
async def delete_project(call: Call[None, None]) -> ProjectGone:
    """Delete a project with all that it owns: functions, routes, variables, packages, database."""
    left = await call.platform.projects.delete(call.actor, call.id("id", "Project"))
    return ProjectGone(left=left)


@endpoint("GET", "/api/projects/{id}/functions", scope="read", query=Page, answer=list[FunctionOut], statuses=(404,))
async def list_project_functions(call: Call[None, Page]) -> list[FunctionOut]:
    """A project's functions, newest first."""
    return await call.platform.functions.list(
        call.actor, project_id=call.id("id", "Project"), limit=call.query.limit, before=call.query.before
    )


ENDPOINTS = (list_projects, create_project, get_project, update_project, delete_project, list_project_functions)
