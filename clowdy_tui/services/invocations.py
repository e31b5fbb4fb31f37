"""Calls: run through the engine, shown while they run, and kept."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from clowdy_tui.domain import names
from clowdy_tui.domain.errors import Forbidden, InvalidInput, NotFound
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import InvocationDetail, InvocationOut, LogLine
from clowdy_tui.domain.tables import Invocation, InvocationBody
from clowdy_tui.engine.call import Done
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.streaming import Receiver
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.counters import Counters
from clowdy_tui.services.directory import Directory, Target
from clowdy_tui.services.kept import Kept
from clowdy_tui.services.moments import moment, unix_ms
from clowdy_tui.services.owned import owned_function
from clowdy_tui.services.running import Clusters, Engine, Place, Running, Source
from clowdy_tui.store.database import Database
from clowdy_tui.store.invocations import Excerpt, InvocationFilter
from clowdy_tui.store.writer import InvocationWriter

_MAX_LIMIT: Final = 500


class InvocationService:
    def __init__(
        self,
        database: Database,
        directory: Directory,
        bus: EventBus,
        engine: Engine,
        writer: InvocationWriter,
        *,
        counters: Counters,
        clusters: Clusters,
        capture_bytes: int,
    ) -> None:
        self._database = database
        self._directory = directory
        self._engine = engine
        self._writer = writer
        self._capture_bytes = capture_bytes
        self._searching = asyncio.Lock()
        self._place = Place(directory, bus, writer, counters, clusters, capture_bytes)

    async def invoke(
        self,
        target: Target,
        event: bytes,
        *,
        source: Source,
        actor_owns: bool,
        http_method: str | None = None,
        http_path: str | None = None,
        version: int | None = None,
        invocation_id: int | None = None,
        receiver: Receiver | None = None,
        offline: bool = False,
    ) -> Outcome:
        """Run a function; `event` is its input as JSON. Whatever its code does comes back as the Outcome.

        `version` picks one that need not be the active one, for the function's owner alone: an old version may have
        the fault that the active one mends. `invocation_id` is made here where the caller has not made one.
        `receiver` takes the answer of a handler that streams; the outcome's output is then no more than what is kept
        of it. Without one the output is all of it, as one text. The project's secrets are hidden in its log lines and
        errors; the output is the caller's, and as the function made it. `offline`: with the network off, whatever the
        function has.

        Raises:
            NotFound: no such version.
            Forbidden: another version than the active one, for somebody who does not own the function.
        """
        if version is not None and version != target.deployment.version:
            target = await self._other_version(target, version, actor_owns=actor_owns)
        if offline and target.deployment.network_enabled:
            target = replace(target, deployment=replace(target.deployment, network_enabled=False))
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        running = self.begin(
            target,
            event,
            source=source,
            invocation_id=names.new_invocation_id() if invocation_id is None else invocation_id,
            done=lambda ended: None if outcome.done() else outcome.set_result(ended),
            http_method=http_method,
            http_path=http_path,
            receiver=receiver,
        )
        try:
            return await outcome
        except asyncio.CancelledError:
            running.cancel()
            raise

    def begin(
        self,
        target: Target,
        event: bytes,
        *,
        source: Source,
        invocation_id: int,
        done: Done,
        http_method: str | None = None,
        http_path: str | None = None,
        receiver: Receiver | None = None,
    ) -> Running:
        """`invoke` for whoever waits in no coroutine: `done` is told the outcome, not before this returns."""
        if receiver is not None:
            receiver = Kept(receiver, 0 if target.capture == "none" else self._capture_bytes)
        running = Running(self._place, target, event, source, invocation_id, done, http_method, http_path)
        running.begin(self._engine, receiver)
        return running

    async def list(
        self,
        actor: Actor,
        function_id: str | None = None,
        *,
        limit: int = 50,
        before: str | None = None,
        status: str | Sequence[str] | None = None,
        source: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        q: str | None = None,
        cut: int | None = None,
        logs: bool = False,
    ) -> list[InvocationOut]:
        """Calls of the actor's functions, newest first; of one function where it is given.

        `before` is the id of a call, `since` (included) and `until` (not) bound when it began, `q` is looked for in
        input, output, log lines, error and path. Of input and output at most `cut` characters come; `logs` adds what
        each printed, and its error's message.

        Raises:
            NotFound: no such function.
            InvalidInput: `before` is no id.
        """
        actor.require("read")
        wanted = InvocationFilter(
            function_id=function_id,
            before=_parse_id(before) if before is not None else None,
            first=names.invocation_id_at(unix_ms(since)) if since is not None else None,
            last=names.invocation_id_at(unix_ms(until)) if until is not None else None,
            statuses=(status,) if isinstance(status, str) else tuple(status or ()),
            source=source,
            q=q,
        )
        # Whoever called and then asks finds the call, though it is written a moment later.
        await self._writer.flush()
        # A search may read every body there is: one at a time, so that the others find a connection.
        async with self._searching if q else nullcontext(), self._database.read() as transaction:
            if function_id is not None:
                await owned_function(transaction, actor, function_id)
            most = max(1, min(limit, _MAX_LIMIT))
            rows = await transaction.invocations.page(actor.user, wanted, limit=most, cut=cut, logs=logs)
        return [InvocationOut(**_fields(call, body), **_told(body, logs=logs)) for call, body in rows]

    async def get(self, actor: Actor, invocation_id: str) -> InvocationDetail:
        """One call whole, with its log lines. Raises NotFound."""
        actor.require("read")
        number = names.parse_invocation_id(invocation_id)
        found = None
        if number is not None:
            await self._writer.flush()
            async with self._database.read() as transaction:
                found = await transaction.invocations.get(number)
        if found is None or found[0].owner != actor.user:
            raise NotFound("Invocation not found")
        call, body = found
        return InvocationDetail(
            **_fields(call, body), **_told(body, logs=True), stack_trace=body.stack_trace if body else None
        )

    async def flush(self) -> bool:
        """Wait until all calls so far are in the database; False where it cannot be written now."""
        return await self._writer.flush()

    async def drain(self, timeout_s: float) -> None:
        """Wait until no call runs: when the engine is closed, each call has yet to put down its outcome."""
        await self._place.drain(timeout_s)

    async def _other_version(self, target: Target, version: int, *, actor_owns: bool) -> Target:
        if not actor_owns:
            raise Forbidden("Only the function's owner calls a version that is not the active one")
        other = await self._directory.version(target.deployment.function_id, version)
        if other is None:
            raise NotFound("Version not found")
        return other


def _parse_id(text: str) -> int:
    number = names.parse_invocation_id(text)
    if number is None:
        raise InvalidInput.of("before", "is not the id of a call")
    return number


def _megabytes(kilobytes: int | None) -> float | None:
    return None if kilobytes is None else round(kilobytes / 1024, 1)


def _told(body: InvocationBody | Excerpt | None, *, logs: bool) -> dict[str, Any]:
    """What a call said of itself, where that is asked for."""
    if not logs:
        return {}
    lines = json.loads(body.logs) if body and body.logs else []
    return {
        "error_message": body.error_message if body else None,
        "logs": [LogLine(stream=stream, text=text, at_us=at_us) for stream, text, at_us in lines],
        "logs_truncated": bool(body and body.logs_truncated),
    }


def _fields(call: Invocation, body: InvocationBody | Excerpt | None) -> dict[str, Any]:
    return {
        "id": names.format_invocation_id(call.id),
        "function_id": call.function_id,
        "input": body.input if body else None,
        "output": body.output if body else None,
        "status": call.status,
        "duration_ms": call.duration_us / 1000,
        "duration_us": call.duration_us,
        "source": call.source,
        "http_method": call.http_method,
        "http_path": call.http_path,
        "version": call.version,
        "cold_start": call.cold_start,
        "queue_us": call.queue_us,
        "init_us": call.init_us,
        "memory_mb": _megabytes(call.memory_kb),
        "error_type": call.error_type,
        "input_truncated": bool(body and body.input_truncated),
        "output_truncated": bool(body and body.output_truncated),
        "created_at": moment(names.invocation_time_ms(call.id)),
    }
