"""Clowdy's own tokens."""

from typing import Annotated, Literal

from pydantic import Field

from clowdy_tui.domain.schemas.base import Incoming, Moment, Name, Outgoing

Scope = Literal["invoke", "read", "write", "reveal", "approve"]
ALL_SCOPES: tuple[Scope, ...] = ("invoke", "read", "write", "reveal", "approve")


class TokenIn(Incoming):
    name: Name
    scopes: list[Scope] = Field(default_factory=lambda: list(ALL_SCOPES))
    user: str | None = None
    expires_in_s: Annotated[int, Field(gt=0)] | None = None


class TokenOut(Outgoing):
    id: str
    name: str
    user: str
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None


class TokenCreated(TokenOut):
    """The only answer that ever holds the token itself."""

    token: str
