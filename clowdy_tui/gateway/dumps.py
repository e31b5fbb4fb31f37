"""Dumps of databases, out and in: streamed, because they may be larger than what fits into memory."""

import asyncio
import re
from pathlib import Path
from typing import Final

from aiohttp import web

from clowdy_tui.domain.errors import BodyTooLarge, BodyTooSlow, NotFound
from clowdy_tui.domain.names import ID_PATTERN
from clowdy_tui.domain.schemas import Scope
from clowdy_tui.gateway import auth
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.endpoint import Parameters, read_query
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.databases.copies import MAX_DUMP_BYTES

_ID: Final = re.compile(ID_PATTERN)
_CHUNK: Final = 256 * 1024
_SILENCE_S: Final = 60.0


async def download(gateway: Context, door: auth.Door, request: web.Request) -> web.StreamResponse:
    """GET /api/projects/{id}/database/dump: what the database holds, in pg_dump's custom format."""
    actor, project_id = await _admitted(door, request, "reveal")
    platform = gateway.platform
    project, there = await platform.databases.address(actor, project_id)
    async with platform.copies.dumped(there) as dump:
        response = web.StreamResponse(
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="{project.slug}.dump"',
            }
        )
        response.content_length = dump.stat().st_size
        await response.prepare(request)
        with dump.open("rb") as file:
            while block := await asyncio.to_thread(file.read, _CHUNK):
                await response.write(block)
        await response.write_eof()
    return response


async def upload(gateway: Context, door: auth.Door, request: web.Request) -> web.StreamResponse:
    """POST /api/projects/{id}/database/restore: put back what a dump holds, all of it or nothing."""
    actor, project_id = await _admitted(door, request, "write")
    platform = gateway.platform
    _, there = await platform.databases.address(actor, project_id)
    async with platform.copies.place() as path:
        await _receive(request, path)
        await platform.copies.restore(there, path)
    return web.json_response({"detail": "The dump was put back"})


async def _admitted(door: auth.Door, request: web.Request, scope: Scope) -> tuple[Actor, str]:
    actor = await door.actor(request)
    if actor is None:
        raise auth.stranger()
    actor.require(scope)
    read_query(Parameters, request)
    project_id = request.match_info["id"]
    if not _ID.fullmatch(project_id):
        raise NotFound("Project not found")
    return actor, project_id


async def _receive(request: web.Request, path: Path) -> None:
    left = MAX_DUMP_BYTES
    with path.open("wb") as file:
        while True:
            try:
                async with asyncio.timeout(_SILENCE_S):
                    block = await request.content.read(_CHUNK)
            except TimeoutError:
                raise BodyTooSlow(f"Nothing of the dump came for {_SILENCE_S:g} s") from None
            if not block:
                return
            left -= len(block)
            if left < 0:
                raise BodyTooLarge(f"The dump is larger than {MAX_DUMP_BYTES // 1024**3} GiB")
            await asyncio.to_thread(file.write, block)
