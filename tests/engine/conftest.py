"""One suite for every driver: `engine` runs on bubblewrap and, where an engine answers, on Docker."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest
from engine_support import RUNTIMES, Engine

from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import make_driver
from clowdy_tui.engine.sandboxes.base import Driver, Enforced
from clowdy_tui.engine.sandboxes.cgroups import mounts
from tests.docker_traces import docker_client, left_in_docker


@pytest.fixture(scope="session")
def installation_id() -> Iterator[str]:
    made = f"test-{secrets.token_hex(4)}"
    yield made
    # All of them at the end: to look through them after each test took longer than most tests.
    left = [Path(folder) for folder, folders, _ in os.walk("/sys/fs/cgroup") if f"clowdy-{made}" in folders]
    assert not left, f"control groups are left behind in {left}"


@pytest.fixture(scope="session")
def docker_answers(installation_id: str, images_go: Callable[[], None], _hash_the_tree_once: None) -> str:
    """Empty where a Docker engine can be used, else why not."""

    async def look() -> str:
        driver = make_driver("docker", installation_id=installation_id, data_dir=Path())
        try:
            return (await driver.check()).problem
        finally:
            await driver.close()

    problem = asyncio.run(look())
    if not problem:
        images_go()
    return problem


@pytest.fixture(scope="session")
def beside_us() -> Iterator[docker.DockerClient]:
    """The Docker engine by its own client, to see what the driver left in it."""
    with closing(docker_client()) as client:
        yield client


@pytest.fixture(params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def driver_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "docker" and (problem := request.getfixturevalue("docker_answers")):
        if os.environ.get("CLOWDY_TEST_DOCKER") == "required":
            pytest.fail(f"CLOWDY_TEST_DOCKER=required, but {problem}")
        pytest.skip(problem)
    return name


@pytest.fixture
def driver(driver_name: str, installation_id: str, scratch: Path) -> Driver:
    return make_driver(driver_name, installation_id=installation_id, data_dir=scratch)


@pytest.fixture
def limits() -> EngineLimits:
    """Overridden by tests that want other limits; no spares, so that nothing happens beside what a test does."""
    return EngineLimits(spares=0)


@pytest.fixture
async def engine(
    request: pytest.FixtureRequest, driver: Driver, trees: Path, limits: EngineLimits, installation_id: str
) -> AsyncIterator[Engine]:
    beside_us = request.getfixturevalue("beside_us") if driver.name == "docker" else None
    service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), limits=limits)
    await service.start()
    assert service.driver_status().available, service.driver_status()
    yield Engine(service)
    await service.close()
    left: list[object] = [*Path("/var/tmp").glob(f"clowdy-{installation_id}-*")]
    if beside_us is not None:
        left += left_in_docker(beside_us, installation_id)
    else:
        left += [*_processes(installation_id), *_groups(installation_id)]
    assert not left, f"left behind: {left}"


@pytest.fixture
def needs(engine: Engine) -> Callable[[Enforced], None]:
    """`needs(Enforced.CPU)`: skips where this driver cannot enforce that on this box, and says so."""

    def need(what: Enforced) -> None:
        if what not in engine.service.driver_status().enforced:
            pytest.skip(f"{what} is not enforced here: {engine.service.driver_status().notes}")

    return need


def _processes(installation_id: str) -> list[str]:
    marker = f"CLOWDY_SANDBOX\0{installation_id}/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker in entry.read_bytes():
                found.append(f"process {entry.parent.name}")
        except OSError:
            continue
    return found


def _groups(installation_id: str) -> list[Path]:
    """Those in the places where the driver makes them."""
    parents = {parent for mount in mounts(Path("/proc/self")) for parent in (mount.own, mount.place)}
    return [place for parent in parents if (place := parent / f"clowdy-{installation_id}").exists()]
