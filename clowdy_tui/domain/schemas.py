"""What goes over the API, in and out (pydantic). The contract is `docs/api.md`; OpenAPI is made from these.

Whatever comes in refuses unknown fields, so that a misspelt one is an error and not a silent nothing.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from clowdy_tui.domain import names
from clowdy_tui.domain.errors import InvalidInput
from clowdy_tui.domain.rules import CorsRules, RateLimit


def _utc(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(_utc, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _clean_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return names.clean_name(value)
    except InvalidInput as error:
        raise ValueError(error.errors[0].msg) from error


Name = Annotated[
    str,
    BeforeValidator(_clean_name),
    # Blanks around it are cut off before it is measured, so there is no `maxLength` of what is sent.
    WithJsonSchema(
        {"type": "string", "minLength": 1, "description": f"up to {names.MAX_NAME_LENGTH} characters"},
        mode="validation",
    ),
]
Memory = Annotated[int, Field(ge=32, le=4096, description="MiB")]
Cpus = Annotated[float, Field(ge=0.1, le=256, description="CPU cores")]
Timeout = Annotated[float, Field(ge=0.1, le=900, description="seconds")]
Instances = Annotated[int, Field(ge=0, le=1000)]
Method = Literal["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY"]
Auth = Literal["none", "token", "api_key"]
Scope = Literal["invoke", "read", "write", "reveal", "approve"]
Capture = Literal["all", "errors", "none"]
PayloadFormat = Literal["clowdy", "aws-2.0"]
ALL_SCOPES: tuple[Scope, ...] = ("invoke", "read", "write", "reveal", "approve")


class Incoming(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _holds_only_unicode(cls, data: Any) -> Any:
        # JSON can spell half a surrogate pair, Python keeps it in a string, and no file or database can.
        pending = [data]
        while pending:
            value = pending.pop()
            if isinstance(value, str):
                try:
                    value.encode()
                except UnicodeEncodeError as error:
                    raise ValueError("holds half a surrogate pair, which is not text") from error
            elif isinstance(value, dict):
                pending.extend(value.keys())
                pending.extend(value.values())
            elif isinstance(value, list):
                pending.extend(value)
        return data


class Outgoing(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(extra="ignore")


class OutcomeStatus(StrEnum):
    """How a call ended."""

    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    CANCELLED = "cancelled"


class Problem(Outgoing):
    """An error, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str = ""
    status: int
    detail: str
    instance: str | None = None
    errors: list[dict[str, Any]] | None = None

    model_config = ConfigDict(extra="allow")


class Detail(Outgoing):
    """What was done, in one sentence."""

    detail: str


class Health(Outgoing):
    """`version`, `driver`, `enforced` and what follows only for an authenticated caller."""

    status: Literal["ok"] = "ok"
    version: str | None = None
    driver: str | None = None
    driver_available: bool | None = None
    driver_problem: str | None = None
    enforced: list[str] | None = None
    not_enforced: list[str] | None = None
    url: str | None = None
    socket: str | None = None
    data_dir: str | None = None
    pid: int | None = None
    installation: str | None = None
    python: str | None = None


class ProjectIn(Incoming):
    name: Name
    description: str = ""


class ProjectPatch(Incoming):
    """Only what is to change. `capture`: of which calls is kept what they carried, printed and raised.

    `cors` and `rate_limit`: null takes the rules away.
    """

    name: Name | None = None
    description: str | None = None
    slug: str | None = None
    capture: Capture | None = None
    cors: CorsRules | None = None
    rate_limit: RateLimit | None = None


class ProjectOut(Outgoing):
    id: str
    name: str
    slug: str
    description: str
    status: str
    function_count: int
    requirements_txt: str
    has_database: bool
    capture: Capture = "all"
    cors: CorsRules | None = None
    rate_limit: RateLimit | None = None
    created_at: Moment
    updated_at: Moment


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
    project_id: str | None
    active_version: int
    created_at: Moment
    updated_at: Moment
    diagnostics: list[Diagnostic] = []


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


class RouteIn(Incoming):
    function_id: str
    method: Method
    path: str
    description: str = ""
    payload_format: PayloadFormat = "clowdy"
    auth: Auth = "none"


class RoutePatch(Incoming):
    function_id: str | None = None
    method: Method | None = None
    path: str | None = None
    description: str | None = None
    payload_format: PayloadFormat | None = None
    auth: Auth | None = None


class RouteOut(Outgoing):
    """`url` is where the route answers, parameters and all, as far as the gateway knows its own address."""

    id: str
    project_id: str
    function_id: str
    function_name: str
    method: str
    path: str
    description: str
    payload_format: str
    auth: str
    url: str
    created_at: Moment
    updated_at: Moment


class VariableIn(Incoming):
    key: str
    value: str
    is_secret: bool = True


class VariableOut(Outgoing):
    """A secret's `value` reads `****` unless it was asked for with the scope `reveal`."""

    id: str
    key: str
    value: str
    is_secret: bool
    created_at: Moment
    updated_at: Moment


class InvokeIn(Incoming):
    input: Any = None


class LogLine(Outgoing):
    """One line that a call printed. `stream` is `stdout` or `stderr`; `at_us` counts from the call's beginning."""

    stream: Literal["stdout", "stderr"]
    text: str
    at_us: int = 0


class InvokeOut(Outgoing):
    """`output` where it succeeded, else `error`; `error_type` and `stack_trace` only for the function's owner."""

    success: bool
    output: Any = None
    error: str | None = None
    duration_ms: float
    invocation_id: str
    cold_start: bool
    status: OutcomeStatus
    version: int
    duration_us: int
    queue_us: int = 0
    init_us: int = 0
    memory_mb: float | None = None
    logs: list[LogLine] | None = None
    logs_truncated: bool = False
    error_type: str | None = None
    stack_trace: str | None = None


class ReplayOut(InvokeOut):
    """What came of running a call's input again. `replay_of` is that call.

    `masked` names what the log had hidden of the input, like `headers.authorization`: the function got `****` there.
    """

    replay_of: str
    masked: list[str]


class InvocationOut(Outgoing):
    """`input` and `output` are JSON text, and a prefix of it where they were cut."""

    id: str
    function_id: str
    input: str | None
    output: str | None
    status: OutcomeStatus
    duration_ms: float
    duration_us: int
    source: str
    http_method: str | None
    http_path: str | None
    version: int
    cold_start: bool
    queue_us: int
    init_us: int
    memory_mb: float | None
    error_type: str | None
    input_truncated: bool
    output_truncated: bool
    created_at: Moment


class InvocationDetail(InvocationOut):
    """One call whole, with its log lines and its error."""

    error_message: str | None
    stack_trace: str | None
    logs: list[LogLine]
    logs_truncated: bool


class TokenIn(Incoming):
    name: Name
    scopes: list[Scope] = Field(default_factory=lambda: list(ALL_SCOPES))
    user: str | None = None
    expires_in_s: Annotated[int, Field(gt=0)] | None = None


class TokenOut(Outgoing):
    id: str
    name: str
    user: str
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None


class TokenCreated(TokenOut):
    """The only answer that ever holds the token itself."""

    token: str


class StatsMinute(Outgoing):
    """The calls that began in one minute."""

    at: Moment
    calls: int
    errors: int
    cold_starts: int
    avg_ms: float
    p95_ms: float


class Stats(Outgoing):
    """Figures of the caller's functions, or of one project's or one function's.

    `success_rate` is in whole percent. Durations are of the calls that ran; percentiles are right to some percent.
    `errors_by_status` counts the calls that did not succeed. `since` is where the counting begins, null for all calls
    ever made. `series` has one entry a minute, oldest first, with those in which nothing happened.
    """

    total_functions: int
    total_invocations: int
    success_rate: int
    avg_duration_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cold_starts: int
    errors_by_status: dict[str, int]
    since: Moment | None
    series: list[StatsMinute]


class KeyIn(Incoming):
    name: Name


class KeyOut(Outgoing):
    """An API key of a project."""

    id: str
    name: str
    created_at: Moment


class KeyCreated(KeyOut):
    """The only answer that ever holds the key itself; it is sent as the header `x-api-key`."""

    key: str


class PoolInstance(Outgoing):
    """One sandbox. A spare belongs to no function."""

    id: str
    function_id: str | None
    function_name: str | None
    version: int | None
    state: Literal["spare", "starting", "busy", "idle"]
    age_s: float
    calls: int
    memory_mb: float | None


class EventOut(Outgoing):
    """One server-sent event: `id` and `type` are also the event's own fields."""

    id: str
    type: str
    data: dict[str, Any]
