"""A gateway that is killed at work, on either driver: what the next start finds of it, and of what it had answered."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clowdy_tui.client import Clowdy, GatewayGone
from clowdy_tui.domain.schemas import FunctionIn, FunctionPatch
from clowdy_tui.engine.sandboxes.docker_container import SANDBOX_LABEL
from tests.cli.conftest import Cli, Served
from tests.docker_traces import docker_client, look_for_engine

Serve = Callable[..., Served]

CALLERS = 6
LOSES_S = 0.1
"""How much of the log a kill may cost, on a machine that lets the gateway run."""
CODE = """
import time
def handler(event):
    print("line", event)
    time.sleep(0.01)
    return {"n": event, "version": VERSION}
"""


@dataclass
class Work:
    """What a gateway has answered: calls by id with the moment of the answer, and the versions that it has saved."""

    function: str = ""
    answered: dict[str, float] = field(default_factory=dict)
    saved: dict[int, str] = field(default_factory=dict)


class Held:
    """How long a process was kept waiting for a processor, all its threads together, by the kernel's own count."""

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._seen: list[tuple[float, float]] = []
        self.look()

    def look(self) -> None:
        waited_ns = 0
        for entry in self._tasks.glob("*/schedstat"):
            # A thread may have ended by now.
            with suppress(OSError):
                waited_ns += int(entry.read_text().split()[1])
        self._seen.append((time.monotonic(), waited_ns / 1e9))

    async def watch(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(0.01)

    def since(self, moment: float) -> float:
        """Seconds from this moment, by `time.monotonic()`, to the last look."""
        before = next((waited for at, waited in reversed(self._seen) if at <= moment), self._seen[0][1])
        return self._seen[-1][1] - before


async def work(client: Clowdy, done: Work) -> None:
    """Calls and saves until the gateway is gone."""

    async def calls() -> None:
        number = 0
        while True:
            answer = await client.invoke(done.function, number)
            done.answered[answer.invocation_id] = time.monotonic()
            assert answer.status == "success", answer
            number += 1

    async def saves() -> None:
        for number in range(2, 10_000):
            code = CODE.replace("VERSION", str(number))
            saved = await client.functions.update(done.function, FunctionPatch(code=code))
            assert saved.active_version == number
            done.saved[number] = code
            # Often, but not so often that no version gets to answer anything.
            goal = len(done.answered) + 5 * CALLERS
            while len(done.answered) < goal:
                await asyncio.sleep(0.01)

    saving = asyncio.create_task(saves())
    ends = await asyncio.gather(*(calls() for _ in range(CALLERS)), return_exceptions=True)
    saving.cancel()
    ends += await asyncio.gather(saving, return_exceptions=True)
    assert all(isinstance(end, GatewayGone | asyncio.CancelledError) for end in ends), ends


@pytest.fixture(params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def cli(request: pytest.FixtureRequest, prepared_dir: Path) -> Cli:
    driver: str = request.param
    if driver == "docker":
        status = asyncio.run(look_for_engine())
        if not status.available:
            if os.environ.get("CLOWDY_TEST_DOCKER") == "required":
                pytest.fail(f"CLOWDY_TEST_DOCKER=required, but {status.problem}")
            pytest.skip(status.problem)
    return Cli(prepared_dir, {"CLOWDY_DRIVER": driver})


def alive(sandboxes: set[str], driver: str) -> list[str]:
    """What there is of these sandboxes: processes, control groups, containers."""
    found = [str(Path(folder, name)) for folder, names, _ in os.walk("/sys/fs/cgroup") for name in sandboxes & {*names}]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        found += [f"process {entry.parent.name}" for one in sandboxes if any(w.endswith(one.encode()) for w in words)]
    if driver == "docker":
        with closing(docker_client()) as client:
            found += [
                f"container {container['Id'][:12]}"
                for container in client.api.containers(all=True, filters={"label": SANDBOX_LABEL})
                if container["Labels"][SANDBOX_LABEL] in sandboxes
            ]
    return found


@pytest.mark.slow
async def test_a_gateway_killed_under_load(cli: Cli, serve: Serve) -> None:
    driver = cli.env["CLOWDY_DRIVER"]
    first = serve("--port", "0")
    done = Work()
    async with Clowdy(socket=Path(first.report["socket"])) as client:
        made = await client.functions.create(FunctionIn(name="busy", code=CODE.replace("VERSION", "1")))
        done.function = made.id
        working = asyncio.create_task(work(client, done))
        async with asyncio.timeout(60):
            while len(done.answered) < 200 or len(done.saved) < 5:
                await asyncio.sleep(0.05)
        sandboxes = {instance.id for instance in await client.pool()}
        assert alive(sandboxes, driver)
        held = Held(first.process.pid)
        watching = asyncio.create_task(held.watch())
        goal = len(done.answered) + 50
        async with asyncio.timeout(60):
            while len(done.answered) < goal:
                await asyncio.sleep(0.01)
        watching.cancel()
        held.look()
        # Before the kill: what was answered earlier than this was answered earlier than that.
        killed = time.monotonic()
        first.process.kill()
        first.process.communicate()
        await working

    second = serve("--port", "0")
    assert not alive(sandboxes, driver)
    async with Clowdy(socket=Path(second.report["socket"])) as client:
        versions = {one.version: one.code for one in await client.functions.versions(done.function)}
        assert done.saved.items() <= versions.items()
        assert (await client.functions.get(done.function)).active_version == max(versions)
        kept: set[str] = set()
        before: str | None = None
        while page := await client.functions.invocations(done.function, limit=200, before=before):
            before = page[-1].id
            kept |= {call.id for call in page}
        lost = {id_: killed - at for id_, at in done.answered.items() if id_ not in kept}
        print(f"{len(done.answered)} calls answered, {len(lost)} not in the log, {max(lost.values(), default=0):.3f} s")
        assert not {id_: age for id_, age in lost.items() if age > LOSES_S + held.since(killed - age)}
        for id_ in sorted(kept, reverse=True)[:20]:
            whole = await client.invocations.get(id_)
            assert whole.input is not None
            assert whole.output is not None
            assert [line.text.split()[0] for line in whole.logs] == ["line"]
        answer = await client.invoke(done.function, "after")
        assert (answer.status, answer.output["n"]) == ("success", "after")
    code, said = second.stop()
    assert code == 0, said
    assert not alive(sandboxes, driver)
