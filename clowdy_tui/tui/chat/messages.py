"""What the chat pane and its workers tell the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from clowdy_tui.domain.assistant import (
        Answer,
        ChatEvent,
        ChatPreview,
        ChatStatus,
        ConversationDetail,
        ConversationOut,
    )


@dataclass
class ChatShown(Message):
    """The pane has come into sight, or has the focus."""


@dataclass
class QuestionAsked(Message):
    """Enter in the prompt: a question, or a command that begins with `/`."""

    text: str


@dataclass
class StopAsked(Message):
    """Escape while the assistant works."""


@dataclass
class PermissionGiven(Message):
    """An answer to a card."""

    call_id: str
    answer: Answer


@dataclass
class DiffWanted(Message):
    """A card's diff is to be shown whole."""

    title: str
    diff: str


@dataclass
class IntoEditor(Message):
    """A code block is to be put into the open file."""

    code: str


@dataclass
class MendAsked(Message):
    """A call that failed is to be mended."""

    invocation_id: str
    function_name: str


@dataclass
class StatusFetched(Message):
    status: ChatStatus


@dataclass
class ConversationFetched(Message):
    """What a project's talk is now; None: a new one, which begins with the first question."""

    project_id: str | None
    conversation: ConversationDetail | None


@dataclass
class ConversationBegun(Message):
    conversation: ConversationOut


@dataclass
class ConversationRenamed(Message):
    conversation: ConversationOut


@dataclass
class ConversationDeleted(Message):
    conversation_id: str


@dataclass
class ChatHappened(Message):
    """One event of the turn that runs."""

    event: ChatEvent


@dataclass
class ChatOver(Message):
    """The turn is over; `problem` says why it could not be followed to its end."""

    problem: str = ""


@dataclass
class PreviewFetched(Message):
    preview: ChatPreview
