"""The mailbox: what is in it is had once, by the runner or by us; nothing that its other end does holds us up."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from clowdy_tui.engine.sandboxes import mailbox
from clowdy_tui.engine.sandboxes.mailbox import MESSAGE_BYTES, Mailbox


@pytest.fixture
def runner() -> Iterator[socket.socket]:
    """The runner's end, as code in the sandbox has it: another descriptor of the same socket."""
    ours, theirs = mailbox.pair()
    ends.append((ours, theirs))
    with theirs.dup() as shared:
        yield shared
    ends.clear()
    shut.clear()


ends: list[tuple[socket.socket, socket.socket]] = []
shut: list[bool] = []


@pytest.fixture
async def box(runner: socket.socket) -> Mailbox:
    return Mailbox(*ends[0], lambda: shut.append(True))


async def test_messages_come_one_by_one_in_order(box: Mailbox, runner: socket.socket) -> None:
    box.post(b"one")
    box.post(b"two")
    assert [os.read(runner.fileno(), 100) for _ in range(2)] == [b"one", b"two"]
    box.close()


async def test_what_the_runner_has_not_taken_is_ours_again(box: Mailbox, runner: socket.socket) -> None:
    for message in (b"one", b"two", b"x" * MESSAGE_BYTES):
        box.post(message)
    assert os.read(runner.fileno(), 100) == b"one"
    assert box.take_back() == [b"two", b"x" * MESSAGE_BYTES]
    assert box.take_back() == []
    box.post(b"four")
    assert os.read(runner.fileno(), 100) == b"four"
    box.close()


async def test_what_may_wait_is_sent_with_the_rest_of_this_turn(box: Mailbox, runner: socket.socket) -> None:
    runner.setblocking(False)
    box.post_soon(b"one")
    box.post(b"two")
    with pytest.raises(BlockingIOError):
        runner.recv(100)
    await asyncio.sleep(0)
    assert [runner.recv(100), runner.recv(100)] == [b"one", b"two"]
    box.post_soon(b"three")
    assert box.take_back() == [b"three"]
    await asyncio.sleep(0)
    with pytest.raises(BlockingIOError):
        runner.recv(100)
    box.close()


async def test_what_finds_no_room_comes_later_and_in_order(box: Mailbox, runner: socket.socket) -> None:
    sent = [bytes([number]) * MESSAGE_BYTES for number in range(100)]
    for message in sent:
        box.post(message)
    got: list[bytes] = []
    runner.setblocking(False)
    async with asyncio.timeout(30):
        while len(got) < len(sent):
            try:
                got.append(runner.recv(MESSAGE_BYTES + 1))
            except BlockingIOError:
                await asyncio.sleep(0.001)
    assert got == sent
    for message in sent:
        box.post(message)
    assert box.take_back() == sent
    box.close()


async def test_a_runner_that_makes_its_end_block_does_not_block_us(box: Mailbox, runner: socket.socket) -> None:
    os.set_blocking(runner.fileno(), True)
    assert box.take_back() == []
    for _ in range(300):
        box.post(b"x" * MESSAGE_BYTES)
    assert len(box.take_back()) == 300
    box.close()


async def test_a_runner_that_shuts_its_end_is_told_of(box: Mailbox, runner: socket.socket) -> None:
    runner.shutdown(socket.SHUT_RDWR)
    box.post(b"one")
    assert shut == [True]
    box.close()
    box.close()


async def test_the_end_of_ours_is_the_end_of_what_comes(box: Mailbox, runner: socket.socket) -> None:
    box.post(b"last")
    box.close()
    assert os.read(runner.fileno(), 100) == b"last"
    assert os.read(runner.fileno(), 100) == b""
