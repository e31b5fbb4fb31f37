"""How fast work in the background goes on, so that nobody notices it."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_AIM_S: Final = 0.010
_REST: Final = 2.0
_LEAST_REST_S: Final = 0.005
# A machine or a loop that stood still in a step is no reason to rest for twice as long: who closes waits for it.
_MOST_REST_S: Final = 0.5


class Pace:
    """The size of the next step, such that one takes about 10 ms, and a rest of twice as long after each.

    Who writes meanwhile waits for one step at most, and two thirds of the time there is nothing to wait for.
    """

    def __init__(self, size: int = 100, *, least: int = 10, most: int = 2000) -> None:
        self.size = size
        self._least, self._most = least, most
        self._took_s = 0.0

    @contextmanager
    def step(self) -> Iterator[int]:
        """One step: do as much as this says."""
        began = time.perf_counter()
        try:
            yield self.size
        finally:
            self._took_s = time.perf_counter() - began
            if self._took_s > 1.5 * _AIM_S:
                self.size = max(self.size // 2, self._least)
            elif self._took_s < 0.5 * _AIM_S:
                self.size = min(self.size * 2, self._most)

    async def rest(self) -> None:
        await asyncio.sleep(min(max(self._took_s * _REST, _LEAST_REST_S), _MOST_REST_S))
