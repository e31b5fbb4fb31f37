"""One real gateway for all tests here: a real platform, real sandboxes, both doors. Each test has its own project."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from api_support import Workshop, number
from pytest_asyncio import is_async_test

from clowdy_tui.client import Clowdy
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.assistant.config import AssistantConfig
from clowdy_tui.services.platform import Platform, PlatformConfig
from tests.model_server import ModelServer, model_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def model() -> AsyncIterator[ModelServer]:
    """Whom the assistant asks."""
    async with model_server() as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def platform(scratch: Path, prepare: Callable[[Path], Path], model: ModelServer) -> AsyncIterator[Platform]:
    assistant = AssistantConfig(base_url=model.url)
    config = PlatformConfig(data_dir=prepare(scratch / "api"), driver="bubblewrap", assistant=assistant)
    platform = await Platform.open(config)
    yield platform
    await platform.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def gateway(platform: Platform) -> AsyncIterator[Gateway]:
    config = GatewayConfig(
        port=0,
        max_body_bytes=1024 * 1024,
        trusted_proxies=("127.0.0.0/8",),
        cors_origins=("https://clowdy.example.org",),
        version="1.2.3",
    )
    async with Gateway(platform, config) as gateway:
        yield gateway


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def owner(gateway: Gateway) -> AsyncIterator[Clowdy]:
    """The owner, by the socket."""
    async with Clowdy(socket=gateway.socket_path) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stranger(gateway: Gateway) -> AsyncIterator[Clowdy]:
    """Somebody by TCP without a token."""
    async with Clowdy(url=gateway.url) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """TCP, raw."""
    async with httpx.AsyncClient(base_url=gateway.url, timeout=60, trust_env=False) as client:
        yield client


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def local(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """The socket, raw."""
    transport = httpx.AsyncHTTPTransport(uds=str(gateway.socket_path))
    async with httpx.AsyncClient(base_url="http://clowdy", transport=transport, timeout=20) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="session")
async def shop(owner: Clowdy) -> AsyncIterator[Workshop]:
    project = await owner.projects.create(f"Shop {number()}")
    yield Workshop(owner, project)
    await owner.projects.delete(project.id)


@pytest_asyncio.fixture(loop_scope="session")
async def other(owner: Clowdy, gateway: Gateway) -> AsyncIterator[Clowdy]:
    """Another user, by TCP with a token."""
    made = await owner.tokens.create("other's", user=f"user{number()}")
    async with Clowdy(url=gateway.url, token=made.token) as client:
        yield client
    await owner.tokens.revoke(made.id)


@pytest_asyncio.fixture(loop_scope="session")
async def with_scopes(owner: Clowdy, gateway: Gateway) -> AsyncIterator[Callable[..., Awaitable[Clowdy]]]:
    """Makes clients of the owner's own by TCP, with tokens that have only these scopes."""
    clients: list[Clowdy] = []

    async def make(*scopes: str) -> Clowdy:
        token = await owner.tokens.create("scoped", scopes=scopes)
        clients.append(Clowdy(url=gateway.url, token=token.token))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()
