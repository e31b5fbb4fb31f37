"""Figures of the calls by minute and hour, and indices to the calls that failed."""

import sqlalchemy as sa
from alembic import op

from clowdy_tui.store.tally import tally_of

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_COLUMNS = ("id", "function_id", "status", "cold_start", "duration_us")


def upgrade() -> None:
    figures = op.create_table(
        "invocation_figures",
        sa.Column("function_id", sa.String(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("cold_starts", sa.Integer(), nullable=False),
        sa.Column("duration_us", sa.Integer(), nullable=False),
        sa.Column("statuses", sa.JSON(), nullable=False),
        sa.Column("durations", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("function_id", "width", "at"),
        sqlite_with_rowid=False,
    )
    for name, column in (
        ("ix_invocation_failed_function_id", "function_id"),
        ("ix_invocation_failed_owner_id", "owner"),
    ):
        op.create_index(name, "invocation", [column, "id"], sqlite_where=sa.text("status <> 'success'"))
    calls = sa.table("invocation", *(sa.column(name) for name in _COLUMNS))
    tally = tally_of(
        (id_, function_id, status, bool(cold_start), duration_us)
        for id_, function_id, status, cold_start, duration_us in op.get_bind().execute(sa.select(calls))
    )
    rows = [
        {
            "function_id": function_id,
            "width": width,
            "at": at,
            "calls": sums.calls,
            "cold_starts": sums.cold_starts,
            "duration_us": sums.duration_us,
            "statuses": sums.statuses,
            "durations": sums.durations,
        }
        for (function_id, width, at), sums in tally.sums.items()
    ]
    if rows:
        op.bulk_insert(figures, rows)
