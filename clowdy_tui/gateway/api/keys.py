"""A project's API keys."""

from clowdy_tui.domain.schemas import Detail, KeyCreated, KeyIn, KeyOut
from clowdy_tui.gateway.endpoint import Call, Page, endpoint
from clowdy_tui.gateway.paging import part


@endpoint("GET", "/api/projects/{id}/keys", scope="read", query=Page, answer=list[KeyOut], statuses=(404,))
async def list_keys(call: Call[None, Page]) -> list[KeyOut]:
    """A project's API keys, newest first, never the key itself."""
    keys = await call.platform.keys.list(call.actor, call.id("id", "Project"))
    return part(keys, call.query, lambda key: key.id)


@endpoint("POST", "/api/projects/{id}/keys", scope="write", body=KeyIn, answer=KeyCreated, statuses=(404, 409))
async def create_key(call: Call[KeyIn, None]) -> KeyCreated:
    """Make a key for routes with `auth: api_key`. This answer is the only place where it is ever shown."""
    return await call.platform.keys.create(call.actor, call.id("id", "Project"), call.body)


@endpoint("DELETE", "/api/projects/{id}/keys/{key_id}", scope="write", answer=Detail, statuses=(404,))
async def delete_key(call: Call[None, None]) -> Detail:
    """Take a key back, at once."""
    await call.platform.keys.delete(call.actor, call.id("id", "Project"), call.id("key_id", "Key"))
    return Detail(detail="Key deleted")


ENDPOINTS = (list_keys, create_key, delete_key)
