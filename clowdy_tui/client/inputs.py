"""The client's calls about a function's saved inputs."""

from typing import Any

from clowdy_tui.client.resources import Resource, path_of
from clowdy_tui.domain.schemas import Detail
from clowdy_tui.domain.schemas.inputs import SavedInputOut


class Inputs(Resource):
    async def list(self, function_id: str) -> list[SavedInputOut]:
        """By name."""
        return await self._connection.call(list[SavedInputOut], "GET", path_of("functions", function_id, "inputs"))

    async def set(self, function_id: str, name: str, input: Any) -> SavedInputOut:  # noqa: A002 - the API's own word
        """Keep any JSON value under a name, or give that name another one."""
        path = path_of("functions", function_id, "inputs")
        return await self._connection.call(SavedInputOut, "POST", path, body={"name": name, "input": input})

    async def delete(self, function_id: str, name: str) -> None:
        await self._connection.call(Detail, "DELETE", path_of("functions", function_id, "inputs", name))
