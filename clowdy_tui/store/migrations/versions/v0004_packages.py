"""Packages of projects: what is in use, and what was saved last where that is not in use."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "project_packages",
        sa.Column("project_id", sa.String(12), nullable=False),
        sa.Column("requirements_hash", sa.String(), nullable=True),
        sa.Column("lock", sa.String(), nullable=False),
        sa.Column("layer", sa.String(), nullable=True),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("wanted_txt", sa.String(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("project_id"),
    )
    op.create_index("ix_project_packages_requirements_hash", "project_packages", ["requirements_hash"])
