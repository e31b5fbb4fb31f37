"""Functions, their versions and limits."""

from typing import Annotated, Literal

from pydantic import Field

from clowdy_tui.domain.schemas.base import Incoming, Moment, Name, Outgoing

Memory = Annotated[int, Field(ge=32, le=4096, description="MiB")]
Cpus = Annotated[float, Field(ge=0.1, le=256, description="CPU cores")]
Timeout = Annotated[float, Field(ge=0.1, le=900, description="seconds")]
Instances = Annotated[int, Field(ge=0, le=1000)]
Concurrency = Annotated[
    int, Field(ge=1, le=1000, description="how many calls an instance takes at once, where the handler is `async def`")
]


class Diagnostic(Outgoing):
    """Where code does not parse. Lines and columns count from 1; `path` is the file in the bundle."""

    path: str = "function.py"
    line: int
    column: int
    message: str


class FunctionIn(Incoming):
    name: Name
    code: str
    files: dict[str, str] = Field(default_factory=dict, description="path → text, beside the entry function.py")
    description: str = ""
    runtime: str = "python"
    project_id: str | None = None
    network_enabled: bool = False
    memory_mb: Memory = 128
    cpus: Cpus = 0.5
    timeout_s: Timeout = 30.0
    max_instances: Annotated[int, Field(ge=1, le=1000)] = 10
    min_instances: Instances = 0
    concurrency: Concurrency = 1
    visibility: Literal["public", "private"] = "public"
    message: str = ""


class FunctionPatch(Incoming):
    """Only what is to change. `files`, where given, are all of the files beside the entry.

    `base_version` is the version that the change was made on: 409 where another is active by now.
    """

    name: Name | None = None
    description: str | None = None
    code: str | None = None
    files: dict[str, str] | None = None
    base_version: int | None = None
    message: str = ""
    status: Literal["active", "inactive"] | None = None
    network_enabled: bool | None = None
    memory_mb: Memory | None = None
    cpus: Cpus | None = None
    timeout_s: Timeout | None = None
    max_instances: Annotated[int, Field(ge=1, le=1000)] | None = None
    min_instances: Instances | None = None
    concurrency: Concurrency | None = None
    visibility: Literal["public", "private"] | None = None


class FunctionOut(Outgoing):
    """`code` is the entry file of the active version, `files` those beside it."""

    id: str
    name: str
    description: str
    code: str
    files: dict[str, str]
    runtime: str
    status: str
    visibility: str
    network_enabled: bool
    memory_mb: int
    cpus: float
    timeout_s: float
    max_instances: int
    min_instances: int
    concurrency: int
    project_id: str | None
    active_version: int
    created_at: Moment
    updated_at: Moment
    diagnostics: list[Diagnostic] = Field(default_factory=list)


class VersionOut(Outgoing):
    version: int
    code: str
    files: dict[str, str]
    created_at: Moment
    created_by: str
    active: bool
    message: str


class Diff(Outgoing):
    """A unified diff of two versions, all files."""

    from_: int = Field(serialization_alias="from", validation_alias="from")
    to: int
    diff: str
