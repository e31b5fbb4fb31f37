"""How far back the log has been fetched from the gateway for a filter, and which page comes next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from clowdy_tui.tui.widgets.log_query import Filter

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut

PAGE: Final = 100
"""Calls that are asked for at once, with all that they printed."""

AT_A_STRETCH: Final = 30
"""Pages that are looked through before somebody has to say that it should go on."""


@dataclass(frozen=True, slots=True)
class Ask:
    """`limit` calls before the call `before` (None: the newest), narrowed down by `query` as the API takes it."""

    before: str | None
    query: Mapping[str, object]
    limit: int = PAGE


class OlderCalls:
    """One page at a time. `said` is how far it is, in words."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew; a page that is under way is not wanted any more."""
        self._filter: Filter | None = None
        self._asked: Ask | None = None
        self._left = AT_A_STRETCH
        self._back_to: datetime | None = None
        self._ended = False
        self._failed = False

    @property
    def busy(self) -> bool:
        """Whether a page is under way."""
        return self._asked is not None

    @property
    def rests_at(self) -> datetime | None:
        """From when on everything was looked at, where a person's word goes on looking further back; else None."""
        return None if self.busy or self._ended or self._failed else self._back_to

    @property
    def said(self) -> str:
        """How far it is; empty where nothing was asked for."""
        if self._failed:
            return "older calls could not be loaded"
        if self._ended:
            return "all there is"
        back = f"back to {self._back_to:%d %b %H:%M:%S}" if self._back_to else ""
        if self.busy:
            return f"loading … {back}".rstrip()
        return f"{back}, ↑ goes on" if back else ""

    def next(self, wanted: Filter, before: str | None, *, anew: bool) -> Ask | None:
        """What to ask for now; None for nothing.

        `anew`: a person wants it, who may want to go on beyond a stretch; another filter always begins anew.
        """
        if wanted != self._filter:
            self.forget()
            self._filter = wanted
        if anew:
            self._left, self._failed = AT_A_STRETCH, False
        if self.busy or self._ended or self._failed or self._left <= 0:
            return None
        self._left -= 1
        self._asked = Ask(before, dict(wanted.api))
        return self._asked

    def take(self, ask: Ask, calls: list[InvocationOut] | None) -> bool:
        """Note what came; False where it is not what was asked for last."""
        if ask is not self._asked:
            return False
        self._asked = None
        self._failed = calls is None
        if calls is not None:
            self._ended = len(calls) < ask.limit
            if calls:
                self._back_to = calls[-1].created_at.astimezone()
        return True
