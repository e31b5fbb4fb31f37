"""Taking over what was made elsewhere."""

from clowdy_tui.domain.importing import ImportIn, ImportOut
from clowdy_tui.gateway.endpoint import Call, endpoint


@endpoint("POST", "/api/import", scope="write", body=ImportIn, answer=ImportOut)
async def import_things(call: Call[ImportIn, None]) -> ImportOut:
    """Take over projects, functions, routes and variables; what is there already stays, twice makes nothing twice."""
    return await call.platform.importing.run(call.actor, call.body)


ENDPOINTS = (import_things,)
