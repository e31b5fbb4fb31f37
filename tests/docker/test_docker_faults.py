"""Faults of the engine while calls come in: it goes and comes back, loses containers and images, or has no room."""

import asyncio
import json
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import docker
import pytest
from docker_support import RUNTIMES, EngineProxy, SpecMaker, eventually

from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from clowdy_tui.engine.sandboxes.docker_images import REPOSITORY, hash_of
from tests.docker_traces import left_in_docker

pytestmark = [pytest.mark.docker, pytest.mark.slow]

COUNTS = """
import os, time
calls = 0
def handler(event):
    global calls
    calls += 1
    print("begun")
    time.sleep(event)
    return [calls, os.uname().nodename]
"""


def deployment(code: str = COUNTS, **changes: Any) -> Deployment:
    told: dict[str, Any] = {
        "function_id": "f00000000001",
        "function_name": "probe",
        "owner": "local",
        "version": 1,
        "files": {"function.py": code},
        "timeout_s": 5.0,
    }
    return Deployment(**{**told, **changes})


@pytest.fixture
async def proxy(engine: docker.DockerClient, tmp_path: Path) -> AsyncIterator[EngineProxy]:
    proxy = EngineProxy(socket=tmp_path / "docker.sock")
    await proxy.open()
    yield proxy
    await proxy.cut()


@pytest.fixture
def direct(request: pytest.FixtureRequest) -> bool:
    """Whether containers are spoken to past the engine, too."""
    return bool(getattr(request, "param", True))


@pytest.fixture
async def service(
    proxy: EngineProxy, engine: docker.DockerClient, installation: str, spec: SpecMaker, tmp_path: Path, direct: bool
) -> AsyncIterator[InvokeService]:
    """The engine's service on a Docker engine that can be cut off; nothing may be left of it."""
    host = f"unix://{tmp_path}/docker.sock"
    driver = DockerDriver(installation_id=installation, host=host, direct=direct, timeout_s=5)
    service = InvokeService(driver, RuntimeStore(spec.root.parent, RUNTIMES), limits=EngineLimits(spares=0))
    await service.start()
    assert service.driver_status().available, service.driver_status()
    yield service
    await service.close()
    assert not left_in_docker(engine, installation)


async def call(
    service: InvokeService, what: Deployment, event: object = 0, on_log: Callable[[Any], None] | None = None
) -> Outcome:
    return await service.invoke(what, json.dumps(event).encode(), invocation_id=secrets.token_hex(8), on_log=on_log)


def containers(engine: docker.DockerClient, installation: str) -> list[str]:
    filters = {"label": f"clowdy.installation={installation}"}
    return [str(found["Id"]) for found in engine.api.containers(filters=filters)]


@pytest.mark.parametrize("direct", [True, False], indirect=True)
async def test_the_engine_goes_and_comes_back_under_load(
    service: InvokeService, proxy: EngineProxy, engine: docker.DockerClient, installation: str, direct: bool
) -> None:
    what = deployment(max_instances=3, timeout_s=5.0)
    ends: list[tuple[float, float, Outcome]] = []
    going = True

    async def caller() -> None:
        while going:
            began = time.monotonic()
            outcome = await call(service, what, 0.01)
            ends.append((began, time.monotonic(), outcome))
            # Who is told that it cannot be served now does not ask again at once.
            await asyncio.sleep(0.02 if outcome.status != "success" else 0)

    callers = [asyncio.create_task(caller()) for _ in range(6)]
    await eventually(lambda: len(ends) > 50)
    await proxy.cut()
    cut = time.monotonic()
    await eventually(lambda: not service.driver_status().available)
    await eventually(lambda: sum(end[0] > cut for end in ends) > 50)
    await proxy.open()
    opened = time.monotonic()
    await eventually(lambda: any(end[0] > opened and end[2].status == "success" for end in ends))
    back = next(ended - opened for began, ended, outcome in ends if began > opened and outcome.status == "success")
    going = False
    await asyncio.gather(*callers)

    assert {str(outcome.status) for _, ended, outcome in ends if ended < cut} == {"success"}
    while_away = [(ended - began, outcome) for began, ended, outcome in ends if cut < began and ended < opened]
    # Nothing that was asked while it was away waited for its deadline, and each was told why.
    assert max(took for took, _ in while_away) < what.timeout_s
    # Past the engine a container answers until it is known to be lost.
    answered = {"success", "crashed"} if direct else set()
    assert {str(outcome.status) for _, outcome in while_away} - answered == {"unavailable"}
    for _, outcome in while_away:
        assert "Docker engine" in (outcome.error_message or "") or str(outcome.status) in answered
    # What ran when the stream was cut may have been done: it is a crash, and not tried again.
    cut_off = Counter(str(outcome.status) for began, ended, outcome in ends if began < cut < ended)
    assert set(cut_off) <= {"crashed", "unavailable"} | answered
    print(f"served again {back:.2f} s after the engine was back; of those that ran when it went: {dict(cut_off)}")
    assert back < 30
    # What the engine could not be told to remove while it was away is gone, too.
    await eventually(lambda: len(containers(engine, installation)) <= 3)


async def test_an_idle_container_that_somebody_removes_costs_no_call(
    service: InvokeService, engine: docker.DockerClient, installation: str
) -> None:
    first = await call(service, deployment())
    (container,) = containers(engine, installation)
    await asyncio.to_thread(engine.api.remove_container, container, force=True)
    await eventually(lambda: not service.snapshot())
    second = await call(service, deployment())
    assert (first.status, second.status) == ("success", "success")
    assert (second.cold_start, second.instance_id != first.instance_id) == (True, True)


async def test_a_container_removed_under_its_call_is_a_crash_and_the_handler_runs_once(
    service: InvokeService, engine: docker.DockerClient, installation: str
) -> None:
    begun: list[str] = []
    running = asyncio.create_task(call(service, deployment(), 30, on_log=lambda entry: begun.append(entry.text)))
    await eventually(lambda: begun == ["begun"])
    (container,) = containers(engine, installation)
    await asyncio.to_thread(engine.api.remove_container, container, force=True)
    outcome = await running
    assert (outcome.status, outcome.error_type) == ("crashed", "Crashed")
    assert begun == ["begun"]
    assert (await call(service, deployment())).status == "success"


async def test_one_lost_while_its_code_is_imported_is_tried_once_on_a_fresh_one(
    service: InvokeService, engine: docker.DockerClient, installation: str
) -> None:
    """The handler has certainly not begun: the call goes on, and its caller sees nothing of it."""
    code = "import time\nprint('importing')\ntime.sleep(2)\ndef handler(event):\n    return 'once'\n"
    said: list[str] = []
    what = deployment(code, timeout_s=20.0)
    running = asyncio.create_task(call(service, what, on_log=lambda entry: said.append(entry.text)))
    await eventually(lambda: said == ["importing"])
    (container,) = containers(engine, installation)
    await asyncio.to_thread(engine.api.kill, container)
    outcome = await running
    assert (outcome.status, outcome.output) == ("success", b'"once"')
    assert said == ["importing", "importing"]


async def test_a_paused_container_is_a_timeout_at_the_deadline_and_goes(
    service: InvokeService, engine: docker.DockerClient, installation: str
) -> None:
    what = deployment(timeout_s=1.0)
    assert (await call(service, what)).status == "success"
    (container,) = containers(engine, installation)
    await asyncio.to_thread(engine.api.pause, container)
    began = time.monotonic()
    outcome = await call(service, what)
    assert outcome.status == "timeout"
    assert time.monotonic() - began < 30
    await eventually(lambda: container not in containers(engine, installation))
    assert json.loads((await call(service, what)).output or b"")[0] == 1


async def test_an_image_that_somebody_deletes_is_made_again_by_the_next_call(
    engine: docker.DockerClient, installation: str, spec: SpecMaker, tmp_path: Path
) -> None:
    trees = tmp_path / "trees"
    await asyncio.to_thread(shutil.copytree, spec.root.parent, trees, symlinks=True, copy_function=os.link)
    root = trees / spec.root.name
    # An image of this test's own: others use the one that is made of the tree as it was.
    (root / "etc/of-this-test").write_text(installation)
    driver = DockerDriver(installation_id=installation)
    # A call waits as long as a boot may take, and here for the image, too.
    limits = EngineLimits(spares=0, boot_timeout_s=60)
    service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=limits)
    await service.start()
    try:
        assert (await call(service, deployment())).status == "success"
        for instance in service.snapshot():
            await service.kill(instance.id)
        tag = f"{REPOSITORY}:{hash_of(root)[:16]}"
        await asyncio.to_thread(engine.images.remove, tag)
        outcome = await call(service, deployment())
        assert (outcome.status, outcome.cold_start) == ("success", True)
        assert engine.images.get(tag)
    finally:
        await service.close()
    assert not left_in_docker(engine, installation)


async def test_an_engine_without_room_is_said_and_served_again_when_there_is_some(
    service: InvokeService, proxy: EngineProxy
) -> None:
    """The engine's own words when its disk is full, by the proxy: a shared engine's disk is not to be filled."""
    full = "mkdir /var/lib/docker/overlay2/0123: no space left on device"
    proxy.refusals["/containers/create"] = (500, full)
    outcome = await call(service, deployment())
    assert (outcome.status, outcome.error_type) == ("unavailable", "DriverUnavailable")
    assert full in (outcome.error_message or "")
    proxy.refusals.clear()
    began = time.monotonic()
    while (outcome := await call(service, deployment())).status != "success":
        assert time.monotonic() - began < 30, outcome
        await asyncio.sleep(0.1)


async def test_an_engine_that_says_nothing_is_told_to_callers_within_the_time_for_a_start(
    service: InvokeService, proxy: EngineProxy
) -> None:
    await proxy.cut()
    proxy.silent = True
    await proxy.open()
    began = time.monotonic()
    outcome = await call(service, deployment())
    assert outcome.status == "unavailable"
    assert "did not answer in time" in (outcome.error_message or "")
    assert time.monotonic() - began < 30
    # The next one need not find it out again.
    began = time.monotonic()
    assert (await call(service, deployment())).status == "unavailable"
    assert time.monotonic() - began < 30
    proxy.silent = False
    await proxy.cut()
    await proxy.open()
    began = time.monotonic()
    while (outcome := await call(service, deployment())).status != "success":
        assert time.monotonic() - began < 30, outcome
        await asyncio.sleep(0.1)
