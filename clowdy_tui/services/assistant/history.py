"""What was said, as the protocol wants it: every tool call with its answer, and no more than may be sent."""

from collections.abc import Sequence
from typing import Final

from clowdy_tui.domain.assistant import MessageBody, ToolRecord
from clowdy_tui.services.assistant.arguments import shown_arguments
from clowdy_tui.services.assistant.model import Message, as_json
from clowdy_tui.services.assistant.redaction import Redactor

MAX_CHARS: Final = 64_000
"""The most that one question sends: about 16,000 tokens."""

MAX_RESULT_CHARS: Final = 16_000
_SHORT_RESULT: Final = 400
_NOT_RUN: Final = {"error": "It was stopped before this ran"}


def of_body(role: str, body: MessageBody) -> list[Message]:
    """The messages that one kept message comes to."""
    if role == "user":
        return [{"role": "user", "content": body.text}]
    message: Message = {"role": "assistant", "content": body.text}
    if not body.tools:
        return [message] if body.text else []
    message["tool_calls"] = [
        {"id": tool.id, "type": "function", "function": {"name": tool.tool, "arguments": _arguments(tool)}}
        for tool in body.tools
    ]
    return [message, *map(_result, body.tools)]


def _arguments(tool: ToolRecord) -> str:
    # A server may refuse a history whose arguments are no JSON, and that history would then be of no more use.
    return as_json(shown_arguments(tool.arguments))


def _result(tool: ToolRecord) -> Message:
    text = as_json(tool.result if tool.ran else _NOT_RUN)
    if len(text) > MAX_RESULT_CHARS:
        text = as_json(
            {"cut": text[:MAX_RESULT_CHARS], "note": f"{len(text) - MAX_RESULT_CHARS} characters are left out"}
        )
    return {"role": "tool", "tool_call_id": tool.id, "content": text}


def size(messages: Sequence[Message]) -> int:
    """In characters."""
    return sum(len(as_json(message)) for message in messages)


def fit(messages: Sequence[Message], most: int = MAX_CHARS) -> tuple[list[Message], int]:
    """No more than `most` characters, and how many messages were left out for that.

    The system's message and the last question with all that came after it stay; the oldest goes first, a question
    always with its answer. Where that is not enough, older results of tools are shortened.
    """
    head = [message for message in messages[:1] if message["role"] == "system"]
    rest = list(messages[len(head) :])
    starts = [index for index, message in enumerate(rest) if message["role"] == "user"]
    first = 0
    for start in [*starts[1:]]:
        if size(head) + size(rest[first:]) <= most:
            break
        first = start
    kept = [dict(message) for message in rest[first:]]
    for message in kept:
        if size(head) + size(kept) <= most:
            break
        if message["role"] == "tool" and len(message["content"]) > _SHORT_RESULT:
            message["content"] = as_json({"cut": message["content"][:_SHORT_RESULT], "note": "left out to save room"})
    return [*head, *kept], first


def without_secrets(messages: Sequence[Message], redactor: Redactor) -> list[Message]:
    """As they go out. What belongs to the protocol (roles, ids, names of tools) stays as it is."""
    return [_cleaned(message, redactor) for message in messages]


def _cleaned(message: Message, redactor: Redactor) -> Message:
    cleaned = {**message, "content": redactor.text(message["content"])}
    if "tool_calls" in message:
        cleaned["tool_calls"] = [
            {
                **call,
                "function": {
                    **call["function"],
                    "arguments": _clean_arguments(call["function"]["arguments"], redactor),
                },
            }
            for call in message["tool_calls"]
        ]
    return cleaned


def _clean_arguments(text: str, redactor: Redactor) -> str:
    return as_json(redactor.value(shown_arguments(text)))
