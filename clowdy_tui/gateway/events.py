"""GET /api/events: everything that happens, as server-sent events, for as long as the caller listens."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from aiohttp import web

from clowdy_tui.domain.errors import ClowdyError
from clowdy_tui.domain.events import Event
from clowdy_tui.gateway import auth
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.endpoint import read_query
from clowdy_tui.gateway.operations import EventsQuery
from clowdy_tui.services.actor import Actor

HEARTBEAT_S: Final = 15.0

# As much as is handed to the connection before it is asked whether the reader keeps up.
_CHUNK_BYTES: Final = 64 * 1024

_ID: Final = re.compile(r"[0-9a-f]+-[0-9]+\Z")

_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    # nginx would keep events until a buffer is full
    "X-Accel-Buffering": "no",
}


def may_see(actor: Actor, event: Event) -> bool:
    """Whether an event is the actor's own; what belongs to nobody (the pool, the driver) is for who administers."""
    return event.owner == actor.user or (actor.administers and not event.owner)


def encode(event: Event) -> bytes:
    """An event as it goes over the wire."""
    return f"id: {event.id}\nevent: {event.type}\ndata: {json.dumps(event.data, default=str)}\n\n".encode()


async def serve(gateway: Context, door: auth.Door, request: web.Request) -> web.StreamResponse:
    """Answer with events until the caller goes, its token ends, or the gateway stops."""
    actor = await door.actor(request)
    if actor is None:
        raise auth.stranger()
    actor.require("read")
    read_query(EventsQuery, request)
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    # The one task that writes is ended from outside: it may be waiting for a reader that reads no more.
    writer = asyncio.create_task(_write(gateway, door, request, response, actor))
    stopping = asyncio.create_task(gateway.stopping.wait())
    try:
        await asyncio.wait({writer, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        writer.cancel()
        stopping.cancel()
        outcomes = await asyncio.gather(writer, stopping, return_exceptions=True)
    if isinstance(outcomes[0], Exception) and not isinstance(outcomes[0], ConnectionError):
        raise outcomes[0]
    return response


async def _write(
    gateway: Context, door: auth.Door, request: web.Request, response: web.StreamResponse, actor: Actor
) -> None:
    bus = gateway.platform.bus
    last_id = bus.last_id
    after = request.headers.get("Last-Event-ID") or request.query.get("after") or last_id
    # A reader that breaks off right after `hello` must come back to where it wanted to begin.
    hello = Event(
        after if _ID.match(after) else last_id, "hello", {"id": last_id, "version": gateway.config.version}, actor.user
    )
    await response.write(encode(hello))
    clock = asyncio.get_running_loop().time
    checked_at = clock()
    async with aclosing(_batches(gateway, after, actor)) as batches:
        async for batch in batches:
            # Also where something always happens: a token that is taken back ends its stream.
            if batch is None or clock() - checked_at >= HEARTBEAT_S:
                if not await _still_welcome(door, request):
                    return
                checked_at = clock()
            if batch is None:
                await response.write(b": heartbeat\n\n")
                continue
            chunk = bytearray()
            for event in batch:
                chunk += encode(event)
                if len(chunk) >= _CHUNK_BYTES:
                    await response.write(bytes(chunk))
                    chunk.clear()
            if chunk:
                await response.write(bytes(chunk))


async def _batches(gateway: Context, after: str, actor: Actor) -> AsyncGenerator[list[Event] | None, None]:
    """Events as they come, and None where there were none for as long as a heartbeat's pause."""
    events = gateway.platform.bus.subscribe(after, allows=lambda event: may_see(actor, event))
    pending = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _ = await asyncio.wait({pending}, timeout=HEARTBEAT_S)
            if not done:
                yield None
                continue
            yield pending.result()
            pending = asyncio.ensure_future(anext(events))
    finally:
        pending.cancel()
        await asyncio.gather(pending, return_exceptions=True)
        await events.aclose()


async def _still_welcome(door: auth.Door, request: web.Request) -> bool:
    try:
        return await door.actor(request) is not None
    except ClowdyError:
        return False
