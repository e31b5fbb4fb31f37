"""Tokens: what opens the management API to whoever comes by TCP."""

from clowdy_tui.domain.schemas import Detail, TokenCreated, TokenIn, TokenOut
from clowdy_tui.gateway.endpoint import Call, Page, endpoint
from clowdy_tui.gateway.paging import part


@endpoint("GET", "/api/tokens", scope="read", query=Page, answer=list[TokenOut])
async def list_tokens(call: Call[None, Page]) -> list[TokenOut]:
    """The caller's tokens, never the secret itself."""
    return part(await call.platform.tokens.list(call.actor), call.query, lambda token: token.id)


@endpoint("POST", "/api/tokens", scope="write", body=TokenIn, answer=TokenCreated, statuses=(403,))
async def create_token(call: Call[TokenIn, None]) -> TokenCreated:
    """Make a token. This answer is the only place where it is ever shown."""
    return await call.platform.tokens.create(call.actor, call.body)


@endpoint("DELETE", "/api/tokens/{id}", scope="write", answer=Detail, statuses=(404,))
async def revoke_token(call: Call[None, None]) -> Detail:
    """Revoke a token, at once."""
    await call.platform.tokens.revoke(call.actor, call.id("id", "Token"))
    return Detail(detail="Token revoked")


ENDPOINTS = (list_tokens, create_token, revoke_token)
