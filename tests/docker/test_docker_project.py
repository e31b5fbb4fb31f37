"""A whole gateway's services on the real engine: what a deleted project takes along, and what another driver leaves."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from clowdy_tui.cli.checks import former_driver
from clowdy_tui.domain.schemas import FunctionIn, ProjectIn
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.store.database import Database

pytestmark = [pytest.mark.docker, pytest.mark.slow]

CODE = "import six\ndef handler(event):\n    return six.__file__\n"


async def test_images_go_with_their_project_and_with_the_driver(
    engine: docker.DockerClient, installation: str, tmp_path: Path, trees: Path
) -> None:
    (tmp_path / "runtimes").symlink_to(trees)
    database = await Database.open(tmp_path)
    async with database.write() as transaction:
        await transaction.meta.set("installation_id", installation)
    await database.close()

    def images(layer: str | None = None) -> int:
        labels = [f"clowdy.installation={installation}", *([f"clowdy.layer={layer}"] if layer else [])]
        return len(engine.images.list(filters={"label": labels}))

    async def open_with(driver: str, options: Mapping[str, Any] | None = None) -> Platform:
        config = PlatformConfig(data_dir=tmp_path, driver=driver, spares=1, docker_options=options or {})
        return await Platform.open(config)

    async def project_with(requirements: str) -> tuple[str, str]:
        """Its id, and the layer that its function has imported from."""
        project = await platform.projects.create(LOCAL, ProjectIn(name="Shop"))
        function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=CODE, project_id=project.id))
        await platform.packages.set(LOCAL, project.id, requirements)
        target = platform.directory.function(function.id)
        assert target is not None
        outcome = await platform.invocations.invoke(target, b"null", source="api", actor_owns=True)
        assert outcome.output == b'"/opt/layer/six.py"'
        return project.id, str(target.deployment.layer)

    platform = await open_with("docker")
    try:
        project, layer = await project_with("six==1.14.0")
        other, other_layer = await project_with("six==1.15.0")
        assert images(layer) == 1
        # Its container is idle still: it is ended first, and the image is let go of when the engine has done so.
        assert await platform.projects.delete(LOCAL, project) == []
        assert images(layer) == 0
        assert not (tmp_path / "layers" / layer).exists()
    finally:
        await platform.close()

    # The runtime's is perhaps that of another gateway on this machine, which made it first.
    assert images(other_layer) == 1
    away = f"unix://{tmp_path}/none.sock"
    platform = await open_with("bubblewrap", {"host": away})
    try:
        left = await platform.projects.delete(LOCAL, other)
        assert left == [f"Docker's images and containers are left for now: No Docker engine answers at {away}."]
        assert former_driver(tmp_path, "bubblewrap") is not None
    finally:
        await platform.close()
    platform = await open_with("bubblewrap")
    try:
        async with asyncio.timeout(30):
            while former_driver(tmp_path, "bubblewrap") is not None:
                await asyncio.sleep(0.05)
        assert images() == 0
    finally:
        await platform.close()
