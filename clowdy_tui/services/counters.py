"""What is counted of calls while this process lives, for monitoring: in memory, a microsecond a call."""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.outcome import Outcome

BOUNDS_S: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)
"""The upper bounds of the histogram's buckets, in seconds: up to the longest that a function may run."""

_BOUNDS_US: Final = tuple(round(bound * 1e6) for bound in BOUNDS_S)

CODES: Final = {
    OutcomeStatus.SUCCESS: "200",
    OutcomeStatus.ERROR: "500",
    OutcomeStatus.TIMEOUT: "504",
    OutcomeStatus.OUT_OF_MEMORY: "502",
    OutcomeStatus.CRASHED: "502",
    OutcomeStatus.THROTTLED: "429",
    OutcomeStatus.UNAVAILABLE: "503",
    OutcomeStatus.CANCELLED: "499",
}
"""How a call ended, as the HTTP status that stands for it."""


@dataclass(slots=True)
class CallCounts:
    """One function's calls. `buckets` counts durations by the first of BOUNDS_S that is not under them, and at its end
    those over all."""

    started: int = 0
    cold_starts: int = 0
    seconds: float = 0.0
    codes: dict[str, int] = field(default_factory=dict)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))


class Counters:
    """By function id. What belongs to functions that are gone is dropped by `keep_only`."""

    def __init__(self) -> None:
        self._counts: dict[str, CallCounts] = {}

    def of(self, function_id: str) -> CallCounts | None:
        """None where the function was not called yet."""
        return self._counts.get(function_id)

    def started(self, function_id: str) -> None:
        counts = self._counts.get(function_id)
        if counts is None:
            counts = self._counts[function_id] = CallCounts()
        counts.started += 1

    def finished(self, function_id: str, outcome: Outcome) -> None:
        """Count a call that has started, by how it ended."""
        counts = self._counts.get(function_id)
        if counts is None:
            # The function was deleted meanwhile.
            return
        code = CODES[outcome.status]
        counts.codes[code] = counts.codes.get(code, 0) + 1
        counts.cold_starts += outcome.cold_start
        counts.seconds += outcome.run_us / 1e6
        counts.buckets[bisect_left(_BOUNDS_US, outcome.run_us)] += 1

    def keep_only(self, function_ids: set[str]) -> None:
        """Forget all functions but these."""
        for gone in self._counts.keys() - function_ids:
            del self._counts[gone]
