"""Figures of calls."""

from clowdy_tui.domain.schemas.base import Moment, Outgoing


class StatsMinute(Outgoing):
    """The calls that began in one minute."""

    at: Moment
    calls: int
    errors: int
    cold_starts: int
    avg_ms: float
    p95_ms: float


class FunctionStats(Outgoing):
    """What the calls of one function came to; durations as in `Stats`."""

    function_id: str
    calls: int
    errors: int
    cold_starts: int
    avg_ms: float
    p50_ms: float
    p95_ms: float


class Stats(Outgoing):
    """Figures of the caller's functions, or of one project's or one function's.

    `success_rate` is in whole percent. Durations are of the calls that ran; percentiles are right to some percent.
    `errors_by_status` counts the calls that did not succeed. `since` is where the counting begins, null for all calls
    ever made. `series` has one entry a minute, oldest first, with those in which nothing happened.
    """

    total_functions: int
    total_invocations: int
    success_rate: int
    avg_duration_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cold_starts: int
    errors_by_status: dict[str, int]
    since: Moment | None
    series: list[StatsMinute]
