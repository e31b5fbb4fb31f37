"""The assistant: questions, answered at once or as they come, and its questions about permission."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from aiohttp import web

from clowdy_tui.domain.assistant import AnswerIn, ChatEvent, ChatIn, ChatOut, ChatPreview, ChatStatus
from clowdy_tui.domain.schemas import Detail
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.endpoint import Call, endpoint

HEARTBEAT_S: Final = 15.0

_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache",
    # nginx would keep events until a buffer is full
    "X-Accel-Buffering": "no",
}


@endpoint("GET", "/api/chat/status", scope="read", answer=ChatStatus)
async def get_chat_status(call: Call[None, None]) -> ChatStatus:
    """Whether there is an assistant, whom it asks, and what to do where there is none."""
    return call.platform.assistant.status(call.actor)


@endpoint("POST", "/api/chat", scope="read", body=ChatIn, answer=ChatOut, streams=ChatEvent, statuses=(404, 409, 503))
async def chat(call: Call[ChatIn, None]) -> ChatOut | web.StreamResponse:
    """Ask the assistant; with `Accept: text/event-stream` the answer streams, and asks for permission as it goes."""
    assistant = call.platform.assistant
    if "text/event-stream" not in call.request.headers.get("Accept", ""):
        return await assistant.answer(call.actor, call.body)
    await assistant.check(call.actor, call.body)
    return await _stream(call.gateway, call.request, assistant.stream(call.actor, call.body))


@endpoint("POST", "/api/chat/preview", scope="read", body=ChatIn, answer=ChatPreview, statuses=(404,))
async def preview_chat(call: Call[ChatIn, None]) -> ChatPreview:
    """What a question would send to the model's server, and how much that is; nothing is sent."""
    return await call.platform.assistant.preview(call.actor, call.body)


@endpoint("POST", "/api/chat/turns/{turn_id}/answer", scope="approve", body=AnswerIn, answer=Detail, statuses=(404,))
async def answer_permission(call: Call[AnswerIn, None]) -> Detail:
    """Answer a question about permission that a streaming turn has asked."""
    call.platform.assistant.answer_question(call.actor, call.id("turn_id", "Turn"), call.body.call_id, call.body.answer)
    return Detail(detail="Answered")


@endpoint("DELETE", "/api/chat/turns/{turn_id}", scope="read", answer=Detail, statuses=(404,))
async def stop_turn(call: Call[None, None]) -> Detail:
    """Stop a streaming turn; what has begun to change is changed whole. Hanging up does the same."""
    call.platform.assistant.stop(call.actor, call.id("turn_id", "Turn"))
    return Detail(detail="Stopped")


async def _stream(
    gateway: Context, request: web.Request, events: AsyncGenerator[ChatEvent, None]
) -> web.StreamResponse:
    response = web.StreamResponse(headers=_HEADERS)
    await response.prepare(request)
    writer = asyncio.create_task(_write(response, events))
    stopping = asyncio.create_task(gateway.stopping.wait())
    try:
        await asyncio.wait({writer, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        writer.cancel()
        stopping.cancel()
        outcomes = await asyncio.gather(writer, stopping, return_exceptions=True)
    if isinstance(outcomes[0], Exception) and not isinstance(outcomes[0], ConnectionError):
        raise outcomes[0]
    return response


async def _write(response: web.StreamResponse, events: AsyncGenerator[ChatEvent, None]) -> None:
    async with aclosing(events):
        while True:
            pending = asyncio.ensure_future(anext(events, None))
            try:
                # Somebody may think about a question for as long as they like.
                while not (await asyncio.wait({pending}, timeout=HEARTBEAT_S))[0]:
                    await response.write(b": heartbeat\n\n")
                event = await pending
            finally:
                pending.cancel()
                await asyncio.gather(pending, return_exceptions=True)
            if event is None:
                return
            data = json.dumps(event.model_dump(mode="json")["data"])
            await response.write(f"event: {event.type}\ndata: {data}\n\n".encode())


ENDPOINTS = (get_chat_status, chat, preview_chat, answer_permission, stop_turn)
