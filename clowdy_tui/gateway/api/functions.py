"""Functions and their versions."""

from typing import Annotated

from aiohttp import web
from pydantic import Field

from clowdy_tui.domain.schemas import Detail, Diff, FunctionIn, FunctionOut, FunctionPatch, InvocationOut, VersionOut
from clowdy_tui.gateway.api.invocations import InvocationPage
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.endpoint import Call, Page, Parameters, endpoint
from clowdy_tui.services.actor import Actor

Number = Annotated[int, Field(ge=1, lt=1_000_000_000)]


class TwoVersions(Parameters):
    from_: Number = Field(alias="from")
    to: Number


class VersionPage(Parameters):
    """Up to `limit` versions, those with numbers below `before`."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    before: Number | None = None


@endpoint("GET", "/api/functions", scope="read", query=Page, answer=list[FunctionOut])
async def list_functions(call: Call[None, Page]) -> list[FunctionOut]:
    """The caller's functions, with a project or without, newest first."""
    return await call.platform.functions.list(call.actor, limit=call.query.limit, before=call.query.before)


@endpoint("POST", "/api/functions", scope="write", body=FunctionIn, answer=FunctionOut, statuses=(404, 409))
async def create_function(call: Call[FunctionIn, None]) -> FunctionOut:
    """Make a function; its code is version 1."""
    return await call.platform.functions.create(call.actor, call.body)


@endpoint("GET", "/api/functions/{id}", scope="read", answer=FunctionOut, statuses=(404,))
async def get_function(call: Call[None, None]) -> FunctionOut:
    """One function with the code of its active version."""
    return await call.platform.functions.get(call.actor, call.id("id", "Function"))


@endpoint("PUT", "/api/functions/{id}", scope="write", body=FunctionPatch, answer=FunctionOut, statuses=(404, 409))
async def update_function(call: Call[FunctionPatch, None]) -> FunctionOut:
    """Change what is given; new code is a new version, and 409 where `base_version` is not the active one any more."""
    return await call.platform.functions.update(call.actor, call.id("id", "Function"), call.body)


@endpoint("DELETE", "/api/functions/{id}", scope="write", answer=Detail, statuses=(404,))
async def delete_function(call: Call[None, None]) -> Detail:
    """Delete a function with its versions, routes and calls."""
    await call.platform.functions.delete(call.actor, call.id("id", "Function"))
    return Detail(detail="Function deleted")


@endpoint(
    "GET",
    "/api/functions/{id}/versions",
    scope="read",
    query=VersionPage,
    answer=list[VersionOut],
    statuses=(404,),
)
async def list_versions(call: Call[None, VersionPage]) -> list[VersionOut]:
    """Every version, newest first."""
    return await call.platform.functions.versions(
        call.actor, call.id("id", "Function"), limit=call.query.limit, before=call.query.before
    )


@endpoint("GET", "/api/functions/{id}/versions/{number}", scope="read", answer=VersionOut, statuses=(404,))
async def get_version(call: Call[None, None]) -> VersionOut:
    """One version whole."""
    return await call.platform.functions.version(
        call.actor, call.id("id", "Function"), call.number("number", "Version")
    )


@endpoint("PUT", "/api/functions/{id}/versions/{number}", scope="write", answer=FunctionOut, statuses=(404,))
async def activate_version(call: Call[None, None]) -> FunctionOut:
    """Make a version the active one."""
    return await call.platform.functions.activate(
        call.actor, call.id("id", "Function"), call.number("number", "Version")
    )


@endpoint("GET", "/api/functions/{id}/diff", scope="read", query=TwoVersions, answer=Diff, statuses=(404,))
async def diff_versions(call: Call[None, TwoVersions]) -> Diff:
    """What changed between two versions, as a unified diff."""
    return await call.platform.functions.diff(call.actor, call.id("id", "Function"), call.query.from_, call.query.to)


def _anybody(gateway: Context, request: web.Request) -> Actor | None:
    """Where the setting lets anybody read a function's calls, they read them as its owner would, without log lines."""
    if not gateway.config.public_invocation_logs or "logs" in request.query:
        return None
    target = gateway.platform.directory.function(request.match_info["id"])
    return Actor(target.owner, frozenset({"read"})) if target is not None else None


@endpoint(
    "GET",
    "/api/functions/{id}/invocations",
    scope="read",
    query=InvocationPage,
    answer=list[InvocationOut],
    statuses=(404,),
    stand_in=_anybody,
)
async def list_function_invocations(call: Call[None, InvocationPage]) -> list[InvocationOut]:
    """A function's calls, newest first."""
    return await call.platform.invocations.list(
        call.actor, function_id=call.id("id", "Function"), **call.query.filters()
    )


ENDPOINTS = (
    list_functions,
    create_function,
    get_function,
    update_function,
    delete_function,
    list_versions,
    get_version,
    activate_version,
    diff_versions,
    list_function_invocations,
)
