"""The sandboxes."""

from clowdy_tui.domain.schemas import Detail, PoolInstance
from clowdy_tui.gateway.endpoint import Call, Page, endpoint
from clowdy_tui.gateway.paging import part


@endpoint("GET", "/api/pool", scope="read", query=Page, answer=list[PoolInstance])
async def list_pool(call: Call[None, Page]) -> list[PoolInstance]:
    """The sandboxes that the caller's functions run in, newest first, and, for who administers, the spares too."""
    return part(await call.platform.pool.list(call.actor), call.query, lambda instance: instance.id)


@endpoint("DELETE", "/api/pool/{id}", scope="write", answer=Detail, statuses=(404,))
async def kill_instance(call: Call[None, None]) -> Detail:
    """End one sandbox, whatever it does; a call in it ends as crashed."""
    await call.platform.pool.kill(call.actor, call.text("id", "Instance"))
    return Detail(detail="Instance ended")


@endpoint("POST", "/api/functions/{id}/warm", scope="write", answer=Detail, statuses=(400, 404, 503))
async def warm_function(call: Call[None, None]) -> Detail:
    """Make an instance of a function ready before somebody calls it; answers when it is."""
    await call.platform.pool.warm(call.actor, call.id("id", "Function"))
    return Detail(detail="Function is warm")


ENDPOINTS = (list_pool, kill_instance, warm_function)
