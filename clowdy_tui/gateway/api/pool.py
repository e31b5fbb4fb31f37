"""The sandboxes."""

from clowdy_tui.domain.schemas import PoolInstance
from clowdy_tui.gateway.endpoint import Call, endpoint


@endpoint("GET", "/api/pool", scope="read", answer=list[PoolInstance])
async def list_pool(call: Call[None, None]) -> list[PoolInstance]:
    """The sandboxes that the caller's functions run in, and, for who administers, the spares too."""
    return await call.platform.pool.list(call.actor)


ENDPOINTS = (list_pool,)
