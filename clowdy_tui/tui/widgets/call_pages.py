"""A list of any number of calls, newest first, of which only the pages about which one looks are held."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut

PAGE: Final = 200
HELD: Final = 20
"""Pages whose calls are in memory; of the others only where they begin."""


@dataclass(slots=True)
class _Page:
    """`size` calls before the call `before` (None: the newest)."""

    before: str | None
    size: int


@dataclass(frozen=True, slots=True)
class PageAsk:
    """What is wanted of the gateway: up to `limit` calls before `before`. `anew`: the newest, to see what has come."""

    before: str | None
    limit: int
    anew: bool = False


class CallPages:
    """Rows are numbered from 0, the newest call. `ended` says that the last page is the last there is."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._pages: list[_Page] = []
        self._held: OrderedDict[str | None, list[InvocationOut]] = OrderedDict()
        self._starts: list[int] = []
        self._size = 0
        self._place: tuple[int, int, list[InvocationOut]] | None = None
        self.ended = False

    def __len__(self) -> int:
        return self._size

    def row(self, index: int) -> InvocationOut | None:
        """The call of a row; None where its page is not held."""
        # Neighbours are asked for one after the other.
        if self._place is None or not self._place[0] <= index < self._place[1]:
            if not 0 <= index < self._size:
                return None
            number = bisect_right(self._starts, index) - 1
            page = self._pages[number]
            calls = self._held.get(page.before)
            if calls is None:
                return None
            self._held.move_to_end(page.before)
            self._place = (self._starts[number], self._starts[number] + page.size, calls)
        start, _, calls = self._place
        return calls[index - start]

    def missing(self, first: int, last: int) -> PageAsk | None:
        """What to fetch so that the rows `first` up to `last` can be shown, and some after them; None for nothing."""
        if not self._pages:
            return None if self.ended else PageAsk(None, PAGE)
        if self._size:
            for number in range(self._number(first), self._number(last) + 1):
                page = self._pages[number]
                if page.before not in self._held:
                    return PageAsk(page.before, page.size)
        if not self.ended and last >= self._size - PAGE // 2:
            end = self._pages[-1]
            calls = self._held.get(end.before)
            return PageAsk(calls[-1].id, PAGE) if calls else PageAsk(end.before, end.size)
        return None

    def take(self, ask: PageAsk, calls: list[InvocationOut]) -> int:
        """What came of it. How many rows came before those that were there; -1 where all of them are other ones."""
        if ask.anew and self._pages:
            return self._take_newest(calls)
        known = next((page for page in self._pages if page.before == ask.before), None)
        if known is None:
            self._pages.append(_Page(ask.before, len(calls)))
            self.ended = len(calls) < ask.limit
        elif len(calls) < known.size:
            # Of what is kept the oldest went meanwhile: what comes after them has gone, too.
            place = self._pages.index(known)
            for gone in self._pages[place:]:
                self._held.pop(gone.before, None)
            self._pages[place:] = [_Page(ask.before, len(calls))]
            self.ended = True
        self._hold(ask.before, calls)
        return 0

    def _take_newest(self, calls: list[InvocationOut]) -> int:
        first = self._pages[0]
        held = self._held.get(None)
        if held is None:
            # The first page was let go of: it is fetched when one goes there, and with it what is new.
            return 0
        known = held[0].id if held else ""
        fresh = [call for call in calls if call.id > known]
        if held and len(fresh) == len(calls) > 0:
            # More came than one page: between it and what is here others may lie.
            self.clear()
            self.take(PageAsk(None, PAGE), calls)
            return -1
        held[:0] = fresh
        first.size = len(held)
        if first.size > 2 * PAGE:
            rest = held[PAGE:]
            del held[PAGE:]
            first.size = PAGE
            self._pages.insert(1, _Page(held[-1].id, len(rest)))
            self._hold(held[-1].id, rest)
        self._hold(None, held)
        return len(fresh)

    def _hold(self, before: str | None, calls: list[InvocationOut]) -> None:
        self._held[before] = calls
        self._held.move_to_end(before)
        while len(self._held) > HELD:
            self._held.popitem(last=False)
        sizes = [page.size for page in self._pages]
        self._starts = [0, *accumulate(sizes)][:-1]
        self._size = sum(sizes)
        self._place = None

    def _number(self, index: int) -> int:
        return max(0, bisect_right(self._starts, min(max(index, 0), self._size - 1)) - 1)
