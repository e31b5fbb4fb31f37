"""The two doors. Through the unix socket comes the owner; through TCP whoever shows a token."""

import os
import socket
import struct
from typing import Final, Protocol

from aiohttp import hdrs, web

from clowdy_tui.domain.errors import Forbidden, Unauthorized
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.tokens import TokenService

_CHALLENGE: Final[dict[str, str]] = {hdrs.WWW_AUTHENTICATE: "Bearer"}


class Door(Protocol):
    """Who is calling."""

    def actor(self, request: web.Request) -> Actor | None:
        """Who calls; None for a stranger.

        Raises:
            Unauthorized: a token was shown, and it is not valid.
            Forbidden: another user of this machine has reached the owner's socket.
        """


class OwnersDoor:
    """The unix socket. Its folder and its mode keep others out; the kernel says who came in all the same."""

    def actor(self, request: web.Request) -> Actor | None:
        uid = peer_uid(request)
        if uid is not None and uid not in {0, os.geteuid()}:
            raise Forbidden("This socket is for the user who runs Clowdy")
        return LOCAL


class PublicDoor:
    """TCP: a bearer token of Clowdy's own."""

    def __init__(self, tokens: TokenService) -> None:
        self._tokens = tokens

    def actor(self, request: web.Request) -> Actor | None:
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized("Send a token as: Authorization: Bearer clowdy_…", headers=_CHALLENGE)
        actor = self._tokens.authenticate(token.strip())
        if actor is None:
            raise Unauthorized("The token is unknown, revoked or expired", headers=_CHALLENGE)
        return actor


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
