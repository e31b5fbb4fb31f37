"""Adds calls up by function and span of time, for the table `invocation_figures`."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from clowdy_tui.domain.durations import bucket_of
from clowdy_tui.domain.names import invocation_time_ms

MINUTE: Final = 60
_MINUTE_MS: Final = 60_000
HOUR: Final = 3600
DAY: Final = 86400
ALL: Final = 0

# These were refused before anything ran: their duration would only pull the figures down.
_NEVER_RAN: Final = frozenset({"throttled", "unavailable"})


@dataclass(slots=True)
class Sums:
    """What some calls came to. The keys of `durations` are buckets, as text because JSON has them so."""

    calls: int = 0
    cold_starts: int = 0
    duration_us: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    durations: dict[str, int] = field(default_factory=dict)

    def merge(self, statuses: dict[str, int], durations: dict[str, int]) -> None:
        for mine, theirs in ((self.statuses, statuses), (self.durations, durations)):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count


class Tally:
    """Sums by function, width and beginning of the span (seconds)."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, int, int], Sums] = {}

    def add(self, minute: int, function_id: str, status: str, *, cold_starts: int, durations_us: list[int]) -> None:
        """Count calls of this minute, which is in seconds; `spread` brings them to the wider spans."""
        key = (function_id, MINUTE, minute)
        sums = self.sums.get(key)
        if sums is None:
            sums = self.sums[key] = Sums()
        sums.calls += len(durations_us)
        sums.cold_starts += cold_starts
        sums.statuses[status] = sums.statuses.get(status, 0) + len(durations_us)
        if status not in _NEVER_RAN:
            sums.duration_us += sum(durations_us)
            for bucket, count in Counter(map(bucket_of, durations_us)).items():
                name = str(bucket)
                sums.durations[name] = sums.durations.get(name, 0) + count

    def spread(self) -> None:
        """Add the minutes up to hours, days and all: nearly all calls of a batch are of the same minute."""
        for (function_id, _, minute), sums in list(self.sums.items()):
            for width in (HOUR, DAY, ALL):
                key = (function_id, width, minute - minute % width if width else 0)
                wider = self.sums.get(key)
                if wider is None:
                    wider = self.sums[key] = Sums()
                wider.calls += sums.calls
                wider.cold_starts += sums.cold_starts
                wider.duration_us += sums.duration_us
                wider.merge(sums.statuses, sums.durations)


def write_tally(connection: sqlite3.Connection, tally: Tally) -> None:
    """Add a tally to what is kept, inside the connection's transaction."""
    for key, sums in tally.sums.items():
        kept = connection.execute(
            "SELECT calls, cold_starts, duration_us, statuses, durations FROM invocation_figures "
            "WHERE function_id = ? AND width = ? AND at = ?",
            key,
        ).fetchone()
        if kept is not None:
            sums.calls += kept[0]
            sums.cold_starts += kept[1]
            sums.duration_us += kept[2]
            sums.merge(json.loads(kept[3]), json.loads(kept[4]))
        connection.execute(
            "INSERT OR REPLACE INTO invocation_figures "
            "(function_id, width, at, calls, cold_starts, duration_us, statuses, durations) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *key,
                sums.calls,
                sums.cold_starts,
                sums.duration_us,
                json.dumps(sums.statuses, separators=(",", ":")),
                json.dumps(sums.durations, separators=(",", ":")),
            ),
        )


def tally_of(calls: Iterable[tuple[int, str, str, bool, int]]) -> Tally:
    """A tally of calls: id, function, status, whether it started cold, duration in microseconds."""
    # Nearly all calls of a batch are alike but for their duration.
    alike: dict[tuple[int, str, str, bool], list[int]] = {}
    for id_, function_id, status, cold_start, duration_us in calls:
        key = (invocation_time_ms(id_) // _MINUTE_MS, function_id, status, cold_start)
        if key in alike:
            alike[key].append(duration_us)
        else:
            alike[key] = [duration_us]
    tally = Tally()
    for (minute, function_id, status, cold_start), durations_us in alike.items():
        cold_starts = len(durations_us) if cold_start else 0
        tally.add(minute * MINUTE, function_id, status, cold_starts=cold_starts, durations_us=durations_us)
    tally.spread()
    return tally
