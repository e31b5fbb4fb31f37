"""Conversations: kept per project, seen by their owner alone."""

from clowdy_tui.domain import names
from clowdy_tui.domain.assistant import (
    ConversationDetail,
    ConversationIn,
    ConversationMessage,
    ConversationOut,
    ConversationPatch,
    MessageBody,
)
from clowdy_tui.domain.errors import NotFound
from clowdy_tui.domain.tables import Conversation, ConversationEntry
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.assistant.model import as_json
from clowdy_tui.services.changes import whole
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import no_such_mark, owned_project
from clowdy_tui.store.database import Database, Transaction

UNTITLED = "New conversation"
_TITLE_LENGTH = 60


class ConversationService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, actor: Actor, *, project_id: str | None = None, limit: int = 1000, before: str | None = None
    ) -> list[ConversationOut]:
        """The actor's, of one project where it is given, newest first.

        Raises:
            NotFound: no such project.
            InvalidInput: no such `before`.
        """
        actor.require("read")
        async with self._database.read() as transaction:
            if project_id is not None:
                await owned_project(transaction, actor, project_id)
            if before is not None:
                mark = await transaction.conversations.get(before)
                if mark is None or mark.owner != actor.user or project_id not in (None, mark.project_id):
                    raise no_such_mark()
            rows = await transaction.conversations.page(actor.user, project_id=project_id, limit=limit, before=before)
        return [_out(conversation, count) for conversation, count in rows]

    async def get(self, actor: Actor, conversation_id: str) -> ConversationDetail:
        """With all of its messages, oldest first. Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            conversation = await _owned(transaction, actor, conversation_id)
            entries = await transaction.conversations.entries(conversation_id)
        messages = [_message(entry) for entry in entries]
        return ConversationDetail(**_out(conversation, len(entries)).model_dump(), messages=messages)

    @whole
    async def create(self, actor: Actor, wanted: ConversationIn) -> ConversationOut:
        """Raises NotFound: no such project."""
        actor.require("write")
        now = now_ms()
        conversation = Conversation(
            id=names.new_id(),
            owner=actor.user,
            project_id=wanted.project_id,
            title=wanted.title,
            allowed=[],
            created_at=now,
            updated_at=now,
        )
        async with self._database.write() as transaction:
            if wanted.project_id is not None:
                await owned_project(transaction, actor, wanted.project_id)
            await transaction.conversations.add(conversation)
        return _out(conversation, 0)

    @whole
    async def rename(self, actor: Actor, conversation_id: str, patch: ConversationPatch) -> ConversationOut:
        """Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            conversation = await _owned(transaction, actor, conversation_id)
            conversation.title = patch.title
            await transaction.conversations.add(conversation)
            count = len(await transaction.conversations.entries(conversation_id))
        return _out(conversation, count)

    @whole
    async def delete(self, actor: Actor, conversation_id: str) -> None:
        """Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            await _owned(transaction, actor, conversation_id)
            await transaction.conversations.delete(conversation_id)

    async def export(self, actor: Actor, conversation_id: str) -> str:
        """As Markdown. Raises NotFound."""
        conversation = await self.get(actor, conversation_id)
        parts = [f"# {conversation.title}", f"*{conversation.created_at:%Y-%m-%d %H:%M} UTC*"]
        for message in conversation.messages:
            parts.append("## You" if message.role == "user" else "## Assistant")
            parts += [message.text] if message.text else []
            for tool in message.tools:
                sign = "✓" if tool.ok else "✗"
                parts.append(f"{sign} `{tool.tool}`\n\n{_fenced(tool.arguments)}\n\n{_fenced(as_json(tool.result))}")
            parts += [f"*{message.note}*"] if message.note else []
        return "\n\n".join(parts) + "\n"

    # for turns

    @whole
    async def note_question(self, actor: Actor, conversation_id: str, text: str) -> None:
        """Keep what the person asked; the first question names the conversation. Raises NotFound."""
        now = now_ms()
        async with self._database.write() as transaction:
            conversation = await _owned(transaction, actor, conversation_id)
            conversation.updated_at = now
            if conversation.title == UNTITLED and (title := _title_from(text)):
                conversation.title = title
            await transaction.conversations.add(conversation)
            body = MessageBody(text=text).model_dump(mode="json")
            await transaction.conversations.put_entry(
                ConversationEntry(conversation_id=conversation_id, role="user", body=body, created_at=now)
            )

    @whole
    async def note_answer(self, conversation_id: str, body: MessageBody, entry_id: int | None) -> int | None:
        """Keep a piece of an answer, anew where it has a number already; its number, None where it is deleted."""
        fields = body.model_dump(mode="json")
        async with self._database.write() as transaction:
            if entry_id is not None:
                await transaction.conversations.set_body(entry_id, fields)
                return entry_id
            if await transaction.conversations.get(conversation_id) is None:
                return None
            entry = ConversationEntry(
                conversation_id=conversation_id, role="assistant", body=fields, created_at=now_ms()
            )
            return await transaction.conversations.put_entry(entry)

    @whole
    async def allow(self, conversation_id: str, tool: str) -> None:
        """From now on this tool need not ask in this conversation."""
        async with self._database.write() as transaction:
            conversation = await transaction.conversations.get(conversation_id)
            if conversation is not None and tool not in conversation.allowed:
                conversation.allowed = [*conversation.allowed, tool]
                await transaction.conversations.add(conversation)


async def _owned(transaction: Transaction, actor: Actor, conversation_id: str) -> Conversation:
    conversation = await transaction.conversations.get(conversation_id)
    if conversation is None or conversation.owner != actor.user:
        raise NotFound("Conversation not found")
    return conversation


def _title_from(text: str) -> str:
    line = "".join(character if character.isprintable() else " " for character in text.strip().partition("\n")[0])
    line = " ".join(line.split())
    return line if len(line) <= _TITLE_LENGTH else line[:_TITLE_LENGTH].rstrip() + "…"


def _fenced(text: str) -> str:
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}json\n{text}\n{fence}"


def _message(entry: ConversationEntry) -> ConversationMessage:
    return ConversationMessage.model_validate(
        {**entry.body, "role": entry.role, "created_at": moment(entry.created_at)}
    )


def _out(conversation: Conversation, count: int) -> ConversationOut:
    return ConversationOut(
        id=conversation.id,
        title=conversation.title,
        project_id=conversation.project_id,
        always=list(conversation.allowed),
        message_count=count,
        created_at=moment(conversation.created_at),
        updated_at=moment(conversation.updated_at),
    )
