"""The channel past the engine: what the runner and the host say by it, and what happens where there is none."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest
import uvloop
from docker_support import Recorder, SpecMaker, eventually

from clowdy_tui.engine import protocol
from clowdy_tui.engine.sandboxes import docker as docker_module
from clowdy_tui.engine.sandboxes import docker_direct
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from clowdy_tui.engine.sandboxes.docker_direct import DirectChannel
from clowdy_tui.engine.sandboxes.docker_engine import EngineRefused
from clowdy_tui.engine.sandboxes.docker_sandbox import DockerSandbox

READY = b"\0\0\0\2" + bytes([protocol.READY, protocol.VERSION])


class Told(Recorder):
    """The recorder as a direct channel knows it. `order` is what came, first to last."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[bytes] = []
        self.states: list[str] = []
        self.channel: DirectChannel | None = None

    def data_received(self, data: bytes) -> None:
        # As whoever listens to a runner does before a line of its log.
        assert self.channel is not None
        self.channel.catch_up()
        self.order.append(data)
        super().data_received(data)

    def raw_received(self, data: bytes) -> None:
        self.order.append(data)
        self.output_received("stderr", data)

    def direct_opened(self) -> None:
        self.states.append("opened")
        self.changed.set()

    def direct_closed(self) -> None:
        self.states.append("closed")
        self.changed.set()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def channel(tmp_path: Path, told: Told) -> AsyncIterator[DirectChannel]:
    channel = DirectChannel(tmp_path / "c")
    told.channel = channel
    channel.listen(told)
    yield channel
    channel.close()
    assert not (tmp_path / "c").exists()


@dataclass
class Runner:
    """What a runner has: its socket, the end of the pipe that it writes to, its mailbox."""

    connection: socket.socket
    output: int
    mailbox: socket.socket


def say_hello(connection: socket.socket) -> Runner:
    output, inner = os.pipe()
    theirs, mailbox = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(connection, [b"\1"], [output, theirs.fileno(), mailbox.fileno()])
    os.close(output)
    return Runner(connection, inner, mailbox)


@pytest.fixture
def runner(channel: DirectChannel) -> Iterator[Runner]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(channel.folder / "channel"))
        runner = say_hello(connection)
        yield runner
        os.close(runner.output)
        runner.mailbox.close()


async def test_raw_output_comes_before_the_frame_that_was_written_after_it(
    channel: DirectChannel, told: Told, runner: Runner
) -> None:
    await told.until(lambda: told.states == ["opened"])
    for _ in range(20):
        os.write(runner.output, b"raw")
        runner.connection.sendall(b"frame")
        await told.until(lambda: b"frame" in told.order)
        assert told.order == [b"raw", b"frame"]
        told.order.clear()


async def test_what_is_written_comes_by_the_mailbox_and_what_is_long_by_the_stream(
    channel: DirectChannel, told: Told, runner: Runner
) -> None:
    assert not channel.queues
    await told.until(lambda: told.states == ["opened"])
    assert channel.queues
    channel.write(b"call")
    channel.write(b"x" * 20_000)
    channel.write(b"another")
    assert [runner.mailbox.recv(100) for _ in range(2)] == [b"call", (20_000).to_bytes(4, "big")]
    assert channel.take_back() == [b"another"]
    assert runner.connection.recv(20_000, socket.MSG_WAITALL) == b"x" * 20_000


async def test_one_alone_is_let_in(channel: DirectChannel, told: Told, runner: Runner) -> None:
    await told.until(lambda: told.states == ["opened"])
    with socket.socket(socket.AF_UNIX) as second, pytest.raises(ConnectionRefusedError):
        second.connect(str(channel.folder / "channel"))


async def test_its_end_is_told_after_the_last_bytes(channel: DirectChannel, told: Told, runner: Runner) -> None:
    await told.until(lambda: told.states == ["opened"])
    runner.connection.sendall(b"frame")
    os.write(runner.output, b"raw")
    runner.connection.shutdown(socket.SHUT_RDWR)
    await told.until(lambda: told.states == ["opened", "closed"])
    assert sorted(told.order) == [b"frame", b"raw"]


@pytest.mark.parametrize("first", [b"\1", b"x"], ids=["nothing with it", "another byte"])
async def test_who_does_not_begin_as_a_runner_is_shown_out(channel: DirectChannel, told: Told, first: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(channel.folder / "channel"))
        connection.sendall(first)
        connection.setblocking(False)
        async with asyncio.timeout(60):
            assert await asyncio.get_running_loop().sock_recv(connection, 1) == b""
    assert told.states == []


async def test_a_channel_that_nobody_opened_is_closed(tmp_path: Path) -> None:
    channel = DirectChannel(tmp_path / "c")
    channel.write(b"nobody reads this")
    channel.close()
    channel.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("new_loop", [uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def test_closed_at_any_moment_of_its_opening_it_closes_each_descriptor_once(
    tmp_path: Path, told: Told, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def close_after(turns: int) -> str:
        channel = DirectChannel(tmp_path / "c")
        channel.listen(told)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(channel.folder / "channel"))
            runner = say_hello(connection)
            runner.mailbox.close()
            for _ in range(turns):
                await asyncio.sleep(0)
            reached = "open" if channel.is_open else "opening" if channel._opening else "waiting"
            channel.close()
            # Whoever opens something now gets the numbers that are free: a second close would hit these.
            others = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]
            if channel._opening is not None:
                await asyncio.wait([channel._opening])
            connection.setblocking(False)
            async with asyncio.timeout(60):
                with suppress(ConnectionResetError):
                    assert await asyncio.get_running_loop().sock_recv(connection, 1) == b""
            for other in others:
                os.close(other)
            os.close(runner.output)
        return reached

    async def close_at_each() -> set[str]:
        await close_after(11)  # what a loop opens for itself is open now
        before = len(list(Path("/proc/self/fd").iterdir()))
        reached = {await close_after(turns) for turns in range(12)}
        assert len(list(Path("/proc/self/fd").iterdir())) == before
        return reached

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(close_at_each()) == {"waiting", "opening", "open"}


@pytest.mark.docker
@pytest.mark.parametrize("direct", [True, False])
async def test_the_runner_comes_up_with_it_and_without(
    installation: str, spec: SpecMaker, recorder: Recorder, direct: bool, engine: docker.DockerClient
) -> None:
    driver = DockerDriver(installation_id=installation, direct=direct)
    try:
        sandbox = await driver.start(spec.of_runner(), recorder)
        await recorder.until(lambda: bytes(recorder.data) == READY)
        assert _is_direct(sandbox) is direct
        mounts = engine.containers.get(sandbox.container).attrs["Mounts"]
        assert [(mount["Destination"], mount["RW"]) for mount in mounts] == [(docker_direct.PLACE, False)] * direct
        await sandbox.kill()
        assert [how.code for how in recorder.exits] == [-9]
        # Whoever tidies up on the machine may take the folder.
        for folder in _folders(installation):
            shutil.rmtree(folder)
        recorder.data.clear()
        sandbox = await driver.start(spec.of_runner(), recorder)
        await recorder.until(lambda: bytes(recorder.data) == READY)
        assert _is_direct(sandbox) is direct
    finally:
        await driver.close()
    assert _folders(installation) == []


@pytest.mark.docker
async def test_an_engine_that_does_not_see_this_machines_files_carries_the_channel(
    installation: str, spec: SpecMaker, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = docker_module._create_container
    asked: list[int] = []

    def elsewhere(config: dict[str, dict[str, list[dict[str, str]]]], client: docker.APIClient) -> str:
        mounts = config["HostConfig"]["Mounts"]
        asked.append(len(mounts))
        if mounts:
            raise EngineRefused(400, f"bind source path does not exist: {mounts[0]['Source']}")
        return create(config, client)

    monkeypatch.setattr(docker_module, "_create_container", elsewhere)
    driver = DockerDriver(installation_id=installation)
    try:
        for _ in range(2):
            sandbox = await driver.start(spec.of_runner(), recorder)
            await recorder.until(lambda: bytes(recorder.data) == READY)
            assert not _is_direct(sandbox)
            recorder.data.clear()
    finally:
        await driver.close()
    # Tried once, and not again.
    assert asked == [1, 0, 0]


@pytest.mark.docker
async def test_what_a_killed_gateway_left_of_it_is_swept(installation: str, driver: DockerDriver) -> None:
    code = (
        "import tempfile; from clowdy_tui.engine.sandboxes import leftovers\n"
        f"print(tempfile.mkdtemp(prefix=leftovers.prefix({installation!r}), dir=leftovers.PLACE))"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, check=True)
    left = Path(done.stdout.decode().strip())
    assert left.is_dir()
    await driver.sweep()
    await eventually(lambda: not left.exists())


def _is_direct(sandbox: DockerSandbox) -> bool:
    return sandbox._direct is not None and sandbox._direct.is_open


def _folders(installation: str) -> list[Path]:
    return list(Path("/var/tmp").glob(f"clowdy-{installation}-*"))
