"""What the screen asks of the gateway. Each is a worker's body: it posts what came of it, and touches nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from textual.message import Message

from clowdy_tui.client import ApiError, Clowdy, GatewayGone
from clowdy_tui.domain.schemas import FunctionOut, FunctionPatch
from clowdy_tui.tui import messages
from clowdy_tui.tui.state import ENTRY_PATH, Place, Snapshot

RECENT_CALLS = 50
MISSED_CALLS = 500
"""As many as a list of calls gives at a time."""
FAILED_CALLS = 100
"""Among so many of the newest failed calls the last one of each function is looked for."""

Post = Callable[[Message], Any]


async def load(client: Clowdy, post: Post, calls: int = RECENT_CALLS) -> None:
    """Fetch all that the tree and the status bar show, so many of the newest calls, and what failed last."""
    try:
        projects, functions, health, pool, newest, failed = await asyncio.gather(
            client.projects.list(),
            client.functions.list(),
            client.health(),
            client.pool(),
            client.invocations.list(limit=calls, logs=True, cut=0),
            client.invocations.list(limit=FAILED_CALLS, status="failed", cut=0),
        )
        lists = await asyncio.gather(*(client.routes.list(project.id) for project in projects))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The projects could not be loaded", str(error)))
        return
    routes = {project.id: list_ for project, list_ in zip(projects, lists, strict=True)}
    warm = sum(instance.state in ("idle", "busy") for instance in pool)
    # The newest come first. A trial of the assistant's own is not what the person would have mended.
    last = {call.function_id: call.id for call in reversed(failed) if call.source != "assistant"}
    post(messages.Loaded(Snapshot(projects, functions, routes, health, warm, newest, last)))


async def follow(client: Clowdy, post: Post) -> None:
    """Pass on everything that happens, over lost connections too."""
    try:
        async for event in client.events():
            post(messages.GatewayEvent(event))
    except ApiError as error:
        post(messages.Failed("The gateway does not tell what happens", str(error)))


async def fetch_function(client: Clowdy, post: Post, function_id: str) -> None:
    try:
        post(messages.FunctionFetched(await client.functions.get(function_id)))
    except ApiError as error:
        if error.status == 404:
            post(messages.Gone(function_id=function_id))
        else:
            post(messages.Failed("A function could not be loaded", str(error)))
    except GatewayGone as error:
        post(messages.Failed("A function could not be loaded", str(error)))


async def fetch_project(client: Clowdy, post: Post, project_id: str) -> None:
    try:
        post(messages.ProjectFetched(await client.projects.get(project_id)))
    except ApiError as error:
        # One that is gone by now is told by another event.
        if error.status != 404:
            post(messages.Failed("A project could not be loaded", str(error)))
    except GatewayGone as error:
        post(messages.Failed("A project could not be loaded", str(error)))


async def fetch_routes(client: Clowdy, post: Post, project_id: str) -> None:
    try:
        post(messages.RoutesFetched(project_id, await client.routes.list(project_id)))
    except ApiError as error:
        if error.status != 404:
            post(messages.Failed("The routes could not be loaded", str(error)))
    except GatewayGone as error:
        post(messages.Failed("The routes could not be loaded", str(error)))


async def fetch_health(client: Clowdy, post: Post) -> None:
    try:
        health, pool = await asyncio.gather(client.health(), client.pool())
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The state of the gateway could not be loaded", str(error)))
    else:
        post(messages.HealthFetched(health, sum(instance.state in ("idle", "busy") for instance in pool)))


async def save(client: Clowdy, post: Post, function: FunctionOut, path: str, text: str, *, base_version: int) -> None:
    """Make `text` the file `path` of a new version, on top of `base_version`."""
    changes = FunctionPatch(base_version=base_version)
    if path == ENTRY_PATH:
        changes.code = text
    else:
        changes.files = {**function.files, path: text}
    try:
        saved = await client.functions.update(function.id, changes)
    except ApiError as error:
        if error.status == 409 and error.problem.type.endswith("stale-version"):
            post(messages.SaveRefused(function.id, path, text, error.problem))
        else:
            post(messages.SaveFailed(function.id, path, str(error)))
    except GatewayGone as error:
        post(messages.SaveFailed(function.id, path, str(error)))
    else:
        post(messages.Saved(saved, path, text, made_version=saved.active_version != base_version))


async def run(client: Clowdy, post: Post, function_id: str, value: Any) -> None:
    """Call a function with any JSON value."""
    try:
        post(messages.RunFinished(function_id, await client.invoke(function_id, value)))
    except (ApiError, GatewayGone) as error:
        post(messages.RunFailed(function_id, str(error)))


async def fetch_call(client: Clowdy, post: Post, invocation_id: str) -> None:
    try:
        post(messages.CallFetched(await client.invocations.get(invocation_id)))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The call could not be loaded", str(error)))


async def fetch_pane(
    client: Clowdy, post: Post, fetch: Callable[[Clowdy, Place], Awaitable[Any]], key: tuple[str, str], place: Place
) -> None:
    """Fetch the data of a pane of the centre."""
    try:
        post(messages.PaneFetched(key, await fetch(client, place)))
    except (ApiError, GatewayGone) as error:
        post(messages.PaneFetched(key, None, str(error)))


async def set_status(client: Clowdy, post: Post, function: FunctionOut, status: Any) -> None:
    """Activate or deactivate a function."""
    try:
        post(messages.FunctionFetched(await client.functions.update(function.id, FunctionPatch(status=status))))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed(f"{function.name} stays {function.status}", str(error)))
