"""How many calls an instance of a function takes at once."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("function", sa.Column("concurrency", sa.Integer(), nullable=False, server_default="1"))
