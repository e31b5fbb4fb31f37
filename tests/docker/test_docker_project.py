"""A whole gateway's services on the real engine: what a deleted project takes along."""

from pathlib import Path

import docker
import pytest

from clowdy_tui.domain.schemas import FunctionIn, ProjectIn
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.store.database import Database

pytestmark = [pytest.mark.docker, pytest.mark.slow]

CODE = "import six\ndef handler(event):\n    return six.__file__\n"


async def test_a_deleted_project_takes_its_image_along(
    engine: docker.DockerClient, installation: str, tmp_path: Path
) -> None:
    database = await Database.open(tmp_path)
    async with database.write() as transaction:
        await transaction.meta.set("installation_id", installation)
    await database.close()
    platform = await Platform.open(PlatformConfig(data_dir=tmp_path, driver="docker", spares=1))
    try:
        project = await platform.projects.create(LOCAL, ProjectIn(name="Shop"))
        function = await platform.functions.create(LOCAL, FunctionIn(name="f", code=CODE, project_id=project.id))
        await platform.packages.set(LOCAL, project.id, "six==1.14.0")
        target = platform.directory.function(function.id)
        assert target is not None
        outcome = await platform.invocations.invoke(target, b"null", source="api", actor_owns=True)
        assert outcome.output == b'"/opt/layer/six.py"'
        layer = target.deployment.layer
        images = {"label": [f"clowdy.layer={layer}", f"clowdy.installation={installation}"]}
        assert len(engine.images.list(filters=images)) == 1
        # Its container is idle still: it is ended first, and the image is let go of when the engine has done so.
        assert await platform.projects.delete(LOCAL, project.id) == []
        assert engine.images.list(filters=images) == []
        assert not (tmp_path / "layers" / str(layer)).exists()
    finally:
        await platform.close()
