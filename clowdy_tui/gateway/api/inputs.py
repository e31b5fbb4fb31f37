"""A function's saved inputs."""

from clowdy_tui.domain.schemas import Detail
from clowdy_tui.domain.schemas.inputs import SavedInputIn, SavedInputOut
from clowdy_tui.gateway.endpoint import Call, endpoint


@endpoint("GET", "/api/functions/{id}/inputs", scope="read", answer=list[SavedInputOut], statuses=(404,))
async def list_inputs(call: Call[None, None]) -> list[SavedInputOut]:
    """A function's saved inputs, by name."""
    return await call.platform.inputs.list(call.actor, call.id("id", "Function"))


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
