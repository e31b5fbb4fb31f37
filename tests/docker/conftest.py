"""A real engine, a root tree, and the proof after each test that nothing of it is left."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import docker
import pytest
from docker_support import ENGINE_SOCKET, RUNTIMES, Recorder, SpecMaker

from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from tests.docker_traces import left_in_docker, look_for_engine


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


@pytest.fixture(scope="session")
def installation(engine: docker.DockerClient, images_go: Callable[[], None]) -> str:
    """An installation of the tests' own; images go at the end."""
    images_go()
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def spec(trees: Path, _hash_the_tree_once: None) -> SpecMaker:
    return SpecMaker(asyncio.run(RuntimeStore(trees, RUNTIMES).root_tree("python")).path)


@pytest.fixture
async def driver(engine: docker.DockerClient, installation: str) -> AsyncIterator[DockerDriver]:
    driver = DockerDriver(installation_id=installation)
    yield driver
    await driver.close()
    left = left_in_docker(engine, installation)
    assert not left, f"left behind in Docker: {left}"


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()
