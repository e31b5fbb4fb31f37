"""Figures: how many calls there were, how they ended, how long they took."""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from clowdy_tui.domain.durations import percentile_ms
from clowdy_tui.domain.schemas import FunctionStats, OutcomeStatus, Stats, StatsMinute
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.moments import moment, unix_ms
from clowdy_tui.services.owned import owned_function, owned_project
from clowdy_tui.store.database import Database
from clowdy_tui.store.figures import FiguresFilter, Span
from clowdy_tui.store.tally import DAY, HOUR, MINUTE

MINUTES_KEPT_S: Final = 2 * 86400
HOURS_KEPT_S: Final = 400 * 86400
"""For how long there are figures by the minute and by the hour; before that, by the day."""

_KEPT_S: Final = {MINUTE: MINUTES_KEPT_S, HOUR: HOURS_KEPT_S}
_SERIES_S: Final = 3600
_LONGEST_SERIES_S: Final = 3 * 3600


class StatsService:
    """`settle` sees to it that the calls so far are counted."""

    def __init__(self, database: Database, settle: Callable[[], Awaitable[object]]) -> None:
        self._database = database
        self._settle = settle

    async def get(
        self,
        actor: Actor,
        *,
        project_id: str | None = None,
        function_id: str | None = None,
        since: datetime | None = None,
    ) -> Stats:
        """Figures of the actor's functions, or of one project's or function's.

        `since` is taken back to the beginning of its minute; of its hour where that is more than two days ago, of its
        day (UTC) where it is more than 400.
        Without it all calls are counted, and the series has the last hour; with it the series has as much of the
        last three hours.

        Raises:
            NotFound: no such project or function.
        """
        actor.require("read")
        await self._settle()
        now = int(time.time())
        begins = _begins(since, now)
        longest = now - _LONGEST_SERIES_S
        first = max(begins, longest) if begins is not None else now - _SERIES_S + MINUTE
        first -= first % MINUTE
        wanted = FiguresFilter(actor.user, project_id, function_id)
        async with self._database.read() as transaction:
            if project_id is not None:
                await owned_project(transaction, actor, project_id)
            if function_id is not None:
                await owned_function(transaction, actor, function_id)
            functions = await transaction.figures.functions(wanted)
            all_of_it = await transaction.figures.sums(wanted, since=begins)
            minutes = await transaction.figures.minutes(wanted, since=first)
        return Stats(
            total_functions=functions,
            total_invocations=all_of_it.calls,
            success_rate=round(100 * _successes(all_of_it) / all_of_it.calls) if all_of_it.calls else 0,
            avg_duration_ms=_average_ms(all_of_it),
            p50_ms=percentile_ms(all_of_it.durations, 0.50),
            p95_ms=percentile_ms(all_of_it.durations, 0.95),
            p99_ms=percentile_ms(all_of_it.durations, 0.99),
            cold_starts=all_of_it.cold_starts,
            errors_by_status={
                status: count
                for status, count in sorted(all_of_it.statuses.items())
                if status != OutcomeStatus.SUCCESS.value
            },
            since=moment(begins * 1000) if begins is not None else None,
            series=[_minute(at, minutes.get(at, Span())) for at in range(first, now + 1, MINUTE)],
        )

    async def by_function(
        self, actor: Actor, *, project_id: str | None = None, since: datetime | None = None
    ) -> list[FunctionStats]:
        """Figures of each of the actor's functions, or of one project's, that was called; the most called first.

        Raises:
            NotFound: no such project.
        """
        actor.require("read")
        await self._settle()
        begins = _begins(since, int(time.time()))
        async with self._database.read() as transaction:
            if project_id is not None:
                await owned_project(transaction, actor, project_id)
            spans = await transaction.figures.by_function(FiguresFilter(actor.user, project_id), since=begins)
        return [
            FunctionStats(
                function_id=function_id,
                calls=span.calls,
                errors=span.calls - _successes(span),
                cold_starts=span.cold_starts,
                avg_ms=_average_ms(span),
                p50_ms=percentile_ms(span.durations, 0.50),
                p95_ms=percentile_ms(span.durations, 0.95),
            )
            for function_id, span in sorted(spans.items(), key=lambda item: (-item[1].calls, item[0]))
        ]


def _begins(since: datetime | None, now: int) -> int | None:
    if since is None:
        return None
    second = min(max(unix_ms(since) // 1000, 0), now)
    kept = next((width for width, age_s in _KEPT_S.items() if second > now - age_s), DAY)
    return second - second % kept


def _successes(span: Span) -> int:
    return span.statuses.get(OutcomeStatus.SUCCESS.value, 0)


def _average_ms(span: Span) -> float:
    ran = sum(span.durations.values())
    return round(span.duration_us / ran / 1000, 3) if ran else 0.0


def _minute(at: int, span: Span) -> StatsMinute:
    return StatsMinute(
        at=moment(at * 1000),
        calls=span.calls,
        errors=span.calls - _successes(span),
        cold_starts=span.cold_starts,
        avg_ms=_average_ms(span),
        p95_ms=percentile_ms(span.durations, 0.95),
    )
