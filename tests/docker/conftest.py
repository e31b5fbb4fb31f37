"""A real engine, a root tree, and the proof after each test that nothing of it is left."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterator

import docker
import pytest
from docker.errors import APIError
from docker_support import ENGINE_SOCKET, RUNTIMES, Recorder, SpecMaker

from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.base import DriverStatus
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    """The engine by the SDK, to look at what the driver did."""
    status = asyncio.run(look_for_engine())
    if not status.available:
        if os.environ.get("CLOWDY_TEST_DOCKER") == "required":
            pytest.fail(f"CLOWDY_TEST_DOCKER=required, and: {status.problem}")
        pytest.skip(status.problem)
    client = docker.DockerClient(f"unix://{ENGINE_SOCKET}")
    yield client
    client.close()


async def look_for_engine() -> DriverStatus:
    driver = DockerDriver(installation_id="test-look")
    try:
        return await driver.check()
    finally:
        await driver.close()


@pytest.fixture(scope="session")
def installation(engine: docker.DockerClient) -> Iterator[str]:
    """An installation of the tests' own. Images of all tests go at the end: tests that run beside us share them."""
    yield f"test-{uuid.uuid4().hex[:12]}"
    for image in engine.images.list(filters={"label": INSTALLATION_LABEL}):
        if image.labels[INSTALLATION_LABEL].startswith("test-"):
            try:
                engine.images.remove(image.id, force=True)
            except APIError as error:
                if error.status_code not in {404, 409}:  # gone already, or in use: who uses it removes it
                    raise


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory) -> SpecMaker:
    store = RuntimeStore(tmp_path_factory.mktemp("roots"), RUNTIMES)
    return SpecMaker(asyncio.run(store.root_tree("python")).path)


@pytest.fixture
async def driver(engine: docker.DockerClient, installation: str) -> AsyncIterator[DockerDriver]:
    driver = DockerDriver(installation_id=installation)
    yield driver
    await driver.close()
    left = leftovers(engine, installation)
    assert not left, f"left behind in Docker: {left}"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def leftovers(engine: docker.DockerClient, installation: str) -> list[str]:
    """Containers and networks that carry this installation's label."""
    filters = {"label": f"{INSTALLATION_LABEL}={installation}"}
    containers = engine.api.containers(all=True, filters=filters)
    networks = engine.api.networks(filters=filters)
    return [f"container {found['Id'][:12]} {found['State']}" for found in containers] + [
        f"network {found['Name']}" for found in networks
    ]
