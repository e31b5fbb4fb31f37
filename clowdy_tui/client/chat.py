"""The assistant, by the API. Every call raises ApiError or GatewayGone."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeAlias
from urllib.parse import quote

from clowdy_tui.client.connection import Connection
from clowdy_tui.client.events import parse
from clowdy_tui.domain.assistant import (
    Answer,
    ChatEvent,
    ChatIn,
    ChatOut,
    ChatPreview,
    ChatStatus,
    ConversationDetail,
    ConversationOut,
)
from clowdy_tui.domain.schemas import Detail

# The gateway sends a heartbeat every 15 seconds.
_SILENCE_S: Final = 45.0

ConversationList: TypeAlias = list[ConversationOut]


class Chat:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.conversations = Conversations(connection)

    async def status(self) -> ChatStatus:
        """Whether there is an assistant, and what to do where there is none."""
        return await self._connection.call(ChatStatus, "GET", "/api/chat/status")

    async def ask(self, wanted: ChatIn) -> ChatOut:
        """A question, answered at once."""
        return await self._connection.call(ChatOut, "POST", "/api/chat", body=wanted)

    async def stream(self, wanted: ChatIn) -> AsyncGenerator[ChatEvent, None]:
        """A question, answered as it comes: the events of `domain.assistant`. Whoever closes this stops the turn."""
        async with (
            self._connection.stream(
                "/api/chat",
                method="POST",
                body=wanted,
                headers={"accept": "text/event-stream"},
                read_timeout=_SILENCE_S,
            ) as lines,
            aclosing(parse(lines)) as events,
        ):
            async for event in events:
                yield ChatEvent(type=event.type, data=event.data)

    async def answer(self, turn_id: str, call_id: str, answer: Answer) -> None:
        """Answer what a turn asks permission for."""
        path = f"/api/chat/turns/{quote(turn_id, safe='')}/answer"
        await self._connection.call(Detail, "POST", path, body={"call_id": call_id, "answer": answer})

    async def stop(self, turn_id: str) -> None:
        """Stop a turn; what has begun to change is changed whole."""
        await self._connection.call(Detail, "DELETE", f"/api/chat/turns/{quote(turn_id, safe='')}")

    async def preview(self, wanted: ChatIn) -> ChatPreview:
        """What a question would send to the model's server."""
        return await self._connection.call(ChatPreview, "POST", "/api/chat/preview", body=wanted)


class Conversations:
    """Those that are kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, project_id: str | None = None) -> ConversationList:
        """Newest first; of one project where it is given."""
        return await self._connection.call(ConversationList, "GET", _path(), query={"project_id": project_id})

    async def create(self, project_id: str | None = None, title: str | None = None) -> ConversationOut:
        """A new one; the first question names it unless it has a title."""
        body = {"project_id": project_id} | ({"title": title} if title is not None else {})
        return await self._connection.call(ConversationOut, "POST", _path(), body=body)

    async def get(self, id_: str) -> ConversationDetail:
        return await self._connection.call(ConversationDetail, "GET", _path(id_))

    async def rename(self, id_: str, title: str) -> ConversationOut:
        return await self._connection.call(ConversationOut, "PUT", _path(id_), body={"title": title})

    async def delete(self, id_: str) -> None:
        await self._connection.call(Detail, "DELETE", _path(id_))

    async def export(self, id_: str) -> str:
        """As Markdown."""
        return await self._connection.text("GET", _path(id_, "export"))


def _path(*parts: str) -> str:
    return "/api/chat/conversations" + "".join("/" + quote(part, safe="") for part in parts)
