"""Conversations with the assistant, as they are kept."""

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from clowdy_tui.domain.tables import Conversation, ConversationEntry
from clowdy_tui.store.paging import newest_first


class Conversations:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, conversation_id: str) -> Conversation | None:
        return await self._session.get(Conversation, conversation_id)

    async def page(
        self, owner: str, *, project_id: str | None = None, limit: int, before: str | None = None
    ) -> list[tuple[Conversation, int]]:
        """A user's conversations, of one project where it is given, with the number of their messages, newest first."""
        count = (
            select(func.count())
            .select_from(ConversationEntry)
            .where(col(ConversationEntry.conversation_id) == col(Conversation.id))
            .correlate(Conversation)
            .scalar_subquery()
        )
        statement = select(Conversation, count).where(col(Conversation.owner) == owner)
        if project_id is not None:
            statement = statement.where(col(Conversation.project_id) == project_id)
        rows = await self._session.execute(newest_first(statement, Conversation, limit=limit, before=before))
        return [(conversation, number) for conversation, number in rows]

    async def entries(self, conversation_id: str) -> list[ConversationEntry]:
        """Oldest first."""
        statement = select(ConversationEntry).where(col(ConversationEntry.conversation_id) == conversation_id)
        return list(await self._session.scalars(statement.order_by(col(ConversationEntry.id))))

    async def add(self, conversation: Conversation) -> None:
        """Keep a conversation, new or changed."""
        self._session.add(conversation)
        await self._session.flush()

    async def put_entry(self, entry: ConversationEntry) -> int:
        """Keep a message, new or changed; its number."""
        self._session.add(entry)
        await self._session.flush()
        assert entry.id is not None
        return entry.id

    async def set_body(self, entry_id: int, body: dict[str, Any]) -> None:
        """Replace what a message says; nothing where it is gone."""
        entry = await self._session.get(ConversationEntry, entry_id)
        if entry is not None:
            entry.body = body
            await self._session.flush()

    async def delete(self, conversation_id: str) -> None:
        """With its messages."""
        await self._session.execute(delete(Conversation).where(col(Conversation.id) == conversation_id))
