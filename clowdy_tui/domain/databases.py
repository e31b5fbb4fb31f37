"""A project's database, as it goes over the API."""

from typing import Annotated, Literal

from pydantic import Field

from clowdy_tui.domain.schemas import Incoming, Moment, Outgoing

ProviderName = Literal["local", "neon"]
DATABASE_URL = "DATABASE_URL"
"""The variable that functions find it in."""

MaxMb = Annotated[int, Field(ge=16, le=1024 * 1024, description="MiB")]


class ProvisionIn(Incoming):
    """`enable_network` switches the network on for the project's functions where the provider needs that."""

    provider: ProviderName = "local"
    max_mb: MaxMb = 1024
    enable_network: bool = False


class DatabasePatch(Incoming):
    max_mb: MaxMb


class ProviderOut(Outgoing):
    """Who could make a database. `problem` says why it cannot be used here, and what to do."""

    name: ProviderName
    available: bool
    problem: str
    needs_network: bool


class DatabaseOut(Outgoing):
    """A project's database, or that there is none.

    The password in `database_url` (what functions get as DATABASE_URL) and `local_url` (for programs on this machine;
    null where the database is elsewhere) reads `***` unless it was asked for with the scope `reveal`. `status` tells of
    the database that was asked for last: while it is made there is `progress`, and where that failed `error`.
    `read_only`: it is over `max_bytes`, so new sessions cannot write. `running` is null where that is not ours to say.
    `functions_without_network` are those that cannot reach it.
    """

    has_database: bool
    status: Literal["none", "provisioning", "ready", "failed"]
    provider: ProviderName | None = None
    database_url: str | None = None
    local_url: str | None = None
    neon_project_id: str | None = None
    running: bool | None = None
    size_bytes: int | None = None
    max_bytes: int | None = None
    read_only: bool = False
    functions_without_network: list[str] = Field(default_factory=list)
    progress: str | None = None
    error: str | None = None
    created_at: Moment | None = None
    providers: list[ProviderOut] = Field(default_factory=list)


class DatabaseGone(Outgoing):
    """`dump` is where on the gateway's machine its last dump was kept, where that was asked for."""

    has_database: bool = False
    dump: str | None = None
    detail: str = "The database was removed"
