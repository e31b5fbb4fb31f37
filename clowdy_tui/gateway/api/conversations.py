"""Conversations with the assistant, as they are kept."""

from typing import Annotated

from pydantic import Field

from clowdy_tui.domain.assistant import ConversationDetail, ConversationIn, ConversationOut, ConversationPatch
from clowdy_tui.domain.names import ID_PATTERN
from clowdy_tui.domain.schemas import Detail
from clowdy_tui.gateway.endpoint import Call, Page, endpoint


class ConversationPage(Page):
    """One project's, where it is given."""

    project_id: Annotated[str, Field(pattern=ID_PATTERN)] | None = None


_ALL = "/api/chat/conversations"
_ONE = "/api/chat/conversations/{conversation_id}"


@endpoint("GET", _ALL, scope="read", query=ConversationPage, answer=list[ConversationOut], statuses=(404,))
async def list_conversations(call: Call[None, ConversationPage]) -> list[ConversationOut]:
    """The caller's conversations with the assistant, newest first."""
    query = call.query
    return await call.platform.conversations.list(
        call.actor, project_id=query.project_id, limit=query.limit, before=query.before
    )


@endpoint("POST", _ALL, scope="write", body=ConversationIn, answer=ConversationOut, statuses=(404,))
async def create_conversation(call: Call[ConversationIn, None]) -> ConversationOut:
    """Begin a conversation; the first question names it."""
    return await call.platform.conversations.create(call.actor, call.body)


@endpoint("GET", _ONE, scope="read", answer=ConversationDetail, statuses=(404,))
async def get_conversation(call: Call[None, None]) -> ConversationDetail:
    """One conversation with all that was said and done in it."""
    return await call.platform.conversations.get(call.actor, call.id("conversation_id", "Conversation"))


@endpoint("PUT", _ONE, scope="write", body=ConversationPatch, answer=ConversationOut, statuses=(404,))
async def rename_conversation(call: Call[ConversationPatch, None]) -> ConversationOut:
    """Give a conversation another title."""
    return await call.platform.conversations.rename(call.actor, call.id("conversation_id", "Conversation"), call.body)


@endpoint("DELETE", _ONE, scope="write", answer=Detail, statuses=(404,))
async def delete_conversation(call: Call[None, None]) -> Detail:
    """Delete a conversation with all of it."""
    await call.platform.conversations.delete(call.actor, call.id("conversation_id", "Conversation"))
    return Detail(detail="Conversation deleted")


@endpoint(
    "GET", f"{_ONE}/export", scope="read", answer=str, statuses=(404,), content_type="text/markdown; charset=utf-8"
)
async def export_conversation(call: Call[None, None]) -> str:
    """One conversation as Markdown."""
    return await call.platform.conversations.export(call.actor, call.id("conversation_id", "Conversation"))


ENDPOINTS = (
    list_conversations,
    create_conversation,
    get_conversation,
    rename_conversation,
    delete_conversation,
    export_conversation,
)
