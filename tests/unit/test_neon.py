"""The provider `neon`, against a stand-in that is held to Neon's OpenAPI document; Neon's own client proves it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from neon_api import NeonAPI
from neon_api.exceptions import NeonAPIError

from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.services.databases.base import Wanted
from clowdy_tui.services.databases.neon import NeonProvider
from tests.neon.stand_in import KEY, URI, NeonStandIn

BUSY = {"message": "project already has running operations", "code": "RESOURCE_LOCKED"}
WANTED = Wanted("0123456789ab", "shop")


@pytest.fixture
async def neon() -> AsyncIterator[NeonStandIn]:
    async with NeonStandIn() as stand_in:
        yield stand_in


def provider(neon: NeonStandIn, key: str = KEY) -> NeonProvider:
    return NeonProvider(key, neon.url, pause_s=0.001)


async def test_a_database_is_made_and_removed(neon: NeonStandIn) -> None:
    said: list[str] = []
    made = await provider(neon).provision(WANTED, said.append)
    assert made.url == URI
    assert list(neon.projects) == [made.reference]
    assert {"project": {"name": "clowdy-shop", "org_id": "org-first-1"}} in neon.bodies
    operations = [path for _, path in neon.calls if "/operations/" in path]
    assert (len(operations), len(set(operations))) == (4, 2)
    assert neon.calls[:2] == [("GET", "/users/me/organizations"), ("POST", "/projects")]
    assert neon.calls[-1] == ("GET", f"/projects/{made.reference}/connection_uri")
    assert said == [
        "Asking Neon for the organization",
        "Making the project at Neon",
        "Waiting until it is ready",
    ]
    assert "s3cret" not in repr(made)
    await provider(neon).drop(made.reference)
    assert not neon.projects
    # Somebody removed it there already.
    await provider(neon).drop(made.reference)


async def test_without_an_organization(neon: NeonStandIn) -> None:
    neon.organizations = []
    await provider(neon).provision(WANTED, print)
    assert {"project": {"name": "clowdy-shop"}} in neon.bodies


@pytest.mark.parametrize("status", [423, 429, 500, 502, 503])
async def test_what_may_pass_is_tried_again(neon: NeonStandIn, status: int) -> None:
    neon.faults = [(status, BUSY)] * 3
    await provider(neon).provision(WANTED, print)
    assert [path for _, path in neon.calls][:5] == ["/users/me/organizations"] * 4 + ["/projects"]
    neon.faults = [(status, BUSY)] * 99
    with pytest.raises(Unavailable, match=r"Neon refuses: project already has running operations \(RESOURCE_LOCKED\)"):
        await provider(neon).drop("cool-sun-2")


async def test_what_does_not_pass_is_told_in_neons_words(neon: NeonStandIn) -> None:
    with pytest.raises(Unavailable, match="authentication required"):
        await provider(neon, "wrong").provision(WANTED, print)
    neon.faults = [(200, {"organizations": []}), (422, {"message": "projects limit exceeded", "code": "LIMIT"})]
    before = len(neon.calls)
    with pytest.raises(Unavailable, match=r"projects limit exceeded \(LIMIT\)"):
        await provider(neon).provision(WANTED, print)
    assert len(neon.calls) == before + 2
    assert not neon.projects


async def test_a_project_that_does_not_get_ready_is_removed(neon: NeonStandIn) -> None:
    neon.ending = {"status": "failed", "error": "no room in the region"}
    with pytest.raises(Unavailable, match=r"At Neon create_timeline ended as failed: no room in the region"):
        await provider(neon).provision(WANTED, print)
    assert neon.calls[-1][0] == "DELETE"
    assert not neon.projects


async def test_a_making_that_is_given_up_leaves_nothing(neon: NeonStandIn) -> None:
    neon.lasting = 10**9
    making = asyncio.create_task(provider(neon).provision(WANTED, print))
    while not any("/operations/" in path for _, path in neon.calls):
        await asyncio.sleep(0.001)
    making.cancel()
    await asyncio.wait([making])
    assert making.cancelled()
    assert not neon.projects


async def test_without_a_key_nobody_is_asked(neon: NeonStandIn) -> None:
    assert "NEON_API_KEY" in await provider(neon, "").problem()
    with pytest.raises(Unavailable, match="NEON_API_KEY"):
        await provider(neon, "").provision(WANTED, print)
    assert neon.calls == []
    assert await provider(neon).problem() == ""


async def test_nobody_there_and_somebody_else_there(neon: NeonStandIn) -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached at http://127\.0\.0\.1:9"):
        await NeonProvider(KEY, "http://127.0.0.1:9/api/v2", pause_s=0.001).drop("x")


async def test_neons_own_client_finds_neon_there(neon: NeonStandIn) -> None:
    client = NeonAPI(KEY, base_url=f"{neon.url}/")

    def use() -> None:
        made = client.project_create(project={"name": "by-neons-own"})
        assert made.project.name == "by-neons-own"
        uri = client.connection_uri(made.project.id, database_name="neondb", role_name="neondb_owner")
        assert uri.uri == URI
        assert client.project(made.project.id).project.id == made.project.id
        assert client.project_delete(made.project.id).project.id == made.project.id
        with pytest.raises(NeonAPIError, match="project not found"):
            client.project_delete(made.project.id)

    await asyncio.to_thread(use)
