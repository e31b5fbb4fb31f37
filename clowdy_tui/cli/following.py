"""Work that goes on in the gateway after the answer: told line by line, as its events come, until it is done."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from clowdy_tui.cli import output
from clowdy_tui.client import Clowdy
from clowdy_tui.client.events import LOST, RESTORED
from clowdy_tui.domain.events import GAP

T = TypeVar("T")


async def follow(
    client: Clowdy,
    project_id: str,
    begin: Callable[[], Awaitable[T]],
    look: Callable[[], Awaitable[T]],
    *,
    progress: str,
    goes_on: Callable[[T], bool],
    quiet: bool = False,
) -> T:
    """Begin something of a project, and return how it is when it no longer goes on.

    What its events of the type `progress` say goes to stderr, unless `quiet`; any other event of the project may be
    its end, so that `look` is asked.

    Raises:
        ApiError: it is refused, or the project is gone.
        GatewayGone: the gateway went away.
    """
    # Listen before it begins: what takes no time at all is told, too.
    async with aclosing(client.events()) as events:
        await anext(events)
        found = await begin()
        while goes_on(found):
            event = await anext(events)
            if event.type == progress and event.data.get("project_id") == project_id:
                if not quiet:
                    output.hint(output.plain(str(event.data.get("text", ""))))
            elif event.type in {LOST, RESTORED, GAP} or event.data.get("project_id") == project_id:
                found = await look()
    return found
