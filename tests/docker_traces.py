"""What tests leave in the Docker engine: found for the proof that there is nothing, and images removed at the end."""

import docker
from docker.errors import APIError

from clowdy_tui.engine.sandboxes.docker_container import INSTALLATION_LABEL


def left_in_docker(client: docker.DockerClient, installation: str) -> list[str]:
    """Containers and networks that carry this installation's label."""
    filters = {"label": f"{INSTALLATION_LABEL}={installation}"}
    containers = client.api.containers(all=True, filters=filters)
    networks = client.api.networks(filters=filters)
    return [f"container {found['Id'][:12]} {found['State']}" for found in containers] + [
        f"network {found['Name']}" for found in networks
    ]


def remove_images_of_tests(client: docker.DockerClient) -> None:
    """Images of all tests, not only of these: tests that run at the same time share them by their content."""
    for image in client.images.list(filters={"label": INSTALLATION_LABEL}):
        if image.labels[INSTALLATION_LABEL].startswith("test-"):
            try:
                client.images.remove(image.id, force=True)
            except APIError as error:
                if error.status_code not in {404, 409}:  # gone already, or in use: who uses it removes it
                    raise
