"""What Alembic runs to apply the migrations, on the connection that `migrate` hands it."""

from alembic import context
from sqlmodel import SQLModel

from clowdy_tui.domain import tables

assert tables.Meta.metadata is SQLModel.metadata  # the tables must have been imported to be compared

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
