"""The two doors. Through the unix socket comes the owner; through TCP whoever shows a token."""

import os
import socket
import struct
from collections.abc import Sequence
from typing import Final, Protocol

from aiohttp import hdrs, web

from clowdy_tui.domain.errors import Forbidden, Unauthorized
from clowdy_tui.gateway.guesses import Guesses
from clowdy_tui.gateway.proxies import Network, source_ip
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.keys import is_among
from clowdy_tui.services.tokens import PREFIX, TokenService

API_KEY: Final = "x-api-key"

_KEY_WANTED: Final[dict[str, str]] = {hdrs.WWW_AUTHENTICATE: 'ApiKey header="x-api-key"'}
_CHALLENGE: Final[dict[str, str]] = {hdrs.WWW_AUTHENTICATE: "Bearer"}


class InvalidToken(Unauthorized):
    """A token was shown and is refused. `guessed`: it looks like an attempt, not like one that has run out."""

    def __init__(self, detail: str, *, guessed: bool = True) -> None:
        super().__init__(detail, headers=_CHALLENGE)
        self.guessed = guessed


class Door(Protocol):
    """Who is calling."""

    async def actor(self, request: web.Request) -> Actor | None:
        """Who calls; None for a stranger.

        Raises:
            Unauthorized: a token was shown, and it is not valid.
            Throttled: too many wrong ones came from there.
            Unavailable: it cannot be checked now.
            Forbidden: another user of this machine has reached the owner's socket.
        """

    def check_key(self, request: web.Request, hashes: Sequence[str]) -> None:
        """Let in who shows one of a project's API keys, by their hashes.

        Raises:
            Unauthorized: none was shown, or a wrong one.
            Throttled: too many wrong ones came from there.
        """


class Jwts(Protocol):
    """Who checks the tokens of other issuers."""

    async def authenticate(self, token: str) -> Actor:
        """Raises InvalidToken, Unavailable."""


class OwnersDoor:
    """The unix socket. Its folder and its mode keep others out; the kernel says who came in all the same."""

    async def actor(self, request: web.Request) -> Actor | None:
        uid = peer_uid(request)
        if uid is not None and uid not in {0, os.geteuid()}:
            raise Forbidden("This socket is for the user who runs Clowdy")
        return LOCAL

    def check_key(self, request: web.Request, hashes: Sequence[str]) -> None:
        if not is_among(_shown_key(request), hashes):
            raise _wrong_key()


class PublicDoor:
    """TCP: a bearer token, one of Clowdy's own or, where an issuer is set, one of its."""

    def __init__(
        self, tokens: TokenService, *, guesses: Guesses, trusted: Sequence[Network] = (), jwts: Jwts | None = None
    ) -> None:
        self._tokens = tokens
        self._guesses = guesses
        self._trusted = trusted
        self._jwts = jwts

    async def actor(self, request: web.Request) -> Actor | None:
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("Send a token as: Authorization: Bearer clowdy_…", guessed=False)
        source = source_ip(request, self._trusted)
        self._guesses.check(source, token)
        try:
            actor = await self._authenticate(token)
        except InvalidToken as error:
            if error.guessed:
                self._guesses.was_wrong(source)
            raise
        self._guesses.was_right(source, token)
        return actor

    def check_key(self, request: web.Request, hashes: Sequence[str]) -> None:
        key = _shown_key(request)
        source = source_ip(request, self._trusted)
        self._guesses.check(source, key)
        if not is_among(key, hashes):
            self._guesses.was_wrong(source)
            raise _wrong_key()
        self._guesses.was_right(source, key)

    async def _authenticate(self, token: str) -> Actor:
        if token.count(".") == 2 and not token.startswith(PREFIX):
            if self._jwts is None:
                raise InvalidToken("This Clowdy takes no JWT: jwks_url is not set", guessed=False)
            return await self._jwts.authenticate(token)
        actor = self._tokens.authenticate(token)
        if actor is None:
            raise InvalidToken("The token is unknown, revoked or expired")
        return actor


def _shown_key(request: web.Request) -> str:
    key = request.headers.get(API_KEY)
    if not key:
        raise Unauthorized("This route needs an API key of its project: x-api-key: clowdy_key_…", headers=_KEY_WANTED)
    return key


def _wrong_key() -> Unauthorized:
    return Unauthorized("The API key is unknown or was taken back", headers=_KEY_WANTED)


def stranger() -> Unauthorized:
    """What to say where a token is needed and none was shown."""
    return Unauthorized(
        "This needs a token: Authorization: Bearer clowdy_… (make one with: clowdy token add NAME)", headers=_CHALLENGE
    )


def peer_uid(request: web.Request) -> int | None:
    """The user at the other end of a unix socket; None where this system does not tell."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None or request.transport is None:
        return None
    wrapped = request.transport.get_extra_info("socket")
    # uvloop hides getsockopt; another object over the same descriptor has it, and must not close it.
    borrowed = socket.socket(fileno=wrapped.fileno())
    try:
        credentials = borrowed.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("3i"))
    finally:
        borrowed.detach()
    _, uid, _ = struct.unpack("3i", credentials)
    return int(uid)
