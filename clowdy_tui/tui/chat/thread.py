"""What was said and done, from top to bottom; grows while an answer comes, and stays where one reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Markdown, Static

from clowdy_tui.domain import assistant as says
from clowdy_tui.domain.assistant import Answer, ChatOut, MessageBody, PermissionAsked, Proof
from clowdy_tui.tui.chat.cards import PermissionCard, ProofCard, Question, Remark, ToolLine
from clowdy_tui.tui.chat.fence import AnswerText, ChatFence
from clowdy_tui.tui.text import count, duration, visible
from clowdy_tui.tui.widgets.facts import Facts
from clowdy_tui.tui.widgets.page import Page

if TYPE_CHECKING:
    from textual.widgets.markdown import MarkdownStream

    from clowdy_tui.domain.assistant import ChatEvent, ChatStatus, ConversationDetail

_ENDED: dict[str, str] = {"done": "", "stopped": "stopped · ", "limit": "", "failed": ""}


class ChatThread(Page, can_focus=False):
    """Shows what it is told; `take` is for the events of a turn, in their order."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._answer: AnswerText | None = None
        self._stream: MarkdownStream | None = None
        self._tools: dict[str, ToolLine] = {}
        self._cards: dict[str, PermissionCard] = {}

    @property
    def open_card(self) -> PermissionCard | None:
        """The question that waits for an answer."""
        return next((card for card in self._cards.values() if card.answered is None), None)

    @property
    def last_code(self) -> str | None:
        """The last code block."""
        fences = list(self.query(ChatFence))
        return fences[-1].code if fences else None

    async def clear(self, *instead: Widget) -> None:
        """Nothing but this."""
        await self._end_text()
        self._tools.clear()
        self._cards.clear()
        await self.remove_children()
        await self.mount_all(instead)

    async def show_conversation(self, conversation: ConversationDetail | None, status: ChatStatus | None) -> None:
        """All of a conversation; what can be done here where there is none."""
        if conversation is None or not conversation.messages:
            self.add_class("-welcoming")
            self.anchor(False)
            await self.clear(*welcome(status))
            self.scroll_home(animate=False)
            return
        self.remove_class("-welcoming")
        await self.clear(*(widget for message in conversation.messages for widget in _widgets(message.role, message)))
        self.anchor()
        self.scroll_end(animate=False)

    async def ask(self, text: str) -> None:
        """A question was asked."""
        if self.query(".welcome"):
            self.remove_class("-welcoming")
            await self.remove_children(".welcome")
        await self.mount(Question(text))
        self.anchor()

    async def take(self, event: ChatEvent) -> None:
        """One event of the turn."""
        data = event.data
        match event.type:
            case says.TEXT:
                await self._write(str(data["text"]))
            case says.TOOL_CALL:
                self._tools[data["call_id"]] = ToolLine(data["tool"], data["args"])
                await self._put(self._tools[data["call_id"]])
            case says.TOOL_RESULT:
                if line := self._tools.get(data["call_id"]):
                    line.finish(data["result"], ok=data["ok"], duration_ms=data["duration_ms"])
            case says.PERMISSION:
                asked = PermissionAsked.model_validate(data)
                self._cards[asked.call_id] = PermissionCard(asked)
                await self._put(self._cards[asked.call_id])
            case says.PERMISSION_ANSWERED:
                if card := self._cards.get(data["call_id"]):
                    await card.settle(cast("Answer", data["answer"]))
            case says.PROOF:
                await self._put(ProofCard(Proof.model_validate(data)))
            case says.NOTE:
                await self._put(Remark(str(data["text"])))
            case says.FAILED:
                await self._put(Remark(str(data["detail"]), "failed"))
            case says.DONE:
                await self.end(ChatOut.model_validate(data))

    async def remark(self, text: str) -> None:
        """Something that is said by the pane itself."""
        await self._put(Remark(text))

    async def end(self, done: ChatOut | None, problem: str = "") -> None:
        """The turn is over: nothing waits any more."""
        await self._end_text()
        for line in self._tools.values():
            line.stop()
        for card in self._cards.values():
            if card.answered is None:
                await card.settle(None)
        if problem:
            await self._put(Remark(problem, "failed"))
        if done is not None:
            await self._put(Facts(_summary(done), classes="remark -end"))

    async def _write(self, text: str) -> None:
        if self._stream is None:
            self._answer = AnswerText()
            await self.mount(self._answer)
            self._stream = Markdown.get_stream(self._answer)
        await self._stream.write(visible(text, keep="\n\t"))

    async def _put(self, widget: Widget) -> None:
        await self._end_text()
        await self.mount(widget)

    async def _end_text(self) -> None:
        stream, self._stream, self._answer = self._stream, None, None
        if stream is not None:
            await stream.stop()


def _summary(done: ChatOut) -> list[str]:
    usage = done.usage
    tokens = [f"{usage.prompt_tokens:,} + {usage.completion_tokens:,} tokens"] if usage.prompt_tokens else []
    return [f"{_ENDED[done.ended]}{count(done.rounds, 'round')}", *tokens, duration(done.duration_ms)]


def _widgets(role: str, body: MessageBody) -> Sequence[Widget]:
    if role == "user":
        return [Question(body.text)]
    found: list[Widget] = [AnswerText(visible(body.text, keep="\n\t"))] if body.text else []
    for tool in body.tools:
        line = ToolLine(tool.tool, _arguments(tool.arguments))
        line.finish(tool.result, ok=tool.ok, duration_ms=tool.duration_ms, ran=tool.ran)
        found.append(line)
    found += [ProofCard(proof) for proof in body.proofs]
    return [*found, Remark(body.note, "failed")] if body.note else found


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return value if isinstance(value, dict) else {"": value}


def welcome(status: ChatStatus | None) -> Sequence[Widget]:
    """What stands there before the first word."""
    if status is None:
        return [Static("Looking for the assistant …", classes="welcome muted", markup=False)]
    return _no_key() if not status.available else _begin(status)


def _no_key() -> Sequence[Widget]:
    def line(text: str, kind: str = "label") -> Static:
        return Static(text, classes=f"welcome {kind}", markup=False)

    return [
        line("The assistant needs a key", "head"),
        line("1  Get one, free, at"),
        line("console.groq.com/keys", "code"),
        line("2  Set it, before clowdy is started"),
        line("export GROQ_API_KEY=gsk_…", "code"),
        line("or in config.yaml"),
        line("groq_api_key: gsk_…", "code"),
        line("A server of your own (Ollama, llama.cpp) needs no key"),
        line("assistant_base_url: http://127.0.0.1:11434/v1", "code"),
        line("Without one nothing is sent anywhere, and everything else works as it does now."),
    ]


_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("builds", "“Write a function that …” comes as a diff, and is saved when you say yes"),
    ("explains", "“Why is @orders slow?” looks at code, calls and figures"),
    ("mends", "/mend on a call that failed: a fix, proven on the input that failed"),
)


def _begin(status: ChatStatus) -> Sequence[Widget]:
    found: list[Widget] = [Static("Ask the assistant", classes="welcome head", markup=False)]
    for verb, what in _EXAMPLES:
        found.append(
            Static(
                Content.assemble(("› ", "$accent"), (f"{verb} ", "bold"), (what, "$muted")), classes="welcome example"
            )
        )
    # Whose model it is does not fit beside its name.
    model = status.model.rpartition("/")[2]
    asked = (
        f"{model} at {status.server}. Reading is free; whatever runs or changes something asks first; secrets "
        "never go out. /sent shows what would."
    )
    found.append(Static(Content.styled(visible(asked), "$muted"), classes="welcome label"))
    return found
