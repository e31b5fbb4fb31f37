"""What can be asked of the assistant: a question answered at once or as it comes, and what a question would send."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from clowdy_tui.domain import assistant as says
from clowdy_tui.domain.assistant import (
    Answer,
    ChatEvent,
    ChatIn,
    ChatOut,
    ChatPreview,
    ChatStatus,
    MessageBody,
    NoAssistant,
    PreviewMessage,
)
from clowdy_tui.domain.errors import Conflict, InvalidInput
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.assistant import history
from clowdy_tui.services.assistant.agent import MAX_ROUNDS, Agent, Progress
from clowdy_tui.services.assistant.carrying_out import Hands
from clowdy_tui.services.assistant.config import HOW_TO_SET, AssistantConfig
from clowdy_tui.services.assistant.context import describe_failure, describe_place
from clowdy_tui.services.assistant.conversations import ConversationService
from clowdy_tui.services.assistant.model import Message, ModelClient
from clowdy_tui.services.assistant.permission import Ask, Permissions
from clowdy_tui.services.assistant.prompt import SYSTEM
from clowdy_tui.services.assistant.redaction import Redactor
from clowdy_tui.services.assistant.tools import TOOLS, Services, Workplace
from clowdy_tui.services.assistant.turns import Turn, Turns


class AssistantService:
    """Answers with the rights of whoever asks. The key stays here."""

    def __init__(self, config: AssistantConfig, services: Services, conversations: ConversationService) -> None:
        self.config = config
        self._services = services
        self._conversations = conversations
        self._client = ModelClient(config)
        self._turns = Turns()
        self._talking: set[str] = set()

    async def close(self) -> None:
        """Stop what runs, and let go of the server."""
        self._turns.stop_all()
        await self._client.close()

    def status(self, actor: Actor) -> ChatStatus:
        """Whether there is an assistant, and what to do where there is none."""
        actor.require("read")
        return ChatStatus(
            available=self.config.available,
            problem="" if self.config.available else HOW_TO_SET,
            model=self.config.model,
            server=self.config.server,
            tools=list(TOOLS),
            max_rounds=MAX_ROUNDS,
        )

    async def answer(self, actor: Actor, wanted: ChatIn) -> ChatOut:
        """Answer a question at once. Nobody can be asked meanwhile: what has no permission is in `pending`.

        Raises:
            NoAssistant: no key is set.
            Forbidden: `auto_approve` without the scope `approve`.
            NotFound: a conversation, function, call or project that is not the actor's.
            Conflict: this conversation is being answered already.
        """
        done: ChatOut | None = None
        turn = self._begin(actor, wanted)
        async with aclosing(self._run(actor, wanted, turn, ask=None)) as events:
            async for event in events:
                if event.type == says.DONE:
                    done = ChatOut.model_validate(event.data)
        assert done is not None
        return done

    def stream(self, actor: Actor, wanted: ChatIn) -> AsyncGenerator[ChatEvent, None]:
        """Answer a question, telling everything as it happens; `domain.assistant` names the events.

        Raises, at once:
            NoAssistant, Forbidden, Conflict: as `answer`.
        """
        turn = self._begin(actor, wanted)
        return self._run(actor, wanted, turn, ask=turn.ask)

    async def check(self, actor: Actor, wanted: ChatIn) -> None:
        """Before a stream begins. Raises NotFound: something in it is not the actor's."""
        place = self._place(actor, wanted, Permissions(set(), remember=_forget))
        await self._project_of(place)
        await self._said_before(actor, wanted)
        await describe_place(place, wanted.context) if wanted.context else None
        if wanted.mend is not None:
            await self._services.invocations.get(actor, wanted.mend)

    def answer_question(self, actor: Actor, turn_id: str, call_id: str, answer: Answer) -> None:
        """Answer a question about permission.

        Raises:
            Forbidden: the actor may not approve.
            NotFound: no such turn, or nothing is asked there under this id.
        """
        actor.require("approve")
        self._turns.get(actor, turn_id).answer(call_id, answer)

    def stop(self, actor: Actor, turn_id: str) -> None:
        """Stop a turn that streams. Raises NotFound."""
        actor.require("read")
        self._turns.get(actor, turn_id).stop()

    async def preview(self, actor: Actor, wanted: ChatIn) -> ChatPreview:
        """What a question would send now. Sends nothing, and needs no key. Raises as `answer`."""
        actor.require("read")
        always = await self._always(actor, wanted)
        place = self._place(actor, wanted, Permissions(always, remember=_forget))
        await self._project_of(place)
        messages = await self._messages(actor, wanted, place)
        fitting, _ = history.fit(messages)
        outgoing = history.without_secrets(fitting, self._redactor(actor))
        return ChatPreview(
            server=self.config.server,
            model=self.config.model,
            messages=[PreviewMessage(role=each["role"], content=_shown(each)) for each in outgoing],
            characters=history.size(outgoing),
            limit=history.MAX_CHARS,
        )

    def _begin(self, actor: Actor, wanted: ChatIn) -> Turn:
        actor.require("read")
        if not self.config.available:
            raise NoAssistant(f"The assistant has no key. {HOW_TO_SET}")
        if wanted.messages[-1].role != "user":
            raise InvalidInput.of("messages", "the last one must be the user's")
        if wanted.auto_approve:
            actor.require("approve")
        if wanted.conversation_id is not None:
            actor.require("write")
            if wanted.conversation_id in self._talking:
                raise Conflict("This conversation is being answered already: wait for the end, or stop it")
        return self._turns.begin(actor)

    async def _run(
        self, actor: Actor, wanted: ChatIn, turn: Turn, *, ask: Ask | None
    ) -> AsyncGenerator[ChatEvent, None]:
        id_ = wanted.conversation_id
        try:
            if id_ is not None:
                self._talking.add(id_)
            async with aclosing(turn.events(self._work(actor, wanted, turn, ask))) as events:
                async for event in events:
                    yield event
        finally:
            self._turns.end(turn)
            if id_ is not None:
                self._talking.discard(id_)

    async def _work(self, actor: Actor, wanted: ChatIn, turn: Turn, ask: Ask | None) -> None:
        id_ = wanted.conversation_id
        begun = {"turn_id": turn.id, "conversation_id": id_, "model": self.config.model, "rounds": MAX_ROUNDS}
        turn.emit(says.TURN, begun)

        async def remember(tool: str) -> None:
            if id_ is not None:
                await self._conversations.allow(id_, tool)

        always = await self._always(actor, wanted)
        permissions = Permissions(always, remember=remember, ask=ask, auto_approve=wanted.auto_approve)
        place = self._place(actor, wanted, permissions)
        await self._project_of(place)
        agent = Agent(
            self._client,
            Hands(place, emit=turn.emit),
            emit=turn.emit,
            keep=_Keeper(self._conversations, id_).keep,
            redactor=lambda: self._redactor(actor),
        )
        progress = Progress()
        try:
            messages = await self._messages(actor, wanted, place)
            if id_ is not None:
                await self._conversations.note_question(actor, id_, wanted.messages[-1].content)
            await agent.run(messages, progress)
        except asyncio.CancelledError:
            progress.ended = "stopped"
            raise
        finally:
            done = progress.answer(model=self.config.model, permissions=permissions, conversation_id=id_)
            turn.emit(says.DONE, done.model_dump(mode="json"))

    async def _messages(self, actor: Actor, wanted: ChatIn, place: Workplace) -> list[Message]:
        """Everything that is said to the model, nothing left out yet."""
        said = await self._said_before(actor, wanted)
        said += [{"role": each.role, "content": each.content} for each in wanted.messages[:-1]]
        about = await describe_place(place, wanted.context) if wanted.context else ""
        if wanted.mend is not None:
            about = f"{about}\n\n{await describe_failure(place, wanted.mend)}".strip()
        question = wanted.messages[-1].content
        # In the question and not beside it: some models take only one message of the system's, and only at the start.
        content = f"<where_the_person_is>\n{about}\n</where_the_person_is>\n\n{question}" if about else question
        return [{"role": "system", "content": SYSTEM}, *said, {"role": "user", "content": content}]

    async def _said_before(self, actor: Actor, wanted: ChatIn) -> list[Message]:
        if wanted.conversation_id is None:
            return []
        kept = await self._conversations.get(actor, wanted.conversation_id)
        return [message for each in kept.messages for message in history.of_body(each.role, each)]

    async def _always(self, actor: Actor, wanted: ChatIn) -> set[str]:
        """The tools that need not ask. What was once approved is approved only for who may approve."""
        if wanted.conversation_id is None or "approve" not in actor.scopes:
            return set()
        return set((await self._conversations.get(actor, wanted.conversation_id)).always)

    def _place(self, actor: Actor, wanted: ChatIn, permissions: Permissions) -> Workplace:
        return Workplace(
            actor,
            self._services,
            permissions,
            self.config.server,
            project_id=wanted.project_id,
            mend=wanted.mend,
        )

    async def _project_of(self, place: Workplace) -> None:
        """Raises NotFound: the project is not the actor's."""
        if place.project_id is not None:
            await self._services.projects.get(place.actor, place.project_id)

    def _redactor(self, actor: Actor) -> Redactor:
        own = [("GROQ_API_KEY", self.config.api_key)] if self.config.api_key else []
        return Redactor([*self._services.directory.secrets(actor.user), *own])


class _Keeper:
    """Keeps the pieces of an answer in a conversation, each under its number."""

    def __init__(self, conversations: ConversationService, conversation_id: str | None) -> None:
        self._conversations = conversations
        self._conversation_id = conversation_id
        self._numbers: dict[int, int] = {}

    async def keep(self, body: MessageBody) -> None:
        if self._conversation_id is None:
            return
        number = await self._conversations.note_answer(self._conversation_id, body, self._numbers.get(id(body)))
        if number is not None:
            self._numbers[id(body)] = number


async def _forget(_: str) -> None:
    pass


def _shown(message: dict[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls", [])]
    return "\n".join([message["content"], *(f"{call['name']}({call['arguments']})" for call in calls)]).strip()
