"""The first tables. `env.py` and `migrate` choose auto_vacuum before them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean(), nullable=False)


def upgrade() -> None:
    op.create_table("meta", _text("key"), _text("value"), sa.PrimaryKeyConstraint("key"))
    op.create_table(
        "project",
        sa.Column("id", sa.String(12), nullable=False),
        _text("owner"),
        _text("name"),
        _text("slug"),
        _text("description"),
        _text("status"),
        _text("requirements_txt"),
        sa.Column("settings", sa.JSON(), nullable=False),
        _number("created_at"),
        _number("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("slug"),
    )
    op.create_index("ix_project_owner_created_at", "project", ["owner", "created_at"])
    op.create_table(
        "function",
        sa.Column("id", sa.String(12), nullable=False),
        _text("owner"),
        sa.Column("project_id", sa.String(12), nullable=True),
        _text("name"),
        _text("description"),
        _text("runtime"),
        _text("status"),
        _text("visibility"),
        _flag("network_enabled"),
        _number("memory_mb"),
        sa.Column("cpus", sa.Float(), nullable=False),
        sa.Column("timeout_s", sa.Float(), nullable=False),
        _number("max_instances"),
        _number("min_instances"),
        _number("active_version"),
        _number("created_at"),
        _number("updated_at"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "name"),
    )
    op.create_index("ix_function_owner_created_at", "function", ["owner", "created_at"])
    op.create_index("ix_function_project_id_created_at", "function", ["project_id", "created_at"])
    op.create_table(
        "function_version",
        _number("id"),
        sa.Column("function_id", sa.String(12), nullable=False),
        _number("version"),
        sa.Column("files", sa.JSON(), nullable=False),
        _text("content_hash"),
        _text("message"),
        _number("created_at"),
        _text("created_by"),
        sa.ForeignKeyConstraint(["function_id"], ["function.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("function_id", "version"),
    )
    op.create_table(
        "variable",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("project_id", sa.String(12), nullable=False),
        _text("key"),
        sa.Column("value_encrypted", sa.LargeBinary(), nullable=False),
        _flag("is_secret"),
        _number("created_at"),
        _number("updated_at"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "key"),
    )
    op.create_table(
        "route",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("project_id", sa.String(12), nullable=False),
        sa.Column("function_id", sa.String(12), nullable=False),
        _text("method"),
        _text("path"),
        _text("shape"),
        _text("description"),
        _text("payload_format"),
        _text("auth"),
        _number("created_at"),
        _number("updated_at"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["function_id"], ["function.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project_id", "method", "shape"),
    )
    op.create_index("ix_route_function_id", "route", ["function_id"])
    op.create_table(
        "invocation",
        _number("id"),
        _text("function_id"),
        _text("owner"),
        _number("version"),
        _text("status"),
        _text("source"),
        _text("http_method", nullable=True),
        _text("http_path", nullable=True),
        _flag("cold_start"),
        _number("duration_us"),
        _number("queue_us"),
        _number("init_us"),
        _number("memory_kb", nullable=True),
        _text("error_type", nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_invocation_function_id", "invocation", ["function_id", "id"])
    op.create_index("ix_invocation_owner_id", "invocation", ["owner", "id"])
    op.create_table(
        "invocation_body",
        _number("id"),
        _text("input", nullable=True),
        _text("output", nullable=True),
        _flag("input_truncated"),
        _flag("output_truncated"),
        _text("error_message", nullable=True),
        _text("stack_trace", nullable=True),
        _text("logs"),
        _flag("logs_truncated"),
        sa.ForeignKeyConstraint(["id"], ["invocation.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.String(12), nullable=False),
        _text("user"),
        _text("name"),
        _text("hash"),
        sa.Column("scopes", sa.JSON(), nullable=False),
        _number("created_at"),
        _number("expires_at", nullable=True),
        _number("last_used_at", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_token_user", "token", ["user"])
