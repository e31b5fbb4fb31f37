"""The gateway's events, for as long as one reads: the parser of server-sent events, and the reconnecting."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Final

from clowdy_tui.client.connection import Connection
from clowdy_tui.client.errors import ApiError, GatewayGone
from clowdy_tui.domain.schemas import EventOut

LOST: Final = "connection.lost"
RESTORED: Final = "connection.restored"

# The gateway sends a heartbeat every 15 seconds: three missed ones mean that it, or the way to it, is dead.
_SILENCE_S: Final = 45.0
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


async def follow(connection: Connection, after: str | None = None) -> AsyncGenerator[EventOut, None]:
    """Every event after the id `after` (None: from now on), until the client is closed.

    The first is the gateway's `hello`. When the connection breaks: one `connection.lost` (data: `detail`), then
    tries with growing pauses, then `connection.restored`, the new `hello` and what was missed, or `gap` where that
    is no longer known.

    Raises:
        ApiError: the gateway refuses the token.
    """
    lost = False
    pause = _FIRST_PAUSE_S
    while not connection.is_closed():
        try:
            headers = {"accept": "text/event-stream"} | ({"last-event-id": after} if after else {})
            async with (
                connection.stream("/api/events", headers=headers, read_timeout=_SILENCE_S) as lines,
                aclosing(parse(lines)) as events,
            ):
                async for event in events:
                    if lost:
                        lost = False
                        yield EventOut(id=event.id, type=RESTORED, data={})
                    pause = _FIRST_PAUSE_S
                    after = event.id
                    yield event
            detail = f"The gateway at {connection.where} has stopped"
        except ApiError as error:
            # Not ours to repair, unless it is a gateway (or a proxy before it) that is only just starting or stopping.
            if error.status < 500:
                raise
            detail = error.detail
        except GatewayGone as error:
            detail = str(error)
        if connection.is_closed():
            return
        if not lost:
            lost = True
            yield EventOut(id=after or "", type=LOST, data={"detail": detail})
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)


async def parse(lines: AsyncIterator[str]) -> AsyncGenerator[EventOut, None]:
    """Server-sent events from their lines. Comments are skipped; an event cut off by the end is dropped."""
    id_, type_, data = "", "message", list[str]()
    async for line in lines:
        if not line:
            if data:
                yield EventOut(id=id_, type=type_, data=json.loads("\n".join(data)))
            type_, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            type_ = value
        elif field == "id":
            id_ = value
