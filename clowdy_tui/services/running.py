"""Running: one call from its beginning, which is told, to its end, which is told, counted and kept."""

import asyncio
import logging
import time
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, Protocol

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.names import format_invocation_id
from clowdy_tui.domain.redaction import Redactor
from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.call import Call, Done
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.outcome import LogEntry, LogSink, Outcome
from clowdy_tui.engine.streaming import Receiver
from clowdy_tui.services.counters import Counters
from clowdy_tui.services.directory import Directory, Target
from clowdy_tui.store.records import InvocationRecord
from clowdy_tui.store.writer import InvocationWriter

Source = Literal["api", "gateway", "test", "demo", "replay", "assistant"]

_LOG_DELAY_S: Final = 0.05
_MAX_EVENT_MESSAGE: Final = 500

logger = logging.getLogger(__name__)


class Engine(Protocol):
    """What a call needs of the engine."""

    def begin(
        self,
        deployment: Deployment,
        event: bytes,
        *,
        invocation_id: str,
        done: Done,
        on_log: LogSink | None = None,
        receiver: Receiver | None = None,
    ) -> Call: ...

    def cancel(self, call: Call) -> None: ...


class Clusters(Protocol):
    """What a call needs of the databases on this machine."""

    def begin_call(self, reference: str) -> bool:
        """Whether it runs already."""

    async def wake(self, reference: str) -> None: ...
    def end_call(self, reference: str) -> None: ...


class Place:
    """Where calls are told, counted and kept, the same for all of them; and how many run."""

    def __init__(  # noqa: PLR0917  there is one
        self,
        directory: Directory,
        bus: EventBus,
        writer: InvocationWriter,
        counters: Counters,
        clusters: Clusters,
        capture_bytes: int,
    ) -> None:
        self.directory = directory
        self.bus = bus
        self.writer = writer
        self.counters = counters
        self.clusters = clusters
        self.capture_bytes = capture_bytes
        self.running = 0
        self._drained: asyncio.Event | None = None

    def one_less(self) -> None:
        self.running -= 1
        if self._drained is not None and not self.running:
            self._drained.set()

    async def drain(self, timeout_s: float) -> None:
        """Wait until no call runs."""
        self._drained = asyncio.Event()
        if self.running:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._drained.wait()


class Running:
    """One call. Its log lines are gathered, so that a chatty function makes a few events a second and not thousands."""

    __slots__ = (
        "_call",
        "_done",
        "_engine",
        "_event",
        "_http_method",
        "_http_path",
        "_lines",
        "_notice",
        "_number",
        "_place",
        "_source",
        "_target",
        "_timer",
        "_waiting",
        "_waking",
        "_woken_us",
        "id",
    )

    def __init__(  # noqa: PLR0917  by place: one is made for every call
        self,
        place: Place,
        target: Target,
        event: bytes,
        source: Source,
        number: int,
        done: Done,
        http_method: str | None,
        http_path: str | None,
    ) -> None:
        if target.redactor is not None and http_path is not None:
            http_path = target.redactor.text(http_path)
        self._place = place
        self._target = target
        self._event = event
        self._source = source
        self._number = number
        self._done = done
        self._http_method = http_method
        self._http_path = http_path
        self._call: Call | None = None
        self._waking: asyncio.Task[None] | None = None
        self._woken_us = 0
        self._notice: LogEntry | None = None
        self._waiting: list[LogEntry] | None = None
        self._lines: list[LogEntry] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.id = format_invocation_id(number)

    def begin(self, engine: Engine, receiver: Receiver | None) -> None:
        """Tell of it and hand it to the engine."""
        place, target = self._place, self._target
        place.running += 1
        self._engine = engine
        if target.database is not None and not place.clusters.begin_call(target.database):
            self._tell_of_it()
            self._waking = asyncio.get_running_loop().create_task(self._wake(target.database, engine, receiver))
            return
        try:
            # First, so that the sandbox works while the rest is done: nothing comes back before this returns.
            self._hand_over(engine, receiver)
        except BaseException as error:
            self._tell_of_it()
            self._fail(error)
            raise
        self._tell_of_it()

    def _tell_of_it(self) -> None:
        place, target = self._place, self._target
        said = partial(_about, self._number, target, self._source, self._http_method, self._http_path)
        place.bus.publish(events.INVOCATION_STARTED, said, owner=target.owner)
        place.counters.started(target.deployment.function_id)

    def _hand_over(self, engine: Engine, receiver: Receiver | None) -> None:
        self._call = engine.begin(
            self._target.deployment,
            self._event,
            invocation_id=self.id,
            done=self._ended,
            on_log=self._take,
            receiver=receiver,
        )

    def _fail(self, error: BaseException) -> Outcome:
        """The engine answers for what user code does with an Outcome: this is a fault of our own."""
        outcome = Outcome(OutcomeStatus.CRASHED, error_type=type(error).__name__, error_message=str(error))
        self._complete(outcome)
        self._keep(outcome)
        return outcome

    async def _wake(self, reference: str, engine: Engine, receiver: Receiver | None) -> None:
        """Start the database first. Where it cannot be: this call may not want it, and its log says why it is not."""
        began = time.monotonic()
        try:
            await self._place.clusters.wake(reference)
        except Unavailable as error:
            text = f"Clowdy: the project's database cannot be used: {error.detail}"
            self._notice = LogEntry("stderr", text, 0)
        except Exception:
            logger.exception("The database %s could not be started", reference)
            text = "Clowdy: the project's database cannot be used; Clowdy's log says why"
            self._notice = LogEntry("stderr", text, 0)
        self._woken_us = int((time.monotonic() - began) * 1e6)
        self._waking = None
        try:
            self._hand_over(engine, receiver)
        except Exception as error:
            self._done(self._fail(error))
            raise

    def cancel(self) -> None:
        """The caller went away. Its `done` is not told; nothing happens where the call has ended."""
        call, self._call = self._call, None
        waking, self._waking = self._waking, None
        if waking is not None:
            waking.cancel()
        if call is not None:
            self._engine.cancel(call)
        if call is not None or waking is not None:
            outcome = Outcome(OutcomeStatus.CANCELLED, error_type="Cancelled", error_message="The caller went away")
            self._publish_lines()
            outcome.logs = self._lines or []
            self._complete(outcome)
            self._keep(outcome)

    def _ended(self, outcome: Outcome) -> None:
        if self._call is not None:
            self._call = None
            self._complete(outcome)
            try:
                # First, as the caller waits for it; whoever asks for what is kept comes after all of this.
                self._done(outcome)
            finally:
                self._keep(outcome)

    def _complete(self, outcome: Outcome) -> None:
        """What the outcome is to those who are told of it."""
        place, target = self._place, self._target
        if target.database is not None:
            place.clusters.end_call(target.database)
            outcome.queue_us += self._woken_us
            if self._notice is not None:
                outcome.logs = [self._notice, *outcome.logs]
        if target.redactor is not None:
            _redact(outcome, target.redactor)

    def _keep(self, outcome: Outcome) -> None:
        place, target = self._place, self._target
        if self._waiting:
            self._publish_lines()
        place.one_less()
        status, message = str(outcome.status), outcome.error_message
        said = partial(
            _finished,
            (self._number, target, self._source, self._http_method, self._http_path),
            status,
            outcome.run_us,
            outcome.queue_us,
            outcome.init_us,
            outcome.cold_start,
            outcome.memory_kb,
            outcome.error_type,
            message[:_MAX_EVENT_MESSAGE] if message else None,
        )
        place.bus.publish(events.INVOCATION_FINISHED, said, owner=target.owner)
        function_id = target.deployment.function_id
        place.counters.finished(function_id, outcome)
        # A function that is gone by now has its calls removed: no new ones come after that.
        if place.directory.function(function_id) is not None:
            place.writer.add(self._record(outcome, status))

    def _record(self, outcome: Outcome, status: str) -> InvocationRecord:
        target = self._target
        record = InvocationRecord(
            self._number,
            target.deployment.function_id,
            target.owner,
            target.deployment.version,
            status,
            self._source,
            self._http_method,
            self._http_path,
            outcome.cold_start,
            outcome.run_us,
            outcome.queue_us,
            outcome.init_us,
            outcome.memory_kb,
            outcome.error_type,
        )
        if target.capture == "all" or (target.capture == "errors" and outcome.status is not OutcomeStatus.SUCCESS):
            most, event, output = self._place.capture_bytes, self._event, outcome.output
            record.has_body = True
            record.input_truncated = len(event) > most
            record.input = event[:most] if record.input_truncated else event
            if output is not None:
                record.output_truncated = len(output) > most
                record.output = output[:most] if record.output_truncated else output
            record.error_message = outcome.error_message
            record.stack_trace = outcome.stack_trace
            record.logs = outcome.logs
            record.redactor = target.redactor
            record.logs_truncated = outcome.logs_truncated
        return record

    def _take(self, entry: LogEntry) -> None:
        if self._waiting is None:
            self._waiting = []
        self._waiting.append(entry)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOG_DELAY_S, self._publish_lines)

    def _publish_lines(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._waiting = self._waiting, None
        if not lines:
            return
        redactor = self._target.redactor
        if redactor is not None:
            lines = [_hidden(entry, redactor) for entry in lines]
        data = {
            "invocation_id": self.id,
            "function_id": self._target.deployment.function_id,
            "project_id": self._target.project_id,
            "lines": [{"stream": stream, "text": text, "at_us": at_us} for stream, text, at_us in lines],
        }
        self._lines = [*self._lines, *lines] if self._lines else lines
        self._place.bus.publish(events.INVOCATION_LOG, data, owner=self._target.owner)


# Made when somebody reads the event, of values that hold neither what a caller sent nor what a function returned.


def _about(
    number: int, target: Target, source: Source, http_method: str | None, http_path: str | None
) -> dict[str, Any]:
    deployment = target.deployment
    return {
        "invocation_id": format_invocation_id(number),
        "function_id": deployment.function_id,
        "project_id": target.project_id,
        "function_name": deployment.function_name,
        "version": deployment.version,
        "source": source,
        "http_method": http_method,
        "http_path": http_path,
    }


def _finished(  # noqa: PLR0917  by place: one is made for every call
    about: tuple[int, Target, Source, str | None, str | None],
    status: str,
    run_us: int,
    queue_us: int,
    init_us: int,
    cold_start: bool,
    memory_kb: int | None,
    error_type: str | None,
    message: str | None,
) -> dict[str, Any]:
    said = {
        **_about(*about),
        "status": status,
        "duration_us": run_us,
        "queue_us": queue_us,
        "init_us": init_us,
        "cold_start": cold_start,
        "memory_mb": None if memory_kb is None else round(memory_kb / 1024, 1),
        "error_type": error_type,
    }
    return {**said, "error_message": message} if message else said


def _redact(outcome: Outcome, redactor: Redactor) -> None:
    """Hide secrets in all but the output: that is looked through where it is written, not before it is answered."""
    if outcome.logs:
        outcome.logs = [_hidden(entry, redactor) for entry in outcome.logs]
    if outcome.error_type is not None:
        outcome.error_type = redactor.text(outcome.error_type)
    if outcome.error_message is not None:
        outcome.error_message = redactor.text(outcome.error_message)
    if outcome.stack_trace is not None:
        outcome.stack_trace = redactor.text(outcome.stack_trace)


def _hidden(entry: LogEntry, redactor: Redactor) -> LogEntry:
    return entry._replace(text=redactor.text(entry.text))
