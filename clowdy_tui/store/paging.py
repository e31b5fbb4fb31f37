"""Pages of a list, newest first, by key and not by offset: nothing is skipped or shown twice while rows come."""

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, literal_column, select, tuple_
from sqlmodel import SQLModel

Rows = TypeVar("Rows", bound=Select[*tuple[Any, ...]])


def newest_first(statement: Rows, table: type[SQLModel], *, limit: int, before: str | None) -> Rows:
    """Order a selection of one table by its making, and take up to `limit` rows older than the row `before`.

    SQLite keeps the row's own number behind every index, so (…, created_at) is all the index that this needs.
    """
    columns = table.__table__.c  # type: ignore[attr-defined]
    number: ColumnElement[int] = literal_column(f"{table.__tablename__}.rowid")
    if before is not None:
        other = table.__table__.alias("other")  # type: ignore[attr-defined]
        mark = select(other.c.created_at, literal_column("other.rowid")).where(other.c.id == before)
        statement = statement.where(tuple_(columns.created_at, number) < mark.scalar_subquery())
    return statement.order_by(columns.created_at.desc(), number.desc()).limit(max(limit, 0))
