"""What the tests of the API share: a project with short ways to fill it, and waiting."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from clowdy_tui.client import ApiError, Clowdy
from clowdy_tui.domain.schemas import FunctionIn, FunctionOut, ProjectOut, RouteIn, RouteOut

ECHO = "def handler(event, context):\n    return event\n"

_numbers = itertools.count(1)


def number() -> int:
    """Another one at each call: for names that must differ."""
    return next(_numbers)


async def until(condition: Callable[[], Awaitable[Any]], *, within: float = 60.0) -> Any:
    """What `condition` returns, as soon as it is true."""
    async with asyncio.timeout(within):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
    return found


async def refused(call: Awaitable[Any], status: int) -> ApiError:
    """The refusal that a call of the client must meet."""
    with pytest.raises(ApiError) as caught:
        await call
    assert caught.value.status == status, caught.value.problem
    return caught.value


@dataclass(frozen=True, slots=True)
class Workshop:
    """A project, and short ways to put functions and routes into it."""

    client: Clowdy
    project: ProjectOut

    async def function(self, code: str = ECHO, **fields: Any) -> FunctionOut:
        name = fields.pop("name", f"f{number()}")
        return await self.client.functions.create(
            FunctionIn(name=name, code=code, project_id=self.project.id, **fields)
        )

    async def route(self, function: FunctionOut, path: str = "/", method: str = "ANY", **fields: Any) -> RouteOut:
        route = RouteIn.model_validate({"function_id": function.id, "method": method, "path": path, **fields})
        return await self.client.routes.create(self.project.id, route)

    async def answers(self, code: str, path: str = "/", method: str = "ANY", **fields: Any) -> str:
        """A new function with this code, and the path of its route."""
        await self.route(await self.function(code, **fields), path, method)
        return self.path(path)

    def path(self, path: str = "") -> str:
        return f"/api/gateway/{self.project.slug}{path}"
