"""Slows down whoever tries one secret after the other, by where they come from. Bounded, whoever calls from wherever.

Clowdy's secrets have 256 random bits and cannot be guessed; but nobody should be able to try at full speed either.
Who came in from there with the same secret before goes on coming in: behind one proxy or one home there may be many.
"""

import hashlib
import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from clowdy_tui.domain.errors import Throttled

# So many wrong ones at once, and one more each time that so many seconds have passed.
MOST: Final = 20
EACH_S: Final = 3.0

_SOURCES: Final = 4096
_WELCOME: Final = 4096


class TooManyGuesses(Throttled):
    """A source that showed too many wrong secrets; the header `Retry-After` says when to come back."""

    type, title = "too-many-guesses", "Too many wrong tokens"


class Guesses:
    """Wrong secrets by source. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By source, the moment at which all its wrong ones are forgotten; the one that failed last is last.
        self._forgotten_at: OrderedDict[str, float] = OrderedDict()
        self._welcome: OrderedDict[bytes, None] = OrderedDict()

    def check(self, source: str, secret: str) -> None:
        """Before a secret is looked up.

        Raises:
            TooManyGuesses: too many from there were wrong.
        """
        forgotten_at = self._forgotten_at.get(_network(source))
        if forgotten_at is None:
            return
        wait_s = forgotten_at - self._clock() - (MOST - 1) * EACH_S
        if wait_s <= 0 or _mark(source, secret) in self._welcome:
            return
        raise TooManyGuesses(
            "Too many wrong tokens or keys came from this address. Wait, then try again",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )

    def was_wrong(self, source: str) -> None:
        network, now = _network(source), self._clock()
        begin = max(self._forgotten_at.pop(network, now), now)
        self._forgotten_at[network] = begin + EACH_S
        while self._forgotten_at:
            first = next(iter(self._forgotten_at))
            if len(self._forgotten_at) <= _SOURCES and self._forgotten_at[first] > now:
                break
            del self._forgotten_at[first]

    def was_right(self, source: str, secret: str) -> None:
        mark = _mark(source, secret)
        self._welcome[mark] = None
        self._welcome.move_to_end(mark)
        if len(self._welcome) > _WELCOME:
            self._welcome.popitem(last=False)


def _mark(source: str, secret: str) -> bytes:
    return hashlib.sha256(f"{source} {secret}".encode("utf-8", "replace")).digest()


def _network(source: str) -> str:
    """The address; of IPv6 the network, which one household has 2^64 addresses of."""
    if ":" not in source:
        return source
    try:
        return str(ipaddress.ip_network((source.partition("%")[0], 64), strict=False))
    except ValueError:
        return source
