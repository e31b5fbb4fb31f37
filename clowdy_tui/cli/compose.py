"""Puts a gateway together inside this process: the only place that knows of services, gateway and engine at once."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clowdy_tui import __version__
from clowdy_tui.cli.background import Background, start
from clowdy_tui.cli.settings import Settings
from clowdy_tui.cli.shell import Failure
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.errors import PortTaken
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.assistant.config import DEFAULT_MODEL, AssistantConfig
from clowdy_tui.services.platform import Platform, PlatformConfig

if TYPE_CHECKING:
    from clowdy_tui.tui.session import Session

_GARBAGE: Final = (20_000, 20, 20)


def platform_config(settings: Settings) -> PlatformConfig:
    """What the services are told of the settings."""
    return PlatformConfig(
        data_dir=settings.data_dir,
        # Who asks for another runtime asks for more isolation: it must not become another driver without a word.
        driver="docker" if settings.docker_runtime and settings.driver == "auto" else settings.driver,
        docker_options=docker_options(settings),
        runtime_source=settings.runtime_source,
        secret_key_file=settings.secret_key_file,
        capture_bytes=settings.capture_bytes,
        retention_days=settings.retention_days,
        retention_bytes=settings.retention_bytes,
        memory_budget_mb=settings.memory_budget_mb,
        idle_timeout_s=settings.idle_timeout_s,
        spares=settings.spares,
        assistant=AssistantConfig(
            api_key=settings.groq_api_key.reveal() if settings.groq_api_key else None,
            base_url=settings.assistant_base_url,
            model=settings.assistant_model or DEFAULT_MODEL,
        ),
        neon_api_key=settings.neon_api_key.reveal() if settings.neon_api_key else "",
        neon_base_url=settings.neon_base_url,
    )


def docker_options(settings: Settings) -> dict[str, str]:
    """What the docker driver is told of the settings."""
    return {} if settings.docker_runtime is None else {"oci_runtime": settings.docker_runtime}


def gateway_config(settings: Settings, port: int) -> GatewayConfig:
    """What the gateway is told of the settings."""
    return GatewayConfig(
        host=settings.host,
        port=port,
        max_body_bytes=settings.max_body_bytes,
        trusted_proxies=tuple(settings.trusted_proxies),
        public_invocation_logs=settings.public_invocation_logs,
        cors_origins=tuple(settings.cors_origins),
        jwks_url=settings.jwks_url,
        jwt_issuer=settings.jwt_issuer,
        jwt_audience=settings.jwt_audience,
        version=__version__,
    )


@asynccontextmanager
async def serving(settings: Settings, *, any_port: bool = False) -> AsyncIterator[Gateway]:
    """A gateway that answers, with the example project made on the first start.

    With `any_port` it takes a free port where the one that is set is taken.

    Raises:
        StartError: it cannot start here; the detail says why and what to do.
    """
    platform = await Platform.open(platform_config(settings))
    try:
        await platform.make_example()
        async with AsyncExitStack() as stack:
            try:
                gateway = await stack.enter_async_context(Gateway(platform, gateway_config(settings, settings.port)))
            except PortTaken:
                if not any_port:
                    raise
                gateway = await stack.enter_async_context(Gateway(platform, gateway_config(settings, 0)))
            with _little_garbage():
                yield gateway
    finally:
        await platform.close()


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Look for garbage less often while calls are served: they leave no cycles behind, and looking at what the last
    thousands of them left in lists that are kept takes a tenth of a call.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@dataclass(frozen=True, slots=True)
class Host:
    """A gateway that runs inside this process, and a client that came in by its socket."""

    gateway: Gateway
    client: Clowdy
    note: str


@asynccontextmanager
async def hosted_gateway(settings: Settings) -> AsyncIterator[Host]:
    """A gateway inside this process for as long as this lasts, or until somebody stops it by the API.

    Raises:
        StartError: it cannot start here.
    """
    leaving = asyncio.Event()
    ready: asyncio.Future[Gateway] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        async with serving(settings, any_port=True) as gateway:
            ready.set_result(gateway)
            waits = [asyncio.ensure_future(event.wait()) for event in (leaving, gateway.stopped)]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    # In a task of its own, which enters and leaves it: a stop by the API ends the gateway, not its host.
    running = asyncio.create_task(run(), name="clowdy-hosted-gateway")
    try:
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            await running
        gateway = ready.result()
        taken = settings.port not in (0, gateway.port)
        note = f"Port {settings.port} is taken; listening on {gateway.port}" if taken else ""
        async with Clowdy(socket=gateway.socket_path) as client:
            yield Host(gateway, client, note)
    finally:
        leaving.set()
        if not ready.done():
            running.cancel()
        await asyncio.wait((running,))
        if ready.done():
            running.result()


@asynccontextmanager
async def hosted(
    settings: Settings, *, config: Path | None, detached: Callable[[dict[str, Any] | Failure], None]
) -> "AsyncIterator[Session]":
    """`hosted_gateway` as the screen is handed it; `detached` is told how leaving it in the background went."""
    from clowdy_tui.tui.session import Session

    async with hosted_gateway(settings) as host:
        background = Background(settings.data_dir, settings.host, host.gateway.port, settings.driver, config)

        async def detach() -> None:
            try:
                detached(await asyncio.to_thread(start, background))
            except Failure as failure:
                # The screen is closing: what is said now is said after it.
                detached(failure)

        yield Session(client=host.client, hosted=True, url=host.gateway.url, note=host.note, detach=detach)
