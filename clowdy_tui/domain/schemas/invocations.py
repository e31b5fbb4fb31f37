"""Calls: how one is made, what came of it, and the log of them."""

from enum import StrEnum
from typing import Any, Literal

from clowdy_tui.domain.schemas.base import Incoming, Moment, Outgoing


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
    """`input` and `output` are JSON text, and a prefix of it where they were cut.

    In a list `logs` and `error_message` are there where log lines were asked for.
    """

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
    error_message: str | None = None
    logs: list[LogLine] | None = None
    logs_truncated: bool = False


class InvocationDetail(InvocationOut):
    """One call whole, with its log lines and its error."""

    stack_trace: str | None
    logs: list[LogLine]
