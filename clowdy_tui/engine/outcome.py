"""An Outcome: how one call ended, what it answered, and apart from that what it printed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from clowdy_tui.domain.schemas import OutcomeStatus

Stream = Literal["stdout", "stderr"]


class LogEntry(NamedTuple):
    """One line that a call printed, without its line end; `at_us` counts from the call's beginning."""

    stream: Stream
    text: str
    at_us: int


LogSink = Callable[[LogEntry], None]
"""Called in the event loop for each line as it comes; must not block or raise."""


@dataclass(slots=True)
class Outcome:
    """How one call ended.

    `output` is JSON as the handler returned it, not parsed, and None unless `status` is success.
    Times are in microseconds: waited for an instance (`queue_us`), made one ready (`init_us`), ran (`run_us`).
    `memory_kb` is the most that the sandbox has used so far, where the driver can tell.
    """

    status: OutcomeStatus
    output: bytes | None = None
    error_type: str | None = None
    error_message: str | None = None
    stack_trace: str | None = None
    logs: list[LogEntry] = field(default_factory=list)
    logs_truncated: bool = False
    cold_start: bool = False
    queue_us: int = 0
    init_us: int = 0
    run_us: int = 0
    memory_kb: int | None = None
    instance_id: str | None = None
