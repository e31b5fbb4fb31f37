"""A data folder on a disk that is full: what goes on, what is refused and how it is told, and that nothing is lost."""

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clowdy_tui.client import ApiError, Clowdy
from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.domain.packages import BuildFailed, read_requirements
from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch
from clowdy_tui.engine.layers import LayerStore, LayerTarget
from clowdy_tui.engine.runtime import RuntimeStore
from tests.cli.conftest import Cli, Served
from tests.conftest import open_folder

Serve = Callable[..., Served]

RUNTIMES = Path(__file__).parents[2] / "runtimes"
CODE = "def handler(event):\n    print('line', event)\n    return event\n"
CALLS = 30

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


@contextmanager
def small_disk(place: Path, mib: int) -> Iterator[Path]:
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def disk(scratch: Path) -> Iterator[Path]:
    with small_disk(open_folder(scratch) / "disk", 12) as place:
        yield place


@pytest.fixture
def cli(disk: Path, trees: Path) -> Cli:
    """On that disk; the runtime's tree alone, which is larger, lies elsewhere."""
    (disk / "data").mkdir()
    (disk / "data" / "runtimes").symlink_to(trees)
    return Cli(disk / "data")


def fill(disk: Path) -> Path:
    full = disk / "filled"
    with full.open("wb", buffering=0) as file:
        for size in (1 << 16, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    return full


async def refused(change: Awaitable[object]) -> str:
    with pytest.raises(ApiError) as told:
        await change
    assert told.value.status == 503, told.value
    return told.value.detail


async def test_calls_go_on_and_nothing_is_lost(cli: Cli, serve: Serve, disk: Path) -> None:
    served = serve("--port", "0")
    async with Clowdy(socket=Path(served.report["socket"])) as client:
        project = await client.projects.create("shop")
        function = await client.functions.create(FunctionIn(name="f", code=CODE, project_id=project.id))
        answered = [(await client.invoke(function.id, 0)).invocation_id]
        assert (await client.health()).log_problem is None
        filled = fill(disk)

        # Functions answer as before: the log of their calls waits in memory.
        for number in range(CALLS):
            answer = await client.invoke(function.id, number)
            assert (answer.status, answer.output) == ("success", number)
            answered.append(answer.invocation_id)
        async with asyncio.timeout(30):
            while (problem := (await client.health()).log_problem) is None:
                await asyncio.sleep(0.02)
        assert "full" in problem
        assert "wait in memory" in problem
        assert "cannot be written" in (await asyncio.to_thread(cli, "status")).out
        assert "its disk is full" in (await asyncio.to_thread(cli, "doctor")).out

        # What would have to be kept is refused with the reason, and what was there stays.
        large = CODE + "#" * 100_000
        assert "full" in await refused(client.functions.update(function.id, FunctionPatch(code=large)))
        assert "full" in await refused(client.functions.create(FunctionIn(name="g", code=large, project_id=project.id)))
        assert "full" in await refused(client.variables.set(project.id, "A", "v" * 10_000))
        told = await asyncio.to_thread(cli, "env", "set", "shop", "A=" + "v" * 10_000, code=1)
        assert "full" in told.err
        assert (await client.functions.get(function.id)).active_version == 1
        assert (await client.invoke(function.id, "still")).output == "still"

        # Room again, and all is as if nothing had been.
        filled.unlink()
        async with asyncio.timeout(30):
            while (await client.health()).log_problem is not None:
                await asyncio.sleep(0.02)
            while True:
                kept = {call.id for call in await client.functions.invocations(function.id, limit=200)}
                if kept >= {*answered}:
                    break
                await asyncio.sleep(0.02)
        assert [line.text for line in (await client.invocations.get(answered[-1])).logs] == [f"line {CALLS - 1}"]
        assert (await client.functions.update(function.id, FunctionPatch(code=large))).active_version == 2
        assert (await client.invoke(function.id, 2)).version == 2
    code, said = served.stop()
    assert code == 0, said
    assert "Traceback" not in said


def test_a_start_without_room_says_so(cli: Cli, disk: Path) -> None:
    filled = fill(disk)
    answer = cli.apart("serve", "--port", "0")
    assert answer.code == 1
    assert "No space left on device" in answer.err or "full" in answer.err
    assert "--data-dir" in answer.err
    assert "Traceback" not in answer.err
    filled.unlink()
    # Nothing of the try is in the way.
    served = Served(cli, "--port", "0")
    code, said = served.stop()
    assert code == 0, said


async def test_a_runtime_that_finds_no_room_is_told_and_leaves_nothing(disk: Path) -> None:
    store = RuntimeStore(disk / "runtimes", RUNTIMES)
    with pytest.raises(DriverUnavailable, match=r"No space left on device.*has 150 MB free"):
        await store.root_tree("python")
    assert list((disk / "runtimes").iterdir()) == []


@pytest.mark.slow
async def test_a_layer_that_finds_no_room_is_told_and_leaves_nothing(disk: Path) -> None:
    store = LayerStore(disk / "layers", LayerTarget.of_host())
    with pytest.raises(BuildFailed, match="No space left on device"):
        await store.build(read_requirements("numpy"), on_progress=lambda _: None)
    left = [path.name for path in (disk / "layers").iterdir() if not path.name.startswith(".cache")]
    assert left == []
