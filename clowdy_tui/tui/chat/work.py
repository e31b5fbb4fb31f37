"""What the chat pane asks of the gateway. Each is a worker's body: it posts what came of it, and touches nothing."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

from textual.message import Message

from clowdy_tui.client import ApiError, Clowdy, GatewayGone
from clowdy_tui.domain.assistant import Answer, ChatIn
from clowdy_tui.tui import messages
from clowdy_tui.tui.chat.messages import (
    ChatHappened,
    ChatOver,
    ConversationBegun,
    ConversationDeleted,
    ConversationFetched,
    ConversationRenamed,
    PreviewFetched,
    StatusFetched,
)

Post = Callable[[Message], Any]


async def fetch_status(client: Clowdy, post: Post) -> None:
    try:
        post(StatusFetched(await client.chat.status()))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The assistant cannot be asked", str(error)))


async def fetch_last(client: Clowdy, post: Post, project_id: str | None) -> None:
    """What a project's talk was last."""
    try:
        listed = await client.chat.conversations.list(project_id)
        fitting = [each for each in listed if each.project_id == project_id and each.message_count]
        newest = max(fitting, key=lambda each: each.updated_at, default=None)
        found = await client.chat.conversations.get(newest.id) if newest else None
        post(ConversationFetched(project_id, found))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The conversations could not be loaded", str(error)))


async def fetch(client: Clowdy, post: Post, conversation_id: str) -> None:
    """One conversation, to be shown."""
    try:
        found = await client.chat.conversations.get(conversation_id)
        post(ConversationFetched(found.project_id, found))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The conversation could not be loaded", str(error)))


async def ask(client: Clowdy, post: Post, wanted: ChatIn) -> None:
    """Ask a question, and pass on all that happens; a conversation is begun where there is none."""
    try:
        begun = None
        if wanted.conversation_id is None:
            begun = await client.chat.conversations.create(wanted.project_id)
            post(ConversationBegun(begun))
            wanted.conversation_id = begun.id
        async with aclosing(client.chat.stream(wanted)) as events:
            async for event in events:
                post(ChatHappened(event))
        if begun is not None:
            # By now it has its title, from the first question.
            post(ConversationRenamed(await client.chat.conversations.get(begun.id)))
    except ApiError as error:
        post(ChatOver(error.detail))
    except GatewayGone as error:
        post(ChatOver(f"{error}. What was said stays."))
    else:
        post(ChatOver())


async def answer(client: Clowdy, post: Post, turn_id: str, call_id: str, given: Answer) -> None:
    try:
        await client.chat.answer(turn_id, call_id, given)
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The answer did not arrive", str(error)))


async def stop(client: Clowdy, post: Post, turn_id: str) -> None:
    try:
        await client.chat.stop(turn_id)
    except ApiError as error:
        # It was over by then.
        if error.status != 404:
            post(messages.Failed("The assistant could not be stopped", str(error)))
    except GatewayGone as error:
        post(messages.Failed("The assistant could not be stopped", str(error)))


async def preview(client: Clowdy, post: Post, wanted: ChatIn) -> None:
    try:
        post(PreviewFetched(await client.chat.preview(wanted)))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("What would be sent is not known", str(error)))


async def rename(client: Clowdy, post: Post, conversation_id: str, title: str) -> None:
    try:
        post(ConversationRenamed(await client.chat.conversations.rename(conversation_id, title)))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The title stays as it is", str(error)))


async def delete(client: Clowdy, post: Post, conversation_id: str) -> None:
    try:
        await client.chat.conversations.delete(conversation_id)
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("The conversation is still there", str(error)))
    else:
        post(ConversationDeleted(conversation_id))


async def export(client: Clowdy, post: Post, conversation_id: str, name: str) -> None:
    """Save a conversation as Markdown; a file that is there already stays."""
    try:
        text = await client.chat.conversations.export(conversation_id)
        path = await asyncio.to_thread(_write_new, name, text)
    except FileExistsError:
        post(messages.Failed("Not saved", f"{name} is there already: /export with another name"))
    except (OSError, ValueError, RuntimeError) as error:
        post(messages.Failed("Not saved", f"{name}: {getattr(error, 'strerror', None) or error}"))
    except (ApiError, GatewayGone) as error:
        post(messages.Failed("Not saved", str(error)))
    else:
        post(messages.Done("Conversation saved", str(path)))


def _write_new(name: str, text: str) -> Path:
    path = Path(name).expanduser().absolute()
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return path
