"""The tables. What goes over the API is in `schemas`, apart: a secret is never in an answer by accident.

Times are whole milliseconds since 1970 (UTC): they sort, they index, and SQLite has no type of its own for them.
"""

from typing import Any

from sqlalchemy import JSON, Column, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel


class Project(SQLModel, table=True):
    """A set of functions under one address, with its variables, routes, packages and database."""

    __tablename__ = "project"
    __table_args__ = (Index("ix_project_owner_created_at", "owner", "created_at"),)

    id: str = Field(primary_key=True, max_length=12)
    owner: str
    name: str
    slug: str = Field(unique=True)
    description: str = ""
    status: str = "active"
    requirements_txt: str = ""
    settings: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_at: int
    updated_at: int


class Function(SQLModel, table=True):
    """A function: what stays the same from version to version. `project_id` None: a function on its own."""

    __tablename__ = "function"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        Index("ix_function_owner_created_at", "owner", "created_at"),
        Index("ix_function_project_id_created_at", "project_id", "created_at"),
    )

    id: str = Field(primary_key=True, max_length=12)
    owner: str
    project_id: str | None = Field(
        default=None, sa_column=Column(ForeignKey("project.id", ondelete="CASCADE"), nullable=True)
    )
    name: str
    description: str = ""
    runtime: str = "python"
    status: str = "active"
    visibility: str = "public"
    network_enabled: bool = False
    memory_mb: int = 128
    cpus: float = 0.5
    timeout_s: float = 30.0
    max_instances: int = 10
    min_instances: int = 0
    concurrency: int = 1
    active_version: int = 1
    created_at: int
    updated_at: int


class FunctionVersion(SQLModel, table=True):
    """An immutable bundle of files. Numbers only grow."""

    __tablename__ = "function_version"
    __table_args__ = (UniqueConstraint("function_id", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    function_id: str = Field(sa_column=Column(ForeignKey("function.id", ondelete="CASCADE"), nullable=False))
    version: int
    files: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    content_hash: str
    message: str = ""
    created_at: int
    created_by: str


class Variable(SQLModel, table=True):
    """An environment variable of a project's functions; the value is encrypted, secret or not."""

    __tablename__ = "variable"
    __table_args__ = (UniqueConstraint("project_id", "key"),)

    id: str = Field(primary_key=True, max_length=12)
    project_id: str = Field(sa_column=Column(ForeignKey("project.id", ondelete="CASCADE"), nullable=False))
    key: str
    value_encrypted: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    is_secret: bool = True
    created_at: int
    updated_at: int


class Route(SQLModel, table=True):
    """A method and a path of a project, and the function that answers. `shape` is `RoutePattern.shape`."""

    __tablename__ = "route"
    __table_args__ = (UniqueConstraint("project_id", "method", "shape"),)

    id: str = Field(primary_key=True, max_length=12)
    project_id: str = Field(sa_column=Column(ForeignKey("project.id", ondelete="CASCADE"), nullable=False))
    function_id: str = Field(
        sa_column=Column(ForeignKey("function.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    method: str
    path: str
    shape: str
    description: str = ""
    payload_format: str = "clowdy"
    auth: str = "none"
    created_at: int
    updated_at: int


class Invocation(SQLModel, table=True):
    """One call, as a narrow row: what lists and figures need. `id` sorts by time (`names.new_invocation_id`).

    No foreign key on the function: rows come in batches a moment after the call, when the function may be gone.
    """

    __tablename__ = "invocation"
    __table_args__ = (
        Index("ix_invocation_function_id", "function_id", "id"),
        Index("ix_invocation_owner_id", "owner", "id"),
        # The few that failed among the many that did not: a success costs these indices nothing.
        Index("ix_invocation_failed_function_id", "function_id", "id", sqlite_where=text("status <> 'success'")),
        Index("ix_invocation_failed_owner_id", "owner", "id", sqlite_where=text("status <> 'success'")),
    )

    id: int = Field(primary_key=True)
    function_id: str
    owner: str
    version: int
    status: str
    source: str
    http_method: str | None = None
    http_path: str | None = None
    cold_start: bool = False
    duration_us: int = 0
    queue_us: int = 0
    init_us: int = 0
    memory_kb: int | None = None
    error_type: str | None = None


class InvocationBody(SQLModel, table=True):
    """What a call carried: input and output as JSON text, its log lines as JSON, and its error."""

    __tablename__ = "invocation_body"

    id: int = Field(sa_column=Column(ForeignKey("invocation.id", ondelete="CASCADE"), primary_key=True))
    input: str | None = None
    output: str | None = None
    input_truncated: bool = False
    output_truncated: bool = False
    error_message: str | None = None
    stack_trace: str | None = None
    logs: str = "[]"
    logs_truncated: bool = False


class InvocationFigures(SQLModel, table=True):
    """What a function's calls of one span of time came to: a minute, an hour, a day, or (`width` 0, `at` 0) all.

    `width` and `at` (its beginning) are in seconds. `statuses` counts by status, `durations` by `durations.bucket_of`
    those that ran, whose sum is `duration_us`. Written together with the calls, and kept when they are trimmed.
    """

    __tablename__ = "invocation_figures"
    __table_args__ = ({"sqlite_with_rowid": False},)

    function_id: str = Field(primary_key=True)
    width: int = Field(primary_key=True)
    at: int = Field(primary_key=True)
    calls: int
    cold_starts: int
    duration_us: int
    statuses: dict[str, int] = Field(sa_column=Column(JSON, nullable=False))
    durations: dict[str, int] = Field(sa_column=Column(JSON, nullable=False))


class SavedInput(SQLModel, table=True):
    """An input of a function, as JSON text, under a name of the person's own."""

    __tablename__ = "saved_input"

    function_id: str = Field(
        max_length=12, sa_column=Column(ForeignKey("function.id", ondelete="CASCADE"), primary_key=True)
    )
    name: str = Field(primary_key=True)
    input: str
    created_at: int
    updated_at: int


class Token(SQLModel, table=True):
    """A bearer token of Clowdy's own: only its SHA-256 is kept (the token has 256 random bits, so no slow hash)."""

    __tablename__ = "token"

    id: str = Field(primary_key=True, max_length=12)
    user: str = Field(index=True)
    name: str
    hash: str = Field(unique=True)
    scopes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int
    expires_at: int | None = None
    last_used_at: int | None = None


class ApiKey(SQLModel, table=True):
    """A key that a project's clients show at its routes; kept like a token."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True, max_length=12)
    project_id: str = Field(sa_column=Column(ForeignKey("project.id", ondelete="CASCADE"), nullable=False, index=True))
    name: str
    hash: str
    created_at: int


class ProjectPackages(SQLModel, table=True):
    """A project's packages: what is in use (`requirements_hash`, `lock`, `layer`), and how the last save ended.

    `target` is the Python that the layer is for. `wanted_txt` is the list saved last where it is not in use, with
    `status` building, failed or stopped.
    """

    __tablename__ = "project_packages"

    project_id: str = Field(
        max_length=12, sa_column=Column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    )
    requirements_hash: str | None = Field(default=None, index=True)
    lock: str = ""
    layer: str | None = None
    target: str = ""
    status: str = "ready"
    wanted_txt: str | None = None
    error: str | None = None


class Conversation(SQLModel, table=True):
    """What a user and the assistant have said to each other. `allowed` are the tools that may run without asking."""

    __tablename__ = "conversation"
    __table_args__ = (Index("ix_conversation_owner_created_at", "owner", "created_at"),)

    id: str = Field(primary_key=True, max_length=12)
    owner: str
    project_id: str | None = Field(
        default=None, sa_column=Column(ForeignKey("project.id", ondelete="CASCADE"), nullable=True, index=True)
    )
    title: str
    allowed: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    created_at: int
    updated_at: int


class ConversationEntry(SQLModel, table=True):
    """One message of a conversation; `body` is an `assistant.MessageBody`."""

    __tablename__ = "conversation_entry"

    id: int | None = Field(default=None, primary_key=True)
    conversation_id: str = Field(
        max_length=12, sa_column=Column(ForeignKey("conversation.id", ondelete="CASCADE"), nullable=False, index=True)
    )
    role: str
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: int


class ProjectDatabase(SQLModel, table=True):
    """A project's database. `reference` is how its provider finds it; `status`: provisioning, ready or failed.

    `url_encrypted` is what functions get, `admin_encrypted` what Clowdy alone may use, empty where there is none.
    Over `max_bytes` new sessions are `read_only`; `size_bytes` is as it was looked at last.
    """

    __tablename__ = "project_database"

    project_id: str = Field(
        max_length=12, sa_column=Column(ForeignKey("project.id", ondelete="CASCADE"), primary_key=True)
    )
    provider: str
    reference: str
    status: str = "provisioning"
    url_encrypted: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    admin_encrypted: bytes = Field(default=b"", sa_column=Column(LargeBinary, nullable=False))
    max_bytes: int
    size_bytes: int | None = None
    read_only: bool = False
    error: str | None = None
    created_at: int


class Meta(SQLModel, table=True):
    """What the installation remembers of itself: its id, the driver that was chosen, whether the example was made."""

    __tablename__ = "meta"

    key: str = Field(primary_key=True)
    value: str
