"""A server that speaks the published chat-completions protocol, on loopback, and answers what a test tells it to.

It checks what it is asked as the real ones do: a history in which a tool call has no answer, or an answer no call, is a
400. Answers stream as server-sent events, text and tool calls in pieces as small as can be.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]


@dataclass
class Says:
    """Text, tool calls (name and arguments, or any text in their place), or both.

    `finish` None: the stream ends without a word. `breaks`: the connection goes after the text. `hold`: it waits for
    this before it ends. `error`: an error in the middle of the stream.
    """

    text: str = ""
    calls: Sequence[tuple[str, Json | str]] = ()
    finish: str | None = "stop"
    breaks: bool = False
    hold: asyncio.Event | None = None
    error: str = ""
    done: bool = True


@dataclass
class Refuses:
    """An error, as the protocol has it."""

    status: int
    message: str = "no"
    headers: dict[str, str] = field(default_factory=dict)
    code: str = ""
    raw: str = ""


Reply = Says | Refuses
Script = Reply | Callable[[Json], Reply]


class ModelServer:
    """`script` is used up, one a question; then it says `ok`. `asked` are the bodies, `heard` the headers and paths."""

    def __init__(self) -> None:
        self.script: list[Script] = []
        self.asked: list[Json] = []
        self.heard: list[tuple[str, dict[str, str]]] = []
        self.url = ""
        self.gone = 0

    def will(self, *replies: Script) -> None:
        """Forget what was, and answer these."""
        self.script[:] = replies
        self.asked.clear()
        self.heard.clear()

    @property
    def sent(self) -> str:
        """Everything that has come in, as text."""
        return json.dumps(self.asked, ensure_ascii=False)

    def results(self, index: int = -1) -> list[Any]:
        """The answers of tools in one question, parsed."""
        messages = self.asked[index]["messages"]
        return [json.loads(message["content"]) for message in messages if message["role"] == "tool"]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.asked.append(body)
        self.heard.append((request.path, dict(request.headers)))
        if fault := _fault(body):
            return _refusal(Refuses(400, fault, code="invalid_request_error"))
        script = self.script.pop(0) if self.script else Says("ok")
        reply = script(body) if callable(script) else script
        if isinstance(reply, Refuses):
            return _refusal(reply)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._stream(response, reply, body)
        except (ConnectionError, asyncio.CancelledError):
            self.gone += 1
            raise
        if reply.breaks and request.transport is not None:
            request.transport.abort()
        return response

    async def _stream(self, response: web.StreamResponse, reply: Says, body: Json) -> None:
        async def send(delta: Json, finish: str | None = None, **more: Any) -> None:
            chunk = {
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"],
                "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], **more,
            }  # fmt: skip
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())

        await send({"role": "assistant", "content": ""})
        for start in range(0, len(reply.text), 7):
            await send({"content": reply.text[start : start + 7]})
        if reply.hold is not None:
            await reply.hold.wait()
        if reply.breaks:
            return
        if reply.error:
            await response.write(f"data: {json.dumps({'error': {'message': reply.error}})}\n\n".encode())
            return
        for index, (name, arguments) in enumerate(reply.calls):
            text = arguments if isinstance(arguments, str) else json.dumps(arguments)
            head = {"name": name, "arguments": ""}
            id_ = f"call_{len(self.asked)}_{index}"
            await send({"tool_calls": [{"index": index, "id": id_, "type": "function", "function": head}]})
            for start in range(0, len(text), 5):
                piece = {"index": index, "function": {"arguments": text[start : start + 5]}}
                await send({"tool_calls": [piece]})
        if reply.finish is None:
            return
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        await send({}, "tool_calls" if reply.calls else reply.finish, x_groq={"id": "req_1", "usage": usage})
        if reply.done:
            await response.write(b"data: [DONE]\n\n")


def _refusal(reply: Refuses) -> web.Response:
    error = {"message": reply.message, "type": "error", "code": reply.code}
    text = reply.raw or json.dumps({"error": error})
    return web.Response(status=reply.status, text=text, headers=reply.headers, content_type="application/json")


def _fault(body: Json) -> str:
    """What the protocol forbids."""
    open_calls: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a tool message answers no tool call"
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            return "a tool call is not answered"
        if message["role"] not in {"system", "user", "assistant"} or not isinstance(message["content"], str):
            return "a message is not one"
        for call in message.get("tool_calls", []):
            json.loads(call["function"]["arguments"])
            open_calls.append(call["id"])
    if open_calls:
        return "a tool call is not answered"
    for tool in body.get("tools", []):
        if tool["type"] != "function" or tool["function"]["parameters"]["type"] != "object":
            return "a tool is not one"
    return "" if body["stream"] is True else "it should stream"


@asynccontextmanager
async def model_server() -> AsyncIterator[ModelServer]:
    """A server on a free port; `url` is what `assistant_base_url` is set to."""
    server = ModelServer()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    for path in ("/v1/chat/completions", "/openai/v1/chat/completions"):
        app.router.add_post(path, server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    server.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()
