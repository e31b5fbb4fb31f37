"""The loop: ask the model, do what it wants where that is allowed, tell it what came of it, until it wants no more."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from clowdy_tui.domain import assistant as says
from clowdy_tui.domain.assistant import ChatOut, MessageBody, ToolCallOut, ToolRecord, Usage
from clowdy_tui.services.assistant import history
from clowdy_tui.services.assistant.arguments import shown_arguments
from clowdy_tui.services.assistant.carrying_out import Hands
from clowdy_tui.services.assistant.model import Message, ModelClient, ModelError, Reply
from clowdy_tui.services.assistant.patience import ask_patiently
from clowdy_tui.services.assistant.permission import Permissions
from clowdy_tui.services.assistant.redaction import Redactor

MAX_ROUNDS: Final = 16
"""How often one question may make it ask the model."""

_SAME_CALL: Final = 3
_GIVE_UP_SAME_CALL: Final = 5

Emit = Callable[[str, dict[str, Any]], None]
Keep = Callable[[MessageBody], Awaitable[None]]

_NUDGE_EMPTY: Final = "You answered nothing. Answer the person, or say what hinders you."
_NUDGE_CALL: Final = "Your last tool call could not be read. Call it again, with arguments that are one JSON object."


@dataclass(slots=True)
class Progress:
    """What a turn has come to so far; whole at any moment."""

    bodies: list[MessageBody] = field(default_factory=list)
    rounds: int = 0
    ended: Literal["done", "stopped", "limit", "failed"] = "done"
    began_at: float = field(default_factory=time.monotonic)

    @property
    def usage(self) -> Usage:
        return Usage(
            prompt_tokens=sum(body.usage.prompt_tokens for body in self.bodies),
            completion_tokens=sum(body.usage.completion_tokens for body in self.bodies),
        )

    def answer(self, *, model: str, permissions: Permissions, conversation_id: str | None) -> ChatOut:
        """As the API tells it."""
        parts = [part for body in self.bodies for part in (body.text, f"*{body.note}*" if body.note else "") if part]
        return ChatOut(
            response="\n\n".join(parts),
            tool_calls=[tool_out(tool) for body in self.bodies for tool in body.tools if tool.ran],
            pending=permissions.pending,
            conversation_id=conversation_id,
            model=model,
            ended=self.ended,
            rounds=self.rounds,
            usage=self.usage,
            duration_ms=round((time.monotonic() - self.began_at) * 1000, 1),
        )


def tool_out(tool: ToolRecord) -> ToolCallOut:
    """A tool that ran, as the API tells it."""
    args = shown_arguments(tool.arguments)
    return ToolCallOut(tool=tool.tool, args=args, result=tool.result, ok=tool.ok, duration_ms=tool.duration_ms)


class Agent:
    """One turn. `emit` is told everything as it happens; `keep` writes a message down, again when more of it is known.

    `redactor` makes one of what is secret now: that may change while it works.
    """

    def __init__(
        self,
        client: ModelClient,
        hands: Hands,
        *,
        emit: Emit,
        keep: Keep,
        redactor: Callable[[], Redactor],
    ) -> None:
        self._client = client
        self._hands = hands
        self._emit = emit
        self._keep = keep
        self._redactor = redactor
        self._seen: Counter[tuple[str, str]] = Counter()
        self._most_chars = history.MAX_CHARS

    async def run(self, messages: Sequence[Message], progress: Progress) -> None:
        """Answer the last of `messages`; what comes of it is in `progress`, also when this is cancelled."""
        said = list(messages)
        nudges = 0
        try:
            while progress.rounds < MAX_ROUNDS:
                progress.rounds += 1
                self._emit(says.ROUND, {"number": progress.rounds})
                body = MessageBody()
                try:
                    reply = await self._ask(said, body, progress)
                except ModelError as error:
                    if error.kind == "refused" and "tool_use_failed" in error.detail and nudges < 2:
                        nudges += 1
                        said.append({"role": "user", "content": _NUDGE_CALL})
                        continue
                    raise
                if not body.text.strip() and not reply.calls:
                    if nudges >= 1:
                        await self._end(progress, body, "failed", "empty", "The model answered nothing")
                        return
                    nudges += 1
                    said.append({"role": "user", "content": _NUDGE_EMPTY})
                    continue
                body.tools = [ToolRecord(id=call.id, tool=call.tool, arguments=call.arguments) for call in reply.calls]
                progress.bodies.append(body)
                if reply.cut:
                    body.note = "The answer reached the most that one may have, and was cut."
                    self._emit(says.NOTE, {"text": body.note})
                if not body.tools:
                    await self._keep(body)
                    return
                await self._keep(body)
                circles = self._circles(body.tools)
                try:
                    await self._hands.carry_out(body.tools, refused=circles, redact=self._redactor())
                finally:
                    body.proofs = self._hands.take_proofs()
                    await asyncio.shield(self._keep(body))
                said += history.of_body("assistant", body)
                if any(self._seen[_key(tool)] >= _GIVE_UP_SAME_CALL for tool in body.tools):
                    detail = "It went in circles: the same call again and again. What it did so far stays"
                    await self._end(progress, MessageBody(), "failed", "circles", detail)
                    return
            detail = f"It has asked the model {MAX_ROUNDS} times, the most for one question. Say “go on” to let it"
            await self._end(progress, MessageBody(), "limit", "limit", detail)
        except ModelError as error:
            await self._end(progress, MessageBody(), "failed", error.kind, error.detail)

    async def _end(
        self, progress: Progress, body: MessageBody, ended: Literal["limit", "failed"], kind: str, detail: str
    ) -> None:
        """Say why it ends early, to the person and in what is kept."""
        progress.ended = ended
        detail = detail.rstrip(".") + "."
        # An answer that broke off is there already, without a note.
        if not (progress.bodies and progress.bodies[-1].text and not progress.bodies[-1].tools):
            progress.bodies.append(body)
        progress.bodies[-1].note = detail
        await self._keep(progress.bodies[-1])
        self._emit(says.FAILED, {"kind": kind, "detail": detail})

    async def _ask(self, said: Sequence[Message], body: MessageBody, progress: Progress) -> Reply:
        """The model's answer; its text goes into `body` as it comes.

        Raises:
            ModelError: there is none, or not all of it; what came is kept.
        """
        began = time.monotonic()

        def say(text: str) -> None:
            self._emit(says.NOTE, {"text": text})

        while True:
            fitting, left_out = history.fit(said, self._most_chars)
            outgoing = history.without_secrets(fitting, self._redactor())
            if left_out and progress.rounds == 1:
                say(f"The oldest part of the conversation ({left_out} messages) is left out: it would be too long")
            try:
                async with aclosing(ask_patiently(self._client, outgoing, self._hands.schemas(), say=say)) as pieces:
                    async for piece in pieces:
                        if isinstance(piece, Reply):
                            body.usage = piece.usage
                            body.duration_ms = round((time.monotonic() - began) * 1000, 1)
                            return piece
                        body.text += piece
                        self._emit(says.TEXT, {"text": piece})
                raise ModelError("broken", "The answer broke off before its end", begun=bool(body.text))
            except ModelError as error:
                # Half of it, and half again, may be taken; less is no conversation any more.
                if error.kind == "too_large" and self._most_chars > history.MAX_CHARS // 4:
                    self._most_chars //= 2
                    say(f"{error.detail}. Tried again with less of the conversation")
                    continue
                if body.text:
                    progress.bodies.append(body)
                raise
            except asyncio.CancelledError:
                if body.text:
                    body.note = "Stopped."
                    progress.bodies.append(body)
                    await asyncio.shield(self._keep(body))
                raise

    def _circles(self, tools: Sequence[ToolRecord]) -> set[str]:
        """The ids of calls that were made before in this turn, with the same arguments, too often."""
        found = set()
        for tool in tools:
            self._seen[_key(tool)] += 1
            if self._seen[_key(tool)] >= _SAME_CALL:
                found.add(tool.id)
        return found


def _key(tool: ToolRecord) -> tuple[str, str]:
    return tool.tool, repr(sorted(shown_arguments(tool.arguments).items(), key=lambda item: item[0]))
