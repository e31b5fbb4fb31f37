"""Packages over the API: the whole way, with the real uv and real sandboxes."""

import httpx
import pytest
from api_support import Workshop, number, refused, until

from clowdy_tui.client import Clowdy
from clowdy_tui.services.platform import Platform

pytestmark = pytest.mark.slow

IMPORTS = "import six\n\ndef handler(event, context):\n    return six.__file__\n"


async def test_packages_are_there_with_the_next_call(shop: Workshop) -> None:
    function = await shop.function(IMPORTS)
    assert not (await shop.client.invoke(function.id)).success
    told = await shop.client.packages.set(shop.project.id, "# ours\nsix\n")
    assert (told.status, told.has_custom_image, told.requirements_txt) == ("ready", True, "# ours\nsix\n")
    assert told.requirements_hash
    assert told.lock.startswith("six==")
    assert "--hash=sha256:" in told.lock
    assert (await shop.client.invoke(function.id)).output == "/opt/layer/six.py"
    # A failed build leaves it, and says what the resolver said.
    error = await refused(shop.client.packages.set(shop.project.id, "six==0.0.0.1"), 422)
    assert error.problem.detail.startswith("Failed to build image: ")
    assert [(item["loc"], item["type"]) for item in error.problem.errors or []] == [
        (["requirements_txt"], "packages_failed")
    ]
    assert "six" in error.problem.detail
    after = await shop.client.packages.get(shop.project.id)
    assert (after.status, after.lock, after.wanted_txt) == ("failed", told.lock, "six==0.0.0.1")
    assert (await shop.client.invoke(function.id)).success
    await shop.client.packages.set(shop.project.id, "")
    assert not (await shop.client.invoke(function.id)).success


async def test_a_deleted_project_takes_its_layer_along(owner: Clowdy, platform: Platform) -> None:
    shop = Workshop(owner, await owner.projects.create(f"Passing {number()}"))
    function = await shop.function(IMPORTS)
    # A list that no other test has: what two projects share stays.
    await owner.packages.set(shop.project.id, "six==1.15.0")
    assert (await owner.invoke(function.id)).success
    here = set(_layers(platform))
    async with platform._database.read() as transaction:
        row = await transaction.packages.get(shop.project.id)
    assert row is not None
    assert row.layer in here
    # An instance of it is idle, and is ended first.
    assert (await owner.projects.delete(shop.project.id)).left == []
    assert row.layer not in _layers(platform)


def _layers(platform: Platform) -> list[str]:
    return [path.name for path in (platform.config.data_dir / "layers").iterdir()]


async def test_without_waiting_it_is_202_while_it_is_built(shop: Workshop, local: httpx.AsyncClient) -> None:
    path = f"/api/projects/{shop.project.id}/requirements"
    answer = await local.put(f"{path}?wait=false", json={"requirements_txt": "six==1.16.0"})
    assert (answer.status_code, answer.json()["status"]) == (202, "building")

    async def ready() -> bool:
        return (await shop.client.packages.get(shop.project.id)).status == "ready"

    await until(ready, within=60)
    again = await local.put(f"{path}?wait=false", json={"requirements_txt": "six == 1.16.0  # the same"})
    assert (again.status_code, again.json()["status"]) == (200, "ready")
    wrong = await local.put(path, json={"requirements_txt": "six\n--no-binary :all:"})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["loc"] == ["requirements_txt", 2]
    assert "line 2: '--no-binary :all:' is an option" in wrong.json()["detail"]
