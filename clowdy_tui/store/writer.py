"""Writes the invocation log: records are gathered in memory and go out in batches, from a thread of their own.

Each batch is one transaction with a statement for many rows; that costs a call a tenth of writing it alone.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final

from clowdy_tui.store.database import prepare
from clowdy_tui.store.records import BODY_COLUMNS, INVOCATION_COLUMNS, InvocationRecord, bodies
from clowdy_tui.store.tally import tally_of, write_tally

_RETRY_S: Final = (0.25, 0.5, 1.0, 2.0, 5.0)
_ROWS_AT_ONCE: Final = (256, 64, 16, 4, 1)
"""Few sizes, so that each statement is prepared once: SQLite takes as long for a new one as for its rows. A full batch
is one statement: each hands the interpreter's lock over and back, and the event loop waits for it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WriterState:
    """Whether the log can be written. `waiting` records are still in memory, `dropped` are lost since the start."""

    problem: str | None
    waiting: int
    dropped: int


@dataclass(frozen=True, slots=True)
class _Flush:
    done: Callable[[bool], object]


_Message = list[InvocationRecord] | _Flush | None


class InvocationWriter:
    """Takes records from the event loop, writes them in its thread.

    Where the disk is full or the file cannot be written, records wait in memory and the batch is tried again, up to
    `max_waiting` records or `max_bytes`; what comes beyond that is dropped and counted. `on_change` is called in the
    event loop when the trouble begins, when it ends, and now and then while records are dropped.

    A gateway that is killed loses what is not written yet: no more than its last 100 ms. `interval_s` leaves most of
    that to the thread, which has to get a processor and the interpreter's lock before it can write.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_change: Callable[[WriterState], None] = lambda _state: None,
        interval_s: float = 0.03,
        batch: int = 256,
        max_waiting: int = 20_000,
        max_bytes: int = 64 * 1024 * 1024,
        max_log_bytes: int = 256 * 1024,
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._interval_s = interval_s
        self._batch = batch
        self._max_waiting = max_waiting
        self._max_bytes = max_bytes
        self._max_log_bytes = max_log_bytes
        self._gathered: list[InvocationRecord] = []
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._messages: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        # Each of these is written by one thread alone: the loop adds, the writer settles.
        self._added = self._added_bytes = 0
        self._settled = self._settled_bytes = 0
        self._refused = self._spoilt = 0
        self._problem: str | None = None

    @property
    def state(self) -> WriterState:
        return WriterState(self._problem, self._added - self._settled, self._refused + self._spoilt)

    def start(self) -> None:
        """Start the thread. Called in the event loop that will add."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="clowdy-invocations", daemon=True)
        self._thread.start()

    def add(self, record: InvocationRecord) -> None:
        """Queue a record; dropped and counted where too much waits already."""
        size = record.size
        if (
            self._added - self._settled >= self._max_waiting
            or self._added_bytes - self._settled_bytes + size > self._max_bytes
        ):
            self._refused += 1
            if self._refused % 1000 == 1:
                log.warning("The invocation log cannot be written fast enough: %d calls are not in it", self._refused)
                self._on_change(self.state)
            return
        self._added += 1
        self._added_bytes += size
        self._gathered.append(record)
        if len(self._gathered) >= self._batch:
            self._hand_over()
        elif self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(self._interval_s, self._hand_over)

    async def flush(self) -> bool:
        """Wait until every record so far is in the database; False where it cannot be written now."""
        self._hand_over()
        if self._loop is None or self._thread is None:
            return self._added == self._settled
        loop = self._loop
        answer: asyncio.Future[bool] = loop.create_future()

        def answer_with(written: bool) -> None:
            if not answer.done():
                answer.set_result(written)

        self._messages.put(_Flush(lambda written: loop.call_soon_threadsafe(answer_with, written)))
        return await answer

    async def close(self) -> None:
        """Write what waits and end the thread. What cannot be written is dropped, and the log says how much."""
        self._hand_over()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._messages.put(None)
        await asyncio.to_thread(thread.join)
        if lost := self._added - self._settled:
            log.warning("%d calls are not in the invocation log: %s", lost, self._problem)

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._gathered:
            self._messages.put(self._gathered)
            self._gathered = []

    # From here on: in the writer's thread.

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        waiting: list[InvocationRecord] = []
        failures = 0
        going = True
        while going:
            flushes: list[_Flush] = []
            going = self._receive(waiting, flushes, wait_s=_RETRY_S[min(failures, 5) - 1] if failures else None)
            try:
                if waiting:
                    connection = connection or _connect(self._path)
                    self._write(connection, waiting)
                failures = 0
                self._tell(None)
            except sqlite3.Error as error:
                failures += 1
                self._tell(str(error))
                # A connection that met a full disk or a file that was moved away may not recover: begin anew.
                if connection is not None:
                    with suppress(sqlite3.Error):
                        connection.close()
                    connection = None
            for flush in flushes:
                flush.done(not waiting)
        if connection is not None:
            connection.close()

    def _receive(self, waiting: list[InvocationRecord], flushes: list[_Flush], wait_s: float | None) -> bool:
        """Take what came; False at the end. Waits for something to do, or until the next try is due."""
        try:
            message = self._messages.get(timeout=wait_s)
            while True:
                if message is None:
                    return False
                if isinstance(message, _Flush):
                    flushes.append(message)
                    return True
                waiting.extend(message)
                message = self._messages.get_nowait()
        except queue.Empty:
            return True

    def _write(self, connection: sqlite3.Connection, waiting: list[InvocationRecord]) -> None:
        """Write from the front of `waiting` and take it away, a batch at a time."""
        while waiting:
            batch = waiting[: self._batch]
            try:
                self._insert(connection, batch)
            except sqlite3.OperationalError:
                raise
            except (sqlite3.Error, ValueError, OverflowError):
                self._insert_one_by_one(connection, waiting, batch)
            else:
                self._settle(waiting, batch)

    def _settle(self, waiting: list[InvocationRecord], batch: list[InvocationRecord]) -> None:
        del waiting[: len(batch)]
        self._settled += len(batch)
        self._settled_bytes += sum(record.size for record in batch)

    def _insert_one_by_one(
        self, connection: sqlite3.Connection, waiting: list[InvocationRecord], batch: list[InvocationRecord]
    ) -> None:
        """One record that no table takes must not take the others with it. Each is settled by itself: where the next
        one has to wait, those before it are not tried again.
        """
        for record in batch:
            try:
                self._insert(connection, [record])
            except sqlite3.OperationalError:
                raise
            except (sqlite3.Error, ValueError, OverflowError) as error:
                self._spoilt += 1
                log.warning("The call %016x cannot be kept: %s", record.id, error)
            self._settle(waiting, [record])

    def _insert(self, connection: sqlite3.Connection, batch: list[InvocationRecord]) -> None:
        body_rows = bodies(batch, self._max_log_bytes)
        tally = tally_of(
            (record.id, record.function_id, record.status, record.cold_start, record.duration_us) for record in batch
        )
        connection.execute("BEGIN IMMEDIATE")
        try:
            _insert_rows(connection, "invocation", INVOCATION_COLUMNS, [record.row() for record in batch])
            _insert_rows(connection, "invocation_body", BODY_COLUMNS, body_rows)
            write_tally(connection, tally)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _tell(self, problem: str | None) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        if problem is not None:
            log.warning("The invocation log cannot be written, calls wait in memory: %s", problem)
        else:
            log.info("The invocation log is written again")
        if self._loop is not None:
            # The loop is gone when the thread outlives it: then nobody is left to be told.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(lambda: self._on_change(self.state))


def _connect(path: Path) -> sqlite3.Connection:
    # `mode=rw`: a database that somebody moved away must not come back as an empty file.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        prepare(connection)
        # It appends and reads nothing: more than the ends of the table and of its indexes would only lie in memory.
        connection.execute("PRAGMA cache_size = -4096")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _insert_rows(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
) -> None:
    start = 0
    for count in _ROWS_AT_ONCE:
        while len(rows) - start >= count:
            values = list(chain.from_iterable(rows[start : start + count]))
            connection.execute(_insert_statement(table, columns, count), values)
            start += count


@cache
def _insert_statement(table: str, columns: tuple[str, ...], count: int) -> str:
    one = f"({','.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES {','.join([one] * count)}"  # noqa: S608  # names of ours
