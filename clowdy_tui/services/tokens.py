"""Bearer tokens: made, listed, taken back, and looked up in memory when somebody comes with one."""

import builtins
import hashlib
import logging
import secrets
from dataclasses import dataclass
from typing import Final, cast

from clowdy_tui.domain import names
from clowdy_tui.domain.errors import Forbidden, NotFound, Unavailable
from clowdy_tui.domain.schemas import ALL_SCOPES, Scope, TokenCreated, TokenIn, TokenOut
from clowdy_tui.domain.tables import Token
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.changes import whole
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.store.database import Database

PREFIX: Final = "clowdy_"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    id: str
    actor: Actor
    expires_at: int | None


class TokenService:
    def __init__(self, database: Database) -> None:
        self._database = database
        # By SHA-256 of the token. A lookup by hash tells an attacker's clock nothing: nobody can choose a token whose
        # hash comes near to another's.
        self._known: dict[str, _Known] = {}
        self._used: dict[str, int] = {}

    async def load(self) -> None:
        """Read all tokens, at the start."""
        async with self._database.read() as transaction:
            for token in await transaction.tokens.all():
                self._remember(token)

    async def create(self, actor: Actor, wanted: TokenIn) -> TokenCreated:
        """Make a token; this answer is the only one that holds it.

        Raises:
            Forbidden: for another user without administering, or with a scope that the actor has not.
        """
        actor.require("write")
        user = wanted.user or actor.user
        if user != actor.user and not actor.administers:
            raise Forbidden("Only the owner of this installation makes tokens for other users")
        scopes = sorted(set(wanted.scopes or ALL_SCOPES), key=ALL_SCOPES.index)
        for scope in scopes:
            actor.require(scope)
        return await self._create(wanted, user, scopes)

    @whole
    async def _create(self, wanted: TokenIn, user: str, scopes: builtins.list[Scope]) -> TokenCreated:
        secret = PREFIX + secrets.token_urlsafe(32)
        now = now_ms()
        token = Token(
            id=names.new_id(),
            user=user,
            name=wanted.name,
            hash=_hash(secret),
            scopes=[*scopes],
            created_at=now,
            expires_at=now + wanted.expires_in_s * 1000 if wanted.expires_in_s else None,
        )
        async with self._database.write() as transaction:
            await transaction.tokens.add(token)
        self._remember(token)
        return TokenCreated(**_out(token, None).model_dump(), token=secret)

    async def list(self, actor: Actor) -> list[TokenOut]:
        """The actor's tokens, everybody's for one who administers; newest first."""
        actor.require("read")
        async with self._database.read() as transaction:
            tokens = await transaction.tokens.all()
        return [
            _out(token, self._used.get(token.id)) for token in tokens if actor.administers or token.user == actor.user
        ]

    @whole
    async def revoke(self, actor: Actor, token_id: str) -> None:
        """Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            token = await transaction.tokens.get(token_id)
            if token is None or not (actor.administers or token.user == actor.user):
                raise NotFound("Token not found")
            await transaction.tokens.delete(token_id)
        self._known.pop(token.hash, None)
        self._used.pop(token_id, None)

    def authenticate(self, token: str) -> Actor | None:
        """Who comes with this token; None where it is unknown, taken back or expired. Reads no database."""
        known = self._known.get(_hash(token)) if token.startswith(PREFIX) else None
        if known is None:
            return None
        now = now_ms()
        if known.expires_at is not None and now >= known.expires_at:
            return None
        self._used[known.id] = now
        return known.actor

    async def keep_used(self) -> None:
        """Write down when tokens were last used. Called now and then, and at the end; what fails is tried again."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with self._database.write() as transaction:
                await transaction.tokens.used(used)
        except Unavailable as error:
            log.warning("When tokens were last used cannot be kept: %s", error.detail)
            self._used = used | self._used

    def _remember(self, token: Token) -> None:
        scopes = frozenset(token.scopes)
        # A token of the owner's own with all scopes is as good as the socket: it may stop the gateway.
        administers = token.user == LOCAL.user and scopes == LOCAL.scopes
        actor = Actor(token.user, scopes, administers=administers, name=token.name)
        self._known[token.hash] = _Known(token.id, actor, token.expires_at)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _out(token: Token, used_at: int | None) -> TokenOut:
    last_used = used_at or token.last_used_at
    return TokenOut(
        id=token.id,
        name=token.name,
        user=token.user,
        scopes=cast("list[Scope]", token.scopes),
        created_at=moment(token.created_at),
        expires_at=moment(token.expires_at) if token.expires_at else None,
        last_used_at=moment(last_used) if last_used else None,
    )
