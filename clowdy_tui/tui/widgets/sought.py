"""What is looked for in many lines, with a bound on the time that it may take of all of them together.

A pattern like `/(a+)+$/` needs next to for ever on a line that almost fits; the event loop must not wait for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

BURST_S: Final = 0.3
"""So long a pattern may hold the loop at a stretch: for all lines that are there, when it is typed."""

SHARE: Final = 0.2
"""What it may have of all the time after that, for the lines that come."""


class BadPattern(Exception):
    """The pattern is no regular expression; says why."""


@dataclass(slots=True)
class Sought:
    """A text, or a regular expression, in either case of its letters.

    A regular expression that took more than it may is `spent`, and finds nothing from then on. A text never is.
    """

    pattern: str
    is_regex: bool = False
    spent: bool = field(default=False, compare=False)
    _compiled: Any = field(init=False, compare=False, repr=False)
    _left: float = field(default=BURST_S, init=False, compare=False, repr=False)
    _last: float = field(default_factory=time.monotonic, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raises BadPattern."""
        # Not at the top: the first frame waits for it, and few ever type a regular expression.
        import regex

        try:
            source = self.pattern if self.is_regex else regex.escape(self.pattern, literal_spaces=True)
            self._compiled = regex.compile(source, regex.IGNORECASE)
        except regex.error as error:
            found: Any = error
            raise BadPattern(found.msg if found.pos is None else f"{found.msg}, at {found.pos + 1}") from error

    def finds(self, text: str) -> bool:
        """Whether it is somewhere in the text."""
        return bool(self._bounded(lambda within_s: self._compiled.search(text, timeout=within_s)))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it is in the text, from and to; what is empty is passed over."""
        found = self._bounded(lambda within_s: list(self._compiled.finditer(text, timeout=within_s)))
        return ((one.start(), one.end()) for one in found or () if one.end() > one.start())

    def _bounded(self, look: Callable[[float | None], Any]) -> Any:
        if self.spent:
            return None
        if not self.is_regex:
            return look(None)
        now = time.monotonic()
        self._left = min(BURST_S, self._left + (now - self._last) * SHARE)
        self._last = now
        # Of the processor's time: on a busy machine a pattern is not to blame for what others take.
        begun = time.thread_time()
        try:
            return look(self._left)
        except TimeoutError:
            self.spent = True
            return None
        finally:
            self._left -= time.thread_time() - begun
            self.spent = self.spent or self._left <= 0
