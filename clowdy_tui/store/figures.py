"""The figures of calls, as they are read and thinned out. `tally` is how they are written."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Integer, Select, delete, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import Function, InvocationFigures
from clowdy_tui.store.tally import ALL, DAY, HOUR, MINUTE


@dataclass(frozen=True, slots=True)
class FiguresFilter:
    """Whose figures: a user's, and of those one project's or one function's."""

    owner: str
    project_id: str | None = None
    function_id: str | None = None


@dataclass(slots=True)
class Span:
    """What the calls of a span of time came to; `durations` by `durations.bucket_of`."""

    calls: int = 0
    cold_starts: int = 0
    duration_us: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    durations: dict[int, int] = field(default_factory=dict)

    def add(self, other: "Span") -> None:
        """Count the other's calls too."""
        self.calls += other.calls
        self.cold_starts += other.cold_starts
        self.duration_us += other.duration_us
        for status, count in other.statuses.items():
            self.statuses[status] = self.statuses.get(status, 0) + count
        for bucket, count in other.durations.items():
            self.durations[bucket] = self.durations.get(bucket, 0) + count


class Figures:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def functions(self, wanted: FiguresFilter) -> int:
        """How many functions they are of."""
        statement = select(func.count()).select_from(_functions(wanted).subquery())
        return (await self._session.scalars(statement)).one()

    async def sums(self, wanted: FiguresFilter, *, since: int | None = None) -> Span:
        """One span: of all calls, or of those since then (seconds), where a minute or an hour begins."""
        return (await self._added_up(wanted, since, literal_column("0", Integer))).get(0, Span())

    async def by_function(self, wanted: FiguresFilter, *, since: int | None = None) -> dict[str, Span]:
        """As `sums`, by the functions that there were calls of."""
        return await self._added_up(wanted, since, col(InvocationFigures.function_id))

    async def _added_up(self, wanted: FiguresFilter, since: int | None, by: Any) -> dict[Any, Span]:
        # From as few rows as can be: the minutes up to the next hour, the hours up to the next day, and days.
        if since is None:
            return await self._spans(wanted, ALL, 0, by=by)
        whole: dict[Any, Span] = {}
        hour, day = -(-since // HOUR) * HOUR, -(-since // DAY) * DAY
        for width, first, end in ((MINUTE, since, hour), (HOUR, hour, day), (DAY, day, None)):
            if end is None or first < end:
                for key, span in (await self._spans(wanted, width, first, end, by=by)).items():
                    whole.setdefault(key, Span()).add(span)
        return whole

    async def minutes(self, wanted: FiguresFilter, *, since: int) -> dict[int, Span]:
        """By the beginning of each minute (seconds) in which there were calls."""
        return await self._spans(wanted, MINUTE, since, by=col(InvocationFigures.at))

    async def _spans(
        self, wanted: FiguresFilter, width: int, since: int, end: int | None = None, *, by: Any
    ) -> dict[Any, Span]:
        which = [
            col(InvocationFigures.function_id).in_(_functions(wanted)),
            col(InvocationFigures.width) == width,
            col(InvocationFigures.at) >= since,
        ]
        if end is not None:
            which.append(col(InvocationFigures.at) < end)
        spans: dict[Any, Span] = {}
        totals = select(
            by.label("of"),
            func.sum(col(InvocationFigures.calls)),
            func.sum(col(InvocationFigures.cold_starts)),
            func.sum(col(InvocationFigures.duration_us)),
        ).where(*which)
        for of, calls, cold_starts, duration_us in await self._session.execute(totals.group_by("of")):
            spans[of] = Span(calls, cold_starts, duration_us)
        # Added up by SQLite, in its own thread: the event loop is for calls.
        for column in (InvocationFigures.statuses, InvocationFigures.durations):
            each = func.json_each(column).table_valued("key", "value", joins_implicitly=True)
            counted = select(by.label("of"), each.c.key, func.sum(each.c.value)).where(*which)
            for of, key, count in await self._session.execute(counted.group_by("of", each.c.key)):
                if column is InvocationFigures.statuses:
                    spans[of].statuses[key] = count
                else:
                    spans[of].durations[int(key)] = count
        return spans

    async def trim(self, function_id: str, *, minutes_before: int, hours_before: int) -> None:
        """Forget a function's minutes and hours that began before these times (seconds)."""
        for width, before in ((MINUTE, minutes_before), (HOUR, hours_before)):
            await self._session.execute(
                delete(InvocationFigures).where(
                    col(InvocationFigures.function_id) == function_id,
                    col(InvocationFigures.width) == width,
                    col(InvocationFigures.at) < before,
                ),
                execution_options={"synchronize_session": False},
            )

    async def function_ids(self) -> list[str]:
        """Every function that there are figures of, also those that are gone."""
        firsts, ids = select(func.min(col(InvocationFigures.function_id))), list[str]()
        found: str | None = (await self._session.scalars(firsts)).one()
        while found is not None:
            ids.append(found)
            found = (await self._session.scalars(firsts.where(col(InvocationFigures.function_id) > found))).one()
        return ids

    async def delete_gone(self) -> None:
        """Forget the figures of functions that are no more."""
        gone = [id_ for id_ in await self.function_ids() if await self._session.get(Function, id_) is None]
        if gone:
            await self._session.execute(
                delete(InvocationFigures).where(col(InvocationFigures.function_id).in_(gone)),
                execution_options={"synchronize_session": False},
            )


def _functions(wanted: FiguresFilter) -> Select[Any]:
    statement = select(col(Function.id)).where(col(Function.owner) == wanted.owner)
    if wanted.project_id is not None:
        statement = statement.where(col(Function.project_id) == wanted.project_id)
    if wanted.function_id is not None:
        statement = statement.where(col(Function.id) == wanted.function_id)
    return statement
