"""The typed client of Clowdy's API: what the screen and the command line are made of."""

from collections.abc import AsyncGenerator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from clowdy_tui.client.chat import Chat
from clowdy_tui.client.connection import Connection
from clowdy_tui.client.databases import Databases
from clowdy_tui.client.errors import ApiError, GatewayGone
from clowdy_tui.client.events import follow
from clowdy_tui.client.inputs import Inputs
from clowdy_tui.client.resources import (
    PAGE,
    Functions,
    Invocations,
    Keys,
    Packages,
    Projects,
    Routes,
    Tokens,
    Variables,
)
from clowdy_tui.domain.importing import ImportIn, ImportOut
from clowdy_tui.domain.rotation import Rotated
from clowdy_tui.domain.schemas import (
    Detail,
    EventOut,
    FunctionStats,
    Health,
    InvokeOut,
    PoolInstance,
    ProjectOut,
    Stats,
)

__all__ = ["ApiError", "Clowdy", "Connection", "GatewayGone"]


class Clowdy:
    """A gateway, as its clients see it.

    By the owner's socket (`socket`), or by TCP (`url`, and `token` for what is not public). Every call raises
    ApiError where the gateway refuses and GatewayGone where nobody answers.
    """

    def __init__(self, *, socket: Path | None = None, url: str | None = None, token: str | None = None) -> None:
        self.connection = Connection(socket=socket, url=url, token=token)
        self.projects = Projects(self.connection)
        self.functions = Functions(self.connection)
        self.routes = Routes(self.connection)
        self.variables = Variables(self.connection)
        self.packages = Packages(self.connection)
        self.databases = Databases(self.connection)
        self.keys = Keys(self.connection)
        self.invocations = Invocations(self.connection)
        self.inputs = Inputs(self.connection)
        self.tokens = Tokens(self.connection)
        self.chat = Chat(self.connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; readers of `events` end."""
        await self.connection.close()

    async def invoke(
        self,
        function_id: str,
        input: Any = None,  # noqa: A002 - the API's own word
        *,
        version: int | None = None,
        logs: bool = True,
    ) -> InvokeOut:
        """Call a function with any JSON value; `logs` asks for what it printed."""
        query = {"version": version, "logs": 1 if logs else None}
        path = f"/api/invoke/{quote(function_id, safe='')}"
        return await self.connection.call(InvokeOut, "POST", path, body={"input": input}, query=query)

    async def health(self) -> Health:
        return await self.connection.call(Health, "GET", "/api/health")

    async def stats(
        self, *, project_id: str | None = None, function_id: str | None = None, since: datetime | None = None
    ) -> Stats:
        """Figures of all functions, or of one project's or one function's; since then, or of all calls ever made."""
        query = {"project_id": project_id, "function_id": function_id, "since": since}
        return await self.connection.call(Stats, "GET", "/api/stats", query=query)

    async def function_stats(
        self, *, project_id: str | None = None, since: datetime | None = None
    ) -> list[FunctionStats]:
        """Figures of each function that was called, the most called first."""
        query: dict[str, Any] = {"project_id": project_id, "since": since, "limit": PAGE}
        found: list[FunctionStats] = []
        while True:
            page = await self.connection.call(list[FunctionStats], "GET", "/api/stats/functions", query=query)
            found += page
            if len(page) < PAGE:
                return found
            query["before"] = page[-1].function_id

    async def pool(self) -> list[PoolInstance]:
        return await self.connection.call(list[PoolInstance], "GET", "/api/pool")

    async def metrics(self) -> str:
        """Figures since the gateway's start, in Prometheus's text format."""
        return await self.connection.text("GET", "/metrics")

    async def kill(self, instance_id: str) -> None:
        """End one sandbox, whatever it does."""
        await self.connection.call(Detail, "DELETE", f"/api/pool/{quote(instance_id, safe='')}")

    async def import_(self, what: ImportIn) -> ImportOut:
        """Take over projects, functions, routes and variables from elsewhere; what is there already stays."""
        return await self.connection.call(ImportOut, "POST", "/api/import", body=what)

    async def example(self) -> ProjectOut:
        """The example project, made where it is not there."""
        return await self.connection.call(ProjectOut, "POST", "/api/system/example")

    async def rotate_key(self) -> Rotated:
        """Encrypt every variable with a new key, and let go of the old one."""
        return await self.connection.call(Rotated, "POST", "/api/system/rotate-key")

    async def stop(self) -> None:
        """Stop the gateway. It answers first, then lets the calls in flight end."""
        await self.connection.call(Detail, "POST", "/api/system/stop")

    def events(self, after: str | None = None) -> AsyncGenerator[EventOut, None]:
        """What happens, as it happens, over lost connections too: see `events.follow`."""
        return follow(self.connection, after)
