"""Counts requests against a project's limit: in memory, a microsecond a request, bounded however many clients come."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from clowdy_tui.domain.rules import RateLimit

MAX_CLIENTS: Final = 10_000
"""How many clients of a project are remembered. Of more, the one that came longest ago begins anew."""

_ALL: Final = ""


class Limiter:
    """One project's limit. A whole allowance may be spent at once; it comes back evenly.

    Kept is for each client only the moment at which its allowance would be whole again (GCRA): one number.
    """

    def __init__(self, rule: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.rule = rule
        self._clock = clock
        self._each_s = rule.per_seconds / rule.requests
        self._whole_at: OrderedDict[str, float] = OrderedDict()

    def take(self, address: str) -> float:
        """0 where the request is within the limit; else in how many seconds the next one will be."""
        client = _client(address) if self.rule.by == "client" else _ALL
        now = self._clock()
        whole_at = max(self._whole_at.get(client, now), now) + self._each_s
        over = whole_at - now - self.rule.per_seconds
        # A hair's breadth of rounding is no request.
        if over > self._each_s * 1e-6:
            return over
        self._whole_at[client] = whole_at
        self._whole_at.move_to_end(client)
        if len(self._whole_at) > MAX_CLIENTS:
            self._whole_at.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._whole_at)


def retry_after(seconds: float) -> str:
    """As the header of that name has it: whole seconds, never too few."""
    return str(max(1, math.ceil(seconds)))


def _client(address: str) -> str:
    """One client: an IPv4 address, or the /64 of an IPv6 one, which is one customer's and has room for any number."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(parsed) >> 64 << 64, 64)))
