"""The driver on a real engine: the stream, ends of every kind, and that nothing is left."""

import asyncio
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
from docker_support import ECHO, PATIENCE_S, STUBBORN, Recorder, SpecMaker, eventually

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes.base import Enforced, SandboxExit
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL
from clowdy_tui.engine.sandboxes.docker_images import REPOSITORY, hash_of
from clowdy_tui.engine.sandboxes.docker_sandbox import DockerSandbox
from tests.docker_traces import left_in_docker

pytestmark = pytest.mark.docker


async def test_what_is_written_comes_back(driver: DockerDriver, spec: SpecMaker, recorder: Recorder) -> None:
    sandbox = await driver.start(spec(), recorder)
    sandbox.write(b"hello")
    await recorder.until(lambda: recorder.data == b"hello" and recorder.output == b"up")
    assert not recorder.exits


async def test_a_megabyte_each_way_in_one_write(driver: DockerDriver, spec: SpecMaker, recorder: Recorder) -> None:
    sandbox = await driver.start(spec(), recorder)
    sent = os.urandom(1 << 20)
    sandbox.write(sent)
    await recorder.until(lambda: len(recorder.data) >= len(sent))
    assert recorder.data == sent


async def test_a_program_that_does_not_read_pauses_the_writer(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient
) -> None:
    reads_when_told = "import os, signal, time\nsignal.signal(signal.SIGTERM, lambda *_: None)\nos.write(2, b'up')\n"
    reads_when_told += "signal.pause()\nleft = 8 << 20\nwhile left: left -= len(os.read(0, 65536))\nos.write(1, b'all')"
    sandbox = await driver.start(spec(reads_when_told), recorder)
    await recorder.is_up()
    sandbox.write(bytes(8 << 20))
    await recorder.until(lambda: recorder.pauses == ["pause"])
    await asyncio.to_thread(engine.api.kill, sandbox.container, "SIGTERM")
    await recorder.until(lambda: recorder.data == b"all")
    assert recorder.pauses == ["pause", "resume"]


async def test_a_paused_reader_stops_the_program_and_loses_nothing(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder
) -> None:
    floods = "import os\nblock = bytes(65536)\nfor n in range(1024):\n os.write(1, block)\n os.write(2, b'.')"
    sandbox = await driver.start(spec(floods), recorder)
    await recorder.until(lambda: len(recorder.data) > 0)
    sandbox.pause_reading()
    before = len(recorder.data)
    with pytest.raises(TimeoutError):
        await recorder.until(lambda: bool(recorder.exits), patience_s=0.5)
    assert len(recorder.data) == before < 64 << 20
    sandbox.resume_reading()
    assert await recorder.exited() == SandboxExit(0)
    assert (len(recorder.data), len(recorder.output)) == (64 << 20, 1024)


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("raise SystemExit(3)", 3),
        ("import os; os._exit(0)", 0),
        ("import ctypes; ctypes.string_at(0)", -signal.SIGSEGV),
    ],
)
async def test_how_it_ended_is_told_once_after_the_last_bytes(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, program: str, code: int
) -> None:
    sandbox = await driver.start(spec(f"import os\nos.write(1, b'last')\n{program}"), recorder)
    assert await recorder.exited() == SandboxExit(code)
    assert recorder.data == b"last"
    async with asyncio.timeout(PATIENCE_S):
        await sandbox.gone.wait()
    await sandbox.kill()
    assert len(recorder.exits) == 1
    sandbox.write(b"dropped")


BOMB = "import os\nos.write(2, b'up')\nos.read(0, 1)\nkept = []\nwhile True: kept.append(bytearray(1 << 20))"


async def test_too_much_memory_is_told_apart(driver: DockerDriver, spec: SpecMaker, recorder: Recorder) -> None:
    sandbox = await driver.start(spec(BOMB, memory_mb=32), recorder)
    sandbox.write(b"!")
    assert await recorder.exited() == SandboxExit(-9, out_of_memory=True)


async def test_too_much_memory_is_told_also_where_the_state_does_not_say_it(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the engine hears of the end before it hears of the memory."""
    of_engine = DockerSandbox._state

    async def without_memory(sandbox: DockerSandbox) -> Mapping[str, Any]:
        return {**await of_engine(sandbox), "OOMKilled": False}

    monkeypatch.setattr(DockerSandbox, "_state", without_memory)
    sandbox = await driver.start(spec(BOMB, memory_mb=32), recorder)
    sandbox.write(b"!")
    assert await recorder.exited() == SandboxExit(-9, out_of_memory=True)


async def test_one_that_somebody_kills_from_outside_is_not_out_of_memory(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient
) -> None:
    sandbox = await driver.start(spec(STUBBORN), recorder)
    await recorder.is_up()
    await asyncio.to_thread(engine.api.kill, sandbox.container)
    assert await recorder.exited() == SandboxExit(-9, out_of_memory=False)


async def test_one_that_ends_as_if_killed_is_not_out_of_memory(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder
) -> None:
    await driver.start(spec("import os; os._exit(137)"), recorder)
    assert await recorder.exited() == SandboxExit(-9, out_of_memory=False)


async def test_a_killed_one_is_gone_at_once_and_its_output_kept(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient, installation: str
) -> None:
    sandbox = await driver.start(spec(STUBBORN), recorder)
    await recorder.is_up()
    await asyncio.gather(sandbox.kill(), sandbox.kill())
    assert recorder.exits == [SandboxExit(-9)]
    assert not left_in_docker(engine, installation)
    await sandbox.kill()
    assert len(recorder.exits) == 1


async def test_a_start_that_nobody_waits_for_leaves_nothing(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient, installation: str
) -> None:
    await driver.prepare(spec.root)
    started = asyncio.create_task(driver.start(spec(STUBBORN), recorder))
    await eventually(lambda: bool(left_in_docker(engine, installation)))
    started.cancel()
    with pytest.raises(asyncio.CancelledError):
        await started
    await eventually(lambda: not left_in_docker(engine, installation))


async def test_a_program_that_is_not_there_is_said(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient, installation: str
) -> None:
    wrong = spec()
    object.__setattr__(wrong, "argv", ("/no/such/program",))
    with pytest.raises(DriverUnavailable, match="/no/such/program"):
        await driver.start(wrong, recorder)
    assert not recorder.exits
    assert not left_in_docker(engine, installation)


async def test_a_container_that_somebody_removes_is_noticed(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient
) -> None:
    sandbox = await driver.start(spec(STUBBORN), recorder)
    await asyncio.to_thread(engine.api.remove_container, sandbox.container, force=True)
    assert (await recorder.exited()).out_of_memory is False
    await sandbox.kill()
    assert len(recorder.exits) == 1


async def test_peak_memory_is_what_was_used(driver: DockerDriver, spec: SpecMaker, recorder: Recorder) -> None:
    uses = "import os\nfull = bytearray(b'x') * (24 << 20)\ndel full\nos.write(1, b'used')\nos.read(0, 1)"
    sandbox = await driver.start(spec(uses), recorder)
    await recorder.until(lambda: recorder.data == b"used")
    peak = await sandbox.peak_memory_kb()
    assert peak is not None
    assert 24 << 10 <= peak <= 64 << 10
    sandbox._peak_file, sandbox._peak_known_missing = None, True  # as where the engine runs in a virtual machine
    asked = await sandbox.peak_memory_kb()
    assert asked is not None
    assert asked >= peak
    await sandbox.kill()
    assert await sandbox.peak_memory_kb() == asked


async def test_many_at_once(driver: DockerDriver, spec: SpecMaker) -> None:
    recorders = [Recorder() for _ in range(8)]
    sandboxes = await asyncio.gather(*(driver.start(spec(), recorder) for recorder in recorders))
    for number, sandbox in enumerate(sandboxes):
        sandbox.write(b"%d" % number)
    for number, recorder in enumerate(recorders):
        await recorder.until(lambda recorder=recorder: bool(recorder.data))
        assert recorder.data == b"%d" % number


async def test_closing_ends_all_also_what_is_being_started(
    spec: SpecMaker, engine: docker.DockerClient, installation: str
) -> None:
    driver = DockerDriver(installation_id=installation)
    await driver.prepare(spec.root)
    recorders = [Recorder() for _ in range(3)]
    await driver.start(spec(STUBBORN), recorders[0])
    await driver.start(spec(STUBBORN, network=True), recorders[1])
    last = asyncio.create_task(driver.start(spec(STUBBORN), recorders[2]))
    await eventually(lambda: len(left_in_docker(engine, installation)) > 3)
    await driver.close()
    assert not left_in_docker(engine, installation)
    assert [recorder.exits for recorder in recorders[:2]] == [[SandboxExit(-9)], [SandboxExit(-9)]]
    (outcome,) = await asyncio.gather(last, return_exceptions=True)
    assert isinstance(outcome, DriverUnavailable) or recorders[2].exits == [SandboxExit(-9)]
    with pytest.raises(DriverUnavailable, match="closed"):
        await driver.start(spec(), recorders[0])


KILLED_PROCESS = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from docker_support import STUBBORN, Recorder, SpecMaker
from clowdy_tui.engine.sandboxes.docker import DockerDriver

async def main():
    driver, spec = DockerDriver(installation_id={installation!r}), SpecMaker(Path({root!r}))
    for program, network in ((STUBBORN, False), (STUBBORN, True), ("import os; os.read(0, 1)", False)):
        await driver.start(spec(program, network=network), Recorder())
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_what_a_killed_process_left_is_swept(
    driver: DockerDriver, spec: SpecMaker, recorder: Recorder, engine: docker.DockerClient, installation: str
) -> None:
    program = KILLED_PROCESS.format(folder=str(Path(__file__).parent), installation=installation, root=str(spec.root))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert await process.stdout.readline() == b"ready\n"
    process.kill()
    await process.wait()
    foreign = engine.api.create_container(
        f"{REPOSITORY}:{hash_of(spec.root)[:16]}", ["x"], labels={INSTALLATION_LABEL: f"{installation}-another"}
    )
    try:
        assert len(left_in_docker(engine, installation)) == 4
        mine = await driver.start(spec(), recorder)
        assert await driver.sweep() == 3
        assert left_in_docker(engine, installation) == [f"container {mine.container[:12]} running"]
        assert await driver.sweep() == 0
        assert not recorder.exits
        await driver.close()
        assert engine.api.inspect_container(foreign["Id"])["State"]["Status"] == "created"
    finally:
        engine.api.remove_container(foreign["Id"])


async def test_an_image_that_somebody_deleted_is_made_again(
    driver: DockerDriver, spec: SpecMaker, engine: docker.DockerClient, installation: str, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    await asyncio.to_thread(shutil.copytree, spec.root, root, symlinks=True, copy_function=os.link)
    (root / "etc/of-this-test").write_text(installation)
    await driver.prepare(root)
    tag = f"{REPOSITORY}:{hash_of(root)[:16]}"
    made = engine.images.get(tag)
    assert made.labels[INSTALLATION_LABEL] == installation
    again = DockerDriver(installation_id=installation)
    await again.prepare(root)
    await again.close()
    assert engine.images.get(tag).id == made.id
    await asyncio.to_thread(engine.images.remove, tag)
    recorder = Recorder()
    sandbox = await driver.start(spec(root=root), recorder)
    await recorder.is_up()
    await sandbox.kill()
    again_made = engine.images.get(tag)
    assert again_made.id != made.id
    # And where packages are to be laid on it.
    await asyncio.to_thread(engine.images.remove, tag)
    layer = tmp_path / installation
    layer.mkdir()
    (layer / "module.py").write_text("")
    await driver.prepare(root, layer)
    assert engine.images.get(tag).id != again_made.id


async def test_a_runtime_that_cannot_be_read_is_said(driver: DockerDriver, tmp_path: Path) -> None:
    with pytest.raises(DriverUnavailable, match="cannot be read"):
        await driver.prepare(tmp_path / "nothing")


async def test_check_tells_what_is_enforced(driver: DockerDriver) -> None:
    status = await driver.check()
    assert (status.name, status.available, status.problem) == ("docker", True, "")
    assert Enforced.FILES in status.enforced
    other = DockerDriver(installation_id="x", oci_runtime="no-such-runtime")
    status = await other.check()
    assert not status.available
    assert "no-such-runtime" in status.problem
    await other.close()


async def test_the_same_program_is_what_echo_says(driver: DockerDriver, spec: SpecMaker, recorder: Recorder) -> None:
    """The stream stays in order over many small writes."""
    sandbox = await driver.start(spec(ECHO), recorder)
    expected = b"".join(b"%d," % number for number in range(2000))
    for number in range(2000):
        sandbox.write(b"%d," % number)
    await recorder.until(lambda: len(recorder.data) == len(expected))
    assert recorder.data == expected
