"""The invocation log, as it is read and thinned out. `writer` is how it is written."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, func, literal_column, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import Function, Invocation, InvocationBody


@dataclass(frozen=True, slots=True)
class InvocationFilter:
    """What a list of calls is narrowed to. `before`, `first` and `last` are ids; `q` is looked for in the bodies."""

    function_id: str | None = None
    before: int | None = None
    first: int | None = None
    last: int | None = None
    statuses: Sequence[str] = ()
    source: str | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Of a call's body as much as a list shows. `logs` and `error_message` only where they were asked for."""

    input: str | None
    output: str | None
    input_truncated: bool
    output_truncated: bool
    error_message: str | None = None
    logs: str | None = None
    logs_truncated: bool = False


def _holds(q: str) -> Iterator[ColumnElement[bool]]:
    """Where a text may be found. What is JSON is looked through for it as it is, and as JSON can spell it."""
    spellings = dict.fromkeys((q, json.dumps(q)[1:-1], json.dumps(q, ensure_ascii=False)[1:-1]))
    for column in (InvocationBody.input, InvocationBody.output, InvocationBody.logs):
        yield from (col(column).icontains(text, autoescape=True) for text in spellings)
    for plain in (InvocationBody.error_message, Invocation.http_path):
        yield col(plain).icontains(q, autoescape=True)


def _excerpt(cut: int | None, *, logs: bool) -> Iterator[Any]:
    """The id of the body, None where there is none, and the columns of `Excerpt`."""
    yield col(InvocationBody.id)
    kept = (col(InvocationBody.input), col(InvocationBody.output))
    marks = (col(InvocationBody.input_truncated), col(InvocationBody.output_truncated))
    if cut is None:
        yield from (*kept, *marks)
    else:
        yield from (func.substr(text, 1, cut) for text in kept)
        yield from (or_(mark, func.length(text) > cut) for text, mark in zip(kept, marks, strict=True))
    if logs:
        yield from (col(InvocationBody.error_message), col(InvocationBody.logs), col(InvocationBody.logs_truncated))


class Invocations:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def page(
        self, owner: str, wanted: InvocationFilter, *, limit: int, cut: int | None = None, logs: bool = False
    ) -> list[tuple[Invocation, Excerpt | None]]:
        """Calls of a user's functions, newest first; of input and output at most `cut` characters."""
        key = col(Invocation.id)
        statement = select(Invocation, *_excerpt(cut, logs=logs))
        statement = statement.outerjoin(InvocationBody, col(InvocationBody.id) == key)
        if wanted.function_id is not None:
            statement = statement.where(col(Invocation.function_id) == wanted.function_id)
        else:
            statement = statement.where(col(Invocation.owner) == owner)
        if wanted.before is not None:
            statement = statement.where(key < wanted.before)
        if wanted.first is not None:
            statement = statement.where(key >= wanted.first)
        if wanted.last is not None:
            statement = statement.where(key < wanted.last)
        if wanted.statuses:
            statement = statement.where(col(Invocation.status).in_(wanted.statuses))
            if "success" not in wanted.statuses:
                # In these very words, so that SQLite sees that the index of failed calls has them all.
                statement = statement.where(col(Invocation.status) != literal_column("'success'"))
        if wanted.source is not None:
            statement = statement.where(col(Invocation.source) == wanted.source)
        if wanted.q:
            statement = statement.where(or_(*_holds(wanted.q)))
        rows = await self._session.execute(statement.order_by(key.desc()).limit(limit))
        return [(call, None if id_ is None else Excerpt(*body)) for call, id_, *body in rows]

    async def get(self, invocation_id: int) -> tuple[Invocation, InvocationBody | None] | None:
        call = await self._session.get(Invocation, invocation_id)
        return (call, await self._session.get(InvocationBody, invocation_id)) if call else None

    async def last_id(self) -> int:
        """The highest id that is kept; 0 for none."""
        return (await self._session.scalars(select(func.max(col(Invocation.id))))).one() or 0

    async def delete_of(self, function_id: str, *, limit: int) -> int:
        """Remove up to `limit` calls of a function, oldest first; how many there were."""
        key = col(Invocation.id)
        oldest = select(key).where(col(Invocation.function_id) == function_id).order_by(key).limit(limit)
        removed = await self._session.execute(
            delete(Invocation).where(key.in_(oldest.scalar_subquery())),
            execution_options={"synchronize_session": False},
        )
        return cast("CursorResult[Any]", removed).rowcount

    async def delete_oldest(self, *, limit: int, before: int | None = None) -> int:
        """Remove up to `limit` calls, oldest first, those with ids below `before`; how many there were."""
        key = col(Invocation.id)
        oldest = select(key).order_by(key).limit(limit)
        if before is not None:
            oldest = oldest.where(key < before)
        removed = await self._session.execute(
            delete(Invocation).where(key.in_(oldest.scalar_subquery())),
            execution_options={"synchronize_session": False},
        )
        return cast("CursorResult[Any]", removed).rowcount

    async def functions_gone(self) -> list[str]:
        """Ids of functions that have calls in the log and are no more."""
        calls, ids = select(func.min(col(Invocation.function_id))), list[str]()
        # Jumps along the index from one function's calls to the next: DISTINCT would walk every call.
        found: str | None = (await self._session.scalars(calls)).one()
        while found is not None:
            if await self._session.get(Function, found) is None:
                ids.append(found)
            found = (await self._session.scalars(calls.where(col(Invocation.function_id) > found))).one()
        return ids
