"""The public keys of whoever signs the users' tokens: fetched from one URL, kept, and fetched anew when they turn.

A key that was fetched once goes on working while the URL is down. What a fetch brings replaces all of what was there:
a key that its owner has taken back is gone with it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from clowdy_tui.domain.errors import Unavailable

log = logging.getLogger(__name__)

# How long keys are taken as they are before they are looked at again, in the background.
FRESH_S: Final = 600.0
# Between two fetches, whatever tokens come: nobody makes us a tool against the server that has the keys.
PAUSE_S: Final = 10.0

_TIMEOUT_S: Final = 5.0
_MOST_BYTES: Final = 1024 * 1024
_MOST_KEYS: Final = 100
_SHORTEST_RSA: Final = 2048

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Key:
    """A public key, and the one algorithm that it is used with: the token has no say in that."""

    id: str | None
    algorithm: str
    public: RSAPublicKey | EllipticCurvePublicKey


class NoKeys(Unavailable):
    """There is no key to check a token with, and none can be had now."""

    type, title = "no-keys", "Tokens cannot be checked now"


class KeySet:
    """The keys at a URL."""

    def __init__(self, url: str, *, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch or _fetch
        self._clock = clock
        self._keys: tuple[Key, ...] = ()
        self._problem = ""
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: str | None, algorithm: str) -> list[Key]:
        """The keys that may have signed a token whose head names this key and this algorithm; empty: none did.

        A token that names no key may be signed with any key of its algorithm.

        Raises:
            NoKeys: no key is known, and the URL gives none.
        """
        found = self._known(key_id, algorithm)
        if not found and (task := self._fetch_soon()) is not None:
            # Whoever waits may go away; the others wait for the same fetch.
            await asyncio.shield(task)
            found = self._known(key_id, algorithm)
        elif self._fetched_at is not None and self._clock() - self._fetched_at > FRESH_S:
            self._fetch_soon()
        if not self._keys:
            reason = self._problem or "it has not been asked yet"
            raise NoKeys(f"The keys at jwks_url cannot be had: {reason}", headers={"Retry-After": f"{PAUSE_S:g}"})
        return found

    async def close(self) -> None:
        """End a fetch that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _known(self, key_id: str | None, algorithm: str) -> list[Key]:
        return [key for key in self._keys if key.algorithm == algorithm and (key_id is None or key.id == key_id)]

    def _fetch_soon(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, or a new one; None where the last was only just now."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < PAUSE_S:
            return None
        self._tried_at = now
        self._fetching = asyncio.create_task(self._replace(), name="jwks")
        return self._fetching

    async def _replace(self) -> None:
        try:
            keys = read_keys(await self._fetch(self._url))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._problem = str(error) or type(error).__name__
            kept = "the keys from before go on working" if self._keys else "no token can be checked"
            log.warning("The keys at %s cannot be had (%s): %s", self._url, self._problem, kept)
            return
        self._keys, self._problem, self._fetched_at = keys, "", self._clock()


def read_keys(document: bytes) -> tuple[Key, ...]:
    """The keys of a JSON Web Key Set that check RS256 or ES256. Others are passed over: they are for something else.

    Raises:
        ValueError: it is no key set, or none of its keys can be used.
    """
    try:
        content = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise ValueError("what the URL answers is not JSON") from error
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise ValueError('what the URL answers is no key set: it has no list "keys"')
    keys = tuple(key for entry in entries[:_MOST_KEYS] if (key := _read_key(entry)) is not None)
    if not keys:
        raise ValueError("none of the keys at the URL is for RS256 or ES256")
    return keys


def _read_key(entry: Any) -> Key | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    algorithm = {"RSA": "RS256", "EC": "ES256"}.get(str(entry.get("kty")))
    if algorithm is None or entry.get("alg", algorithm) != algorithm:
        return None
    try:
        public = jwt.PyJWK(entry, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    long_enough = isinstance(public, RSAPublicKey) and public.key_size >= _SHORTEST_RSA
    right_curve = isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    if not (long_enough or right_curve):
        # A private key in a key set is somebody's mistake, and nothing to trust.
        return None
    key_id = entry.get("kid")
    return Key(key_id if isinstance(key_id, str) else None, algorithm, public)


async def _fetch(url: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=True, cookie_jar=aiohttp.DummyCookieJar()) as session,
        session.get(url, headers={"Accept": "application/json"}, max_redirects=3) as response,
    ):
        if response.status != 200:
            raise ValueError(f"the URL answers {response.status}")
        content = bytearray()
        async for chunk in response.content.iter_chunked(64 * 1024):
            content += chunk
            if len(content) > _MOST_BYTES:
                raise ValueError(f"what the URL answers is longer than {_MOST_BYTES} bytes")
        return bytes(content)
