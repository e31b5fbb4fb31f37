"""What tests leave in the Docker engine: found for the proof that there is nothing, and images removed at the end."""

import os
from contextlib import closing
from pathlib import Path

import docker
from docker.errors import APIError

from clowdy_tui.engine.sandboxes.base import DriverStatus
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL
from clowdy_tui.engine.sandboxes.docker_endpoint import find_endpoint


def left_in_docker(client: docker.DockerClient, installation: str) -> list[str]:
    """Containers and networks that carry this installation's label."""
    filters = {"label": f"{INSTALLATION_LABEL}={installation}"}
    containers = client.api.containers(all=True, filters=filters)
    networks = client.api.networks(filters=filters)
    return [f"container {found['Id'][:12]} {found['State']}" for found in containers] + [
        f"network {found['Name']}" for found in networks
    ]


async def look_for_engine() -> DriverStatus:
    """As the driver does it, which knocks first: where none answers, the SDK leaves its socket open."""
    driver = DockerDriver(installation_id="test-look")
    try:
        return await driver.check()
    finally:
        await driver.close()


def docker_client() -> docker.DockerClient:
    return docker.DockerClient(find_endpoint(None, None, None, os.environ, Path.home()).url)


def remove_images_of_tests() -> None:
    """Images of all tests, not only of these: tests that run at the same time share them by their content."""
    with closing(docker_client()) as client:
        for image in client.images.list(filters={"label": INSTALLATION_LABEL}):
            if image.labels[INSTALLATION_LABEL].startswith("test-"):
                try:
                    client.images.remove(image.id, force=True)
                except APIError as error:
                    if error.status_code not in {404, 409}:  # gone already, or in use: who uses it removes it
                        raise
