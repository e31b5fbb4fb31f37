"""The gateway: one platform, two doors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

from clowdy_tui.gateway import about, auth, cors, dumps, events, listening, problems, project_rules, public, signature
from clowdy_tui.gateway.api import ENDPOINTS
from clowdy_tui.gateway.config import GatewayConfig
from clowdy_tui.gateway.connections import Runner, make_room
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.guesses import Guesses
from clowdy_tui.gateway.lane import Lane
from clowdy_tui.gateway.proxies import parse_network
from clowdy_tui.gateway.uploads import answer_expectation
from clowdy_tui.services.platform import Platform

if TYPE_CHECKING:
    from clowdy_tui.gateway.jwks import KeySet

__all__ = ["Gateway", "GatewayConfig"]

logger = logging.getLogger(__name__)

# What calls in flight are given to end, once the gateway stops.
DRAIN_S: Final = 5.0

Serve = Callable[[Context, auth.Door, web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """Serves a platform while it is entered; `platform.public_url` is set as soon as the address is known.

    Raises, when entered:
        PortTaken, SettingsError, DataFolderError: it cannot listen.
    """

    def __init__(self, platform: Platform, config: GatewayConfig) -> None:
        self.platform = platform
        self.config = config
        self.trusted = [parse_network(text) for text in config.trusted_proxies]
        self.stopped = asyncio.Event()
        """Set when somebody asked the gateway to stop: whoever entered it should leave."""
        self.stopping = asyncio.Event()
        """Set when it does stop: what would not end by itself must end now."""
        self.url = ""
        self.port = 0
        self.socket_path = config.socket_path or Path()
        self._runners: list[web.AppRunner] = []
        self._keys: KeySet | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._listen()
        except BaseException:
            await self._close()
            raise
        self.platform.public_url = self.url
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def _listen(self) -> None:
        host = self.config.host
        tcp = await listening.bind_tcp(host, self.config.port)
        self.port = tcp.getsockname()[1]
        self.url = f"http://{_reachable(host)}:{self.port}"
        door = auth.PublicDoor(self.platform.tokens, guesses=Guesses(), trusted=self.trusted, jwts=self._jwts())
        public_app = self._app(door)
        if self.config.cors_origins:
            cors.install(public_app, frozenset(self.config.cors_origins))
        runner = await self._runner(public_app, Lane(self))
        await web.SockSite(runner, tcp, backlog=listening.BACKLOG).start()

        path = self.config.socket_path or listening.place_socket(self.platform.config.data_dir)
        runner = await self._runner(self._app(auth.OwnersDoor()))
        await listening.OwnersSite(runner, path).start()
        self.socket_path = path

    def _jwts(self) -> auth.Jwts | None:
        if not self.config.jwks_url:
            return None
        # Not loaded where nobody comes with such tokens.
        from clowdy_tui.gateway.jwks import KeySet
        from clowdy_tui.gateway.jwts import JwtVerifier

        self._keys = KeySet(self.config.jwks_url)
        return JwtVerifier(self._keys, self.config.jwt_issuer, self.config.jwt_audience)

    async def _close(self) -> None:
        self.stopping.set()
        runners, self._runners = self._runners, []
        for outcome in await asyncio.gather(*(runner.cleanup() for runner in runners), return_exceptions=True):
            if isinstance(outcome, BaseException):
                logger.error("The gateway did not stop cleanly", exc_info=outcome)
        if self._keys is not None:
            await self._keys.close()

    async def _runner(self, app: web.Application, lane: Lane | None = None) -> web.AppRunner:
        runner = Runner(
            app,
            head_timeout_s=self.config.head_timeout_s,
            send_timeout_s=self.config.send_timeout_s,
            most=self.config.max_connections or make_room(),
            lane=lane,
            access_log=None,
            # A caller that hangs up ends its call.
            handler_cancellation=True,
            # A body is the function's matter, compressed or not.
            auto_decompress=False,
            shutdown_timeout=DRAIN_S,
        )
        await runner.setup()
        self._runners.append(runner)
        return runner

    def _app(self, door: auth.Door) -> web.Application:
        app = web.Application(middlewares=[problems.answer_problems], client_max_size=self.config.max_body_bytes)

        def add(method: str, path: str, serve: Serve) -> None:
            async def handle(request: web.Request) -> web.StreamResponse:
                return await serve(self, door, request)

            app.router.add_route(method, path, handle, expect_handler=answer_expectation)

        app.on_response_prepare.append(signature.sign_prepared)
        app.on_response_prepare.append(project_rules.put_headers_on(self.platform.directory))
        add("POST", "/api/invoke/{id}", project_rules.guard_invoke(public.invoke))
        add("*", "/api/gateway/{slug}", project_rules.guard_route(public.route))
        add("*", "/api/gateway/{slug}/{path:.*}", project_rules.guard_route(public.route))
        add("GET", "/api/events", events.serve)
        add("GET", "/api/projects/{id}/database/dump", dumps.download)
        add("POST", "/api/projects/{id}/database/restore", dumps.upload)
        for path, serve in (("/openapi.json", about.serve_openapi), ("/docs", about.serve_docs)):
            add("GET", path, serve)
            add("HEAD", path, serve)
        for endpoint in ENDPOINTS:
            add(endpoint.method, endpoint.path, endpoint.serve)
            if endpoint.method == "GET":
                add("HEAD", endpoint.path, endpoint.serve)
        return app


def _reachable(host: str) -> str:
    """The host as it stands in a URL that this machine can call."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"[{host}]" if ":" in host else host
