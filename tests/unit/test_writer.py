import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from clowdy_tui.domain import names
from clowdy_tui.store import writer as writer_module
from clowdy_tui.store.database import DATABASE_NAME
from clowdy_tui.store.records import InvocationRecord, clean, mask
from clowdy_tui.store.writer import InvocationWriter, WriterState


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / DATABASE_NAME


def record(**changes: object) -> InvocationRecord:
    made = InvocationRecord(
        names.new_invocation_id(), "f", "ada", 1, "success", "api", None, None, False, 10, 0, 0, None, None
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def count(path: Path, table: str = "invocation") -> int:
    return int(ask(path, f"SELECT count(*) FROM {table}")[0][0])


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_records_come_by_themselves_and_in_one_batch(path: Path) -> None:
    writer = InvocationWriter(path, interval_s=0.02)
    writer.start()
    for number in range(7):
        writer.add(record(has_body=number % 2 == 0, input=b"{}", output=b"1"))
    await until(lambda: writer.state.waiting == 0)
    assert (count(path), count(path, "invocation_body")) == (7, 4)
    await writer.close()


async def test_nothing_is_lost_on_a_clean_close(path: Path) -> None:
    writer = InvocationWriter(path, interval_s=60, batch=100)
    writer.start()
    for number in range(1234):
        writer.add(record(has_body=True, input=b"null", duration_us=number, output=b"%d" % number))
    await writer.close()
    assert count(path) == count(path, "invocation_body") == 1234
    kept = ask(path, "SELECT duration_us, output FROM invocation JOIN invocation_body USING (id)")
    assert sorted(kept) == [(number, str(number)) for number in range(1234)]
    assert writer.state == WriterState(None, 0, 0)


async def test_flush_waits_until_all_is_there(path: Path) -> None:
    writer = InvocationWriter(path, interval_s=60)
    writer.start()
    writer.add(record())
    assert await writer.flush()
    assert count(path) == 1
    await writer.close()


async def test_when_the_disk_is_full_records_wait_and_the_rest_is_counted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_RETRY_S", (0.01,) * 5)
    states: list[WriterState] = []
    writer = InvocationWriter(path, interval_s=0.01, max_waiting=10, on_change=states.append)
    full = True
    connect = writer_module._connect

    def connect_to_full_disk(target: Path) -> sqlite3.Connection:
        connection = connect(target)
        if full:
            # SQLite's own answer to a database that may not grow is the one to a full disk.
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr(writer_module, "_connect", connect_to_full_disk)
    writer.start()
    for _ in range(15):
        writer.add(record(has_body=True, input=b'"' + b"x" * 50_000 + b'"'))
    assert writer.state.dropped == 5
    assert not await writer.flush()
    await until(lambda: any(state.problem is not None and "full" in state.problem for state in states))
    assert writer.state.waiting == 10
    full = False
    assert await writer.flush()
    assert count(path) == 10
    await until(lambda: states[-1] == WriterState(None, 0, 5))
    await writer.close()


async def test_a_database_that_was_taken_away_does_not_come_back_empty(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.rename(path.with_name("elsewhere"))
    writer = InvocationWriter(path)
    writer.start()
    writer.add(record())
    assert not await writer.flush()
    await writer.close()
    assert not path.exists()
    assert writer.state.waiting == 1


async def test_a_record_that_no_table_takes_does_not_take_the_others_with_it(path: Path) -> None:
    writer = InvocationWriter(path, interval_s=60)
    writer.start()
    double = record()
    for made in (double, double, record(memory_kb=2**70), record()):
        writer.add(made)
    assert await writer.flush()
    assert count(path) == 2
    assert writer.state == WriterState(None, 0, 2)
    await writer.close()


async def test_what_is_kept_by_itself_is_not_tried_again_when_the_next_has_to_wait(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert, tries = InvocationWriter._insert, 0

    def full_once(self: InvocationWriter, connection: sqlite3.Connection, batch: list[InvocationRecord]) -> None:
        nonlocal tries
        tries += 1
        if tries == 4:
            raise sqlite3.OperationalError("database or disk is full")
        insert(self, connection, batch)

    monkeypatch.setattr(InvocationWriter, "_insert", full_once)
    writer = InvocationWriter(path, interval_s=60)
    writer.start()
    double = record()
    for made in (double, double, record(), record()):
        writer.add(made)
    assert not await writer.flush()
    assert await writer.flush()
    # One is there twice, and none is lost.
    assert writer.state == WriterState(None, 0, 1)
    assert count(path) == 3
    await writer.close()
    assert await writer.flush()


async def test_a_file_that_is_no_database_keeps_nobody_waiting(path: Path) -> None:
    path.write_bytes(b"nonsense" * 1024)
    writer = InvocationWriter(path)
    writer.start()
    writer.add(record())
    async with asyncio.timeout(60):
        assert not await writer.flush()
    assert writer.state.problem == "file is not a database"
    assert writer.state.waiting == 1
    await writer.close()


async def test_bytes_are_bounded_too(path: Path) -> None:
    writer = InvocationWriter(path, interval_s=60, max_bytes=10_000)
    for _ in range(10):
        writer.add(record(has_body=True, input=b"x" * 4000))
    assert writer.state == WriterState(None, 2, 8)


async def test_text_is_kept_as_text(path: Path) -> None:
    writer = InvocationWriter(path, max_log_bytes=200)
    writer.start()
    writer.add(
        record(
            has_body=True,
            http_path="/\udcff",
            input="aé€🎉".encode()[:-1],
            input_truncated=True,
            output=b'"\xff"',
            error_type="X\ud800",
            error_message="\x1b[31m" + "m" * 100_000,
            logs=[("stdout", "[@click=app.quit]\ud800", 1), ("stderr", "y" * 100, 2), ("stdout", "z" * 100, 3)],
        )
    )
    assert await writer.flush()
    await writer.close()
    ((given, answer, message, logs, cut),) = ask(
        path, "SELECT input, output, error_message, logs, logs_truncated FROM invocation_body"
    )
    assert (given, answer) == ("aé€", '"�"')
    assert isinstance(message, str)
    assert message.startswith("\x1b[31mmmm")
    assert len(message) == 16 * 1024
    assert json.loads(str(logs)) == [["stdout", "[@click=app.quit]\ud800", 1], ["stderr", "y" * 100, 2]]
    assert cut == 1


@pytest.mark.parametrize("length", range(12))
def test_a_prefix_ends_with_a_whole_character(length: int) -> None:
    text = "aé€🎉z🎉"
    prefix = record(has_body=True, input=text.encode()[:length], input_truncated=True).body(0)[1]
    assert text.startswith(prefix)
    assert len(text.encode()) - len(prefix.encode()) >= 0
    assert length - len(prefix.encode()) < 4


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (b'{"headers": {"authorization": "Bearer s3cret"}}', b'{"headers": {"authorization": "****"}}'),
        (b'{"Authorization":"s3cret","a":1}', b'{"Authorization":"****","a":1}'),
        (b'{"cookie":"s=s3cret; t=\\"s3cret\\"","a":"b"}', b'{"cookie":"****","a":"b"}'),
        (b'{"cookies":{"s":"s3cret","t":"s3}cret"},"a":1}', b'{"cookies":"****","a":1}'),
        (b'{"Set-Cookie":["s3cret","s3]cret"],"a":[1]}', b'{"Set-Cookie":"****","a":[1]}'),
        (b'{"authorization":"s3cret with an escape at the cut \\', b'{"authorization":"****"'),
        (b'{"cookies":{"s":"s3cr', b'{"cookies":"****"'),
        (b'{"cookies":{},"a":1}', b'{"cookies":{},"a":1}'),
        (b'{"cookies": { },"cookie":[],"Cookies":{"s":1}}', b'{"cookies": { },"cookie":[],"Cookies":"****"}'),
        (b'{"authorization":', b'{"authorization":'),
        (b'{"authorization":null,"x":"cookie"}', b'{"authorization":null,"x":"cookie"}'),
        (b'{"author":"me","body":"cookie: none"}', b'{"author":"me","body":"cookie: none"}'),
    ],
)
def test_what_authenticates_is_masked(text: bytes, masked: bytes) -> None:
    assert mask(text) == masked


def test_masking_takes_no_longer_than_reading() -> None:
    hostile = b'{"cookie":"' + b"\\" * 200_000 + b'"cookies":{' + b'"a' * 100_000
    assert b"cookie" in mask(hostile)


def test_half_characters_are_replaced() -> None:
    assert clean("a\ud800b") == "a?b"
    assert clean(None) is None
