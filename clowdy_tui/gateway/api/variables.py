"""A project's environment variables."""

from clowdy_tui.domain.dotenv import DotenvIn, DotenvOut
from clowdy_tui.domain.schemas import Detail, VariableIn, VariableOut
from clowdy_tui.gateway.endpoint import Call, Page, Parameters, endpoint
from clowdy_tui.gateway.paging import part


class VariablePage(Page):
    reveal: bool = False


class ExportQuery(Parameters):
    reveal: bool = False


@endpoint("GET", "/api/projects/{id}/env", scope="read", query=VariablePage, answer=list[VariableOut], statuses=(404,))
async def list_variables(call: Call[None, VariablePage]) -> list[VariableOut]:
    """A project's variables, by key; secrets read **** unless `reveal`, which needs the scope of that name."""
    if call.query.reveal:
        call.actor.require("reveal")
    variables = await call.platform.environment.list(call.actor, call.id("id", "Project"), reveal=call.query.reveal)
    return part(variables, call.query, lambda variable: variable.id)


@endpoint("POST", "/api/projects/{id}/env", scope="write", body=VariableIn, answer=VariableOut, statuses=(404, 409))
async def set_variable(call: Call[VariableIn, None]) -> VariableOut:
    """Make a variable, or give it another value."""
    return await call.platform.environment.set(call.actor, call.id("id", "Project"), call.body)


@endpoint("DELETE", "/api/projects/{id}/env/{key}", scope="write", answer=Detail, statuses=(404,))
async def delete_variable(call: Call[None, None]) -> Detail:
    """Delete a variable."""
    await call.platform.environment.delete(call.actor, call.id("id", "Project"), call.text("key", "Variable"))
    return Detail(detail="Variable deleted")


@endpoint("POST", "/api/projects/{id}/env/import", scope="write", body=DotenvIn, answer=DotenvOut, statuses=(404, 409))
async def import_variables(call: Call[DotenvIn, None]) -> DotenvOut:
    """Set what a .env file holds: all of it or, where a line is wrong, nothing."""
    return await call.platform.environment.import_dotenv(call.actor, call.id("id", "Project"), call.body)


@endpoint(
    "GET",
    "/api/projects/{id}/env/export",
    scope="read",
    query=ExportQuery,
    answer=str,
    statuses=(404,),
    content_type="text/plain; charset=utf-8",
)
async def export_variables(call: Call[None, ExportQuery]) -> str:
    """A project's variables as a .env file; secrets only with `reveal`, which needs the scope of that name."""
    return await call.platform.environment.export_dotenv(call.actor, call.id("id", "Project"), reveal=call.query.reveal)


ENDPOINTS = (list_variables, set_variable, delete_variable, import_variables, export_variables)
