"""What the log pane asks of the gateway, and of the disk. Each is a worker's body, as in `work`."""

from __future__ import annotations

from clowdy_tui.client import ApiError, Clowdy, GatewayGone
from clowdy_tui.domain.schemas import InvocationOut
from clowdy_tui.tui import messages
from clowdy_tui.tui.log_messages import NewestFetched, OlderFetched
from clowdy_tui.tui.widgets.log_search import PAGE, Ask
from clowdy_tui.tui.work import Post


async def fetch_older(client: Clowdy, post: Post, ask: Ask) -> None:
    """One page of calls with what they printed."""
    try:
        post(OlderFetched(ask, await page(client, ask)))
    except (ApiError, GatewayGone) as error:
        post(OlderFetched(ask, None))
        post(messages.Failed("Older calls could not be loaded", str(error)))


async def fetch_newest(client: Clowdy, post: Post) -> None:
    """The calls that a log begins with."""
    try:
        post(NewestFetched(await page(client, Ask(None, {}, PAGE))))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The newest calls could not be loaded", str(error)))


async def page(client: Clowdy, ask: Ask) -> list[InvocationOut]:
    """The calls that are asked for, without their bodies.

    Raises:
        ApiError, GatewayGone: as the client's calls.
    """
    query = dict(ask.query) | {"logs": True, "cut": 0}
    function_id = query.pop("function_id", None)
    if function_id is None:
        return await client.invocations.list(ask.limit, ask.before, **query)
    return await client.functions.invocations(str(function_id), ask.limit, ask.before, **query)
