"""What history and console ask of the gateway. Each is a worker's body, as in `work`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clowdy_tui.client import ApiError, Clowdy, GatewayGone
from clowdy_tui.tui.call_messages import CallsFetched, InputChosen
from clowdy_tui.tui.messages import Failed, RunFailed, RunFinished
from clowdy_tui.tui.shell_lines import input_of
from clowdy_tui.tui.widgets.call_pages import PageAsk
from clowdy_tui.tui.widgets.call_row import CUT
from clowdy_tui.tui.work import Post


async def fetch_calls(client: Clowdy, post: Post, ask: PageAsk, query: Mapping[str, Any]) -> None:
    """One page of calls, with the beginning of what went in and came out."""
    wanted = dict(query) | {"cut": CUT}
    function_id = wanted.pop("function_id", None)
    try:
        if function_id is None:
            calls = await client.invocations.list(ask.limit, ask.before, **wanted)
        else:
            calls = await client.functions.invocations(function_id, ask.limit, ask.before, **wanted)
    except (ApiError, GatewayGone) as error:
        post(CallsFetched(ask, None, str(error)))
    else:
        post(CallsFetched(ask, calls))


async def fetch_input(client: Clowdy, post: Post, invocation_id: str) -> None:
    """All of what a call was given, for the console."""
    try:
        call = await client.invocations.get(invocation_id)
        text = json.dumps(input_of(call), indent=2, ensure_ascii=False)
    except (ApiError, GatewayGone) as error:
        post(Failed("The call could not be loaded", str(error)))
    except ValueError as error:
        post(Failed("Its input cannot be changed and run", str(error)))
    else:
        post(InputChosen(call.function_id, text))


async def run_version(client: Clowdy, post: Post, function_id: str, value: Any, version: int) -> None:
    """Call a version of a function that need not be the active one."""
    try:
        post(RunFinished(function_id, await client.invoke(function_id, value, version=version)))
    except (ApiError, GatewayGone) as error:
        post(RunFailed(function_id, str(error)))


async def replay(client: Clowdy, post: Post, function_id: str, invocation_id: str) -> None:
    """Run a call's input again, by the active version."""
    try:
        post(RunFinished(function_id, await client.invocations.replay(invocation_id)))
    except (ApiError, GatewayGone) as error:
        post(RunFailed(function_id, str(error)))
