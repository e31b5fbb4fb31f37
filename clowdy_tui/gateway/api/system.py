"""The gateway as a process."""

from clowdy_tui.domain.errors import Forbidden
from clowdy_tui.domain.rotation import Rotated
from clowdy_tui.domain.schemas import Detail, ProjectOut
from clowdy_tui.gateway.endpoint import Call, endpoint


@endpoint("POST", "/api/system/stop", scope="write", answer=Detail)
async def stop(call: Call[None, None]) -> Detail:
    """Stop the gateway: it takes no more calls, and those in flight get a moment to end."""
    if not call.actor.administers:
        raise Forbidden("Only who administers this Clowdy can stop it")
    call.gateway.stopped.set()
    return Detail(detail="The gateway is stopping")


@endpoint("POST", "/api/system/example", scope="write", answer=ProjectOut)
async def example(call: Call[None, None]) -> ProjectOut:
    """The example project, made where it is not there."""
    if not call.actor.administers:
        raise Forbidden("Only who administers this Clowdy can make its example")
    return await call.platform.example()


@endpoint("POST", "/api/system/rotate-key", scope="write", answer=Rotated, statuses=(403, 503))
async def rotate_key(call: Call[None, None]) -> Rotated:
    """Encrypt every variable with a new key, and let go of the old one."""
    return await call.platform.rotation.rotate(call.actor)


ENDPOINTS = (example, rotate_key, stop)
