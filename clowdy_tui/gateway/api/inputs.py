"""A function's saved inputs."""

from typing import Annotated

from pydantic import Field

from clowdy_tui.domain.schemas import Detail
from clowdy_tui.domain.schemas.inputs import SavedInputIn, SavedInputOut
from clowdy_tui.gateway.endpoint import Call, Parameters, endpoint
from clowdy_tui.gateway.paging import part


class InputPage(Parameters):
    """Which part of them: up to `limit`, those after the one that is named `before`."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 1000
    before: Annotated[str, Field(min_length=1)] | None = None


@endpoint(
    "GET",
    "/api/functions/{id}/inputs",
    scope="read",
    query=InputPage,
    answer=list[SavedInputOut],
    statuses=(404,),
)
async def list_inputs(call: Call[None, InputPage]) -> list[SavedInputOut]:
    """A function's saved inputs, by name."""
    saved = await call.platform.inputs.list(call.actor, call.id("id", "Function"))
    return part(saved, call.query, lambda one: one.name)


@endpoint(
    "POST",
    "/api/functions/{id}/inputs",
    scope="write",
    body=SavedInputIn,
    answer=SavedInputOut,
    statuses=(404, 409),
)
async def save_input(call: Call[SavedInputIn, None]) -> SavedInputOut:
    """Keep an input under a name, or give that name another one."""
    return await call.platform.inputs.set(call.actor, call.id("id", "Function"), call.body)


@endpoint("DELETE", "/api/functions/{id}/inputs/{name}", scope="write", answer=Detail, statuses=(404,))
async def delete_input(call: Call[None, None]) -> Detail:
    """Delete a saved input."""
    await call.platform.inputs.delete(call.actor, call.id("id", "Function"), call.text("name", "Saved input"))
    return Detail(detail="Saved input deleted")


ENDPOINTS = (list_inputs, save_input, delete_input)
