"""The model's server, asked through Groq's SDK: one question, and its answer in pieces as they come."""

import asyncio
import importlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

from clowdy_tui.domain.assistant import Usage
from clowdy_tui.services.assistant.config import AssistantConfig

if TYPE_CHECKING:
    import groq

_SDK_PATH: Final = "/openai/v1/"
_CONNECT_S: Final = 10.0
# Between two pieces of an answer; a model that runs on a CPU reads the question for a while first.
_READ_S: Final = 180.0
_MAX_TOKENS: Final = 8192
_MAX_DETAIL: Final = 400

Kind = Literal["key", "too_large", "rate_limit", "server", "broken", "unreachable", "refused"]
Message = dict[str, Any]


class ModelError(Exception):
    """The server did not answer, or not to the end.

    `retry_after` is in seconds, where it said so. `begun`: pieces of an answer had come already.
    """

    def __init__(self, kind: Kind, detail: str, *, retry_after: float | None = None, begun: bool = False) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.retry_after = retry_after
        self.begun = begun


@dataclass(frozen=True, slots=True)
class WantedCall:
    """A tool that the model wants; `arguments` is what it wrote, JSON or not."""

    id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The end of an answer. `cut`: it reached the most that an answer may have."""

    calls: Sequence[WantedCall]
    usage: Usage
    cut: bool = False


class ModelClient:
    """Asks a chat-completions server. The SDK, slow to import, comes with the first question: most starts ask none."""

    def __init__(self, config: AssistantConfig) -> None:
        self.config = config
        self._client: groq.AsyncGroq | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def ask(self, messages: Sequence[Message], tools: Sequence[Message]) -> AsyncGenerator[str | Reply, None]:
        """Pieces of text, then one Reply.

        Raises:
            ModelError: it cannot be asked, refuses, or breaks off.
        """
        client = await self._open()
        import groq
        import httpx

        begun = False
        try:
            stream: Any = await client.chat.completions.create(
                model=self.config.model,
                messages=list(messages),  # type: ignore[arg-type]  # as the protocol has them
                tools=list(tools) or groq.omit,  # type: ignore[arg-type]
                max_completion_tokens=_MAX_TOKENS if not self.config.base_url else groq.omit,
                stream=True,
                # Groq counts without being asked, and would refuse the field; others count only when asked.
                extra_body={"stream_options": {"include_usage": True}} if self.config.base_url else None,
            )
            answer = _Answer()
            async with stream, aclosing(_chunks(stream)) as chunks:
                async for chunk in chunks:
                    text = answer.take(chunk)
                    begun = begun or bool(text) or bool(answer.calls)
                    if text:
                        yield text
            if answer.finish is None:
                raise ModelError("broken", "The answer broke off before its end", begun=begun)
            yield answer.reply()
        except groq.APIStatusError as error:
            raise _from_status(error, self.config) from error
        except (groq.APITimeoutError, httpx.TimeoutException) as error:
            raise ModelError(
                "broken" if begun else "unreachable", f"{self.config.server} has not answered in time", begun=begun
            ) from error
        except (groq.APIConnectionError, httpx.TransportError) as error:
            if begun:
                raise ModelError("broken", "The answer broke off before its end", begun=True) from error
            raise ModelError("unreachable", f"{self.config.server} cannot be reached") from error
        except groq.APIError as error:
            # An error in the middle of the stream.
            raise ModelError(
                "broken", f"{self.config.server} broke off: {_brief(error.message)}", begun=begun
            ) from error
        except (ValueError, AttributeError, TypeError) as error:
            # What is no chat completion at all: another program answers there.
            raise ModelError(
                "broken", f"{self.config.server} answered with something that is no chat completion", begun=begun
            ) from error

    async def _open(self) -> "groq.AsyncGroq":
        async with self._opening:
            if self._client is None:
                # In a thread: imports and certificates take a third of a second, in which calls would wait.
                await asyncio.to_thread(importlib.import_module, "groq")
                self._client = await asyncio.to_thread(self._make)
            return self._client

    def _make(self) -> "groq.AsyncGroq":
        import groq
        import httpx

        base = self.config.url
        root = urlsplit(base).path.rstrip("/")

        async def put_path(request: httpx.Request) -> None:
            # The SDK posts to /openai/v1/… whatever it is told; where the server has that is its own matter.
            _, found, rest = request.url.path.partition(_SDK_PATH)
            if found:
                request.url = request.url.copy_with(path=f"{root}/{rest}")

        http = httpx.AsyncClient(
            event_hooks={"request": [put_path]},
            timeout=httpx.Timeout(_READ_S, connect=_CONNECT_S),
            trust_env=not self.config.is_here,
        )
        return groq.AsyncGroq(
            api_key=self.config.api_key or "none",
            base_url=base.removesuffix(root),
            # Whoever waits is told so: the SDK would wait in silence.
            max_retries=0,
            http_client=http,
        )


async def _chunks(stream: Any) -> AsyncGenerator[Any, None]:
    async for chunk in stream:
        yield chunk


class _Answer:
    """What the pieces come to. Calls come in pieces too, by their index."""

    def __init__(self) -> None:
        self.calls: dict[int, dict[str, str]] = {}
        self.finish: str | None = None
        self.usage = Usage()

    def take(self, chunk: Any) -> str:
        """Text of one piece."""
        counted = getattr(chunk, "usage", None) or getattr(getattr(chunk, "x_groq", None), "usage", None)
        if counted is not None:
            self.usage = Usage(
                prompt_tokens=int(getattr(counted, "prompt_tokens", 0) or 0),
                completion_tokens=int(getattr(counted, "completion_tokens", 0) or 0),
            )
        text = ""
        for choice in (chunk.choices or [])[:1]:
            delta = choice.delta
            if delta is not None:
                text += delta.content or ""
                for position, piece in enumerate(delta.tool_calls or []):
                    self._take_call(position, piece)
            self.finish = choice.finish_reason or self.finish
        return _whole(text)

    def _take_call(self, position: int, piece: Any) -> None:
        index = piece.index if isinstance(piece.index, int) else position
        call = self.calls.setdefault(index, {"id": "", "tool": "", "arguments": ""})
        call["id"] = piece.id or call["id"]
        if piece.function is not None:
            call["tool"] += piece.function.name or ""
            call["arguments"] += piece.function.arguments or ""

    def reply(self) -> Reply:
        calls = [
            WantedCall(_whole(call["id"]) or f"call_{index}", _whole(call["tool"]), _whole(call["arguments"]))
            for index, call in sorted(self.calls.items())
        ]
        return Reply(calls, self.usage, cut=self.finish == "length")


def _from_status(error: "groq.APIStatusError", config: AssistantConfig) -> ModelError:
    status, said = error.status_code, _brief(_message(error.body) or error.message)
    server = config.server
    match status:
        case 401 | 403:
            return ModelError("key", f"{server} does not take the key. {_where_key(config)}")
        case 404:
            return ModelError("refused", f"{server} knows no model {config.model!r}, or no chat completions: {said}")
        case 413:
            return ModelError("too_large", f"{server} takes no question of this size: {said}")
        case 429:
            wait = _retry_after(error.response.headers)
            return ModelError("rate_limit", f"{server} takes no more questions for now: {said}", retry_after=wait)
        case _ if status >= 500:
            wait = _retry_after(error.response.headers)
            return ModelError("server", f"{server} has a fault of its own ({status}): {said}", retry_after=wait)
        case _ if _code(error.body) == "context_length_exceeded":
            return ModelError("too_large", f"{server} takes no question of this size: {said}")
        case _:
            return ModelError("refused", f"{server} refuses the question ({status}): {said}")


def _where_key(config: AssistantConfig) -> str:
    if config.base_url:
        return "Set the one that it takes as groq_api_key."
    return "Get another one at console.groq.com/keys, set GROQ_API_KEY or groq_api_key, and start Clowdy again."


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 86400 else None


def _message(body: object) -> str:
    if isinstance(body, str):
        return body
    inner = body.get("error", body) if isinstance(body, dict) else None
    said = inner.get("message") if isinstance(inner, dict) else inner
    return said if isinstance(said, str) else ""


def _code(body: object) -> str:
    inner = body.get("error", body) if isinstance(body, dict) else None
    return str(inner.get("code", "")) if isinstance(inner, dict) else ""


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which can be neither kept nor sent."""
    return text.encode(errors="replace").decode()


def _brief(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_DETAIL else text[:_MAX_DETAIL] + "…"


def as_json(value: object) -> str:
    """A value as the model gets it."""
    return json.dumps(value, ensure_ascii=False, default=str)
