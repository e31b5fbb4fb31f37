"""The talk with the assistant, as the app's handlers have it: what runs, what it is about, and what comes of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from clowdy_tui.domain import assistant as says
from clowdy_tui.domain.assistant import ChatContext, ChatIn, ChatMessage
from clowdy_tui.tui.chat import commands, flows, work
from clowdy_tui.tui.chat.completion import Mentionable, mentioned
from clowdy_tui.tui.chat.messages import ConversationFetched
from clowdy_tui.tui.obstacles import not_online

if TYPE_CHECKING:
    from clowdy_tui.domain.assistant import Answer, ChatEvent, ChatStatus, ConversationDetail, ConversationOut
    from clowdy_tui.tui.chat.body import ChatBody
    from clowdy_tui.tui.handlers.chat import ChatHandlers

_AT_WORK: Final = "The assistant is still at work"
_STOPS: Final = "{Chat.leave} stops it."
_HINT: Final = "{prompt.send} sends · {prompt.new_line} newline · /help"
_MAX_TEXT: Final = 100_000


class Talking:
    """Runs in the app's own handlers."""

    def __init__(self, app: ChatHandlers) -> None:
        self._app = app
        self.status: ChatStatus | None = None
        self.conversation: ConversationOut | None = None
        self._project: str | None = None
        self._looked = False
        self._turn_id = ""
        self._began_at = 0.0
        self._doing = ""

    @property
    def body(self) -> ChatBody:
        return self._app.workbench.chat.body

    @property
    def working(self) -> bool:
        """Whether a turn runs."""
        return bool(self._began_at)

    # what the pane shows

    async def shown(self) -> None:
        """The pane is looked at: fetch what it is to show, where that is another thing by now."""
        app = self._app
        if not_online(app.state) or not app.workbench.chat.is_ready:
            return
        if self.status is None:
            app.start_work(work.fetch_status)
        project = app.state.project
        project_id = project.id if project else None
        if not self.working and (not self._looked or project_id != self._project):
            self._looked, self._project = True, project_id
            app.start_work(work.fetch_last, project_id)
        self.body.prompt.functions = self._mentionable()
        self._draw()

    async def take_status(self, status: ChatStatus) -> None:
        self.status = status
        if self.conversation is None and not self.working:
            await self.body.thread.show_conversation(None, status)
        self._draw()

    async def take_conversation(self, project_id: str | None, conversation: ConversationDetail | None) -> None:
        if self.working:
            return
        self.conversation, self._project = conversation, project_id
        await self.body.thread.show_conversation(conversation, self.status)
        asked = [message.text for message in conversation.messages if message.role == "user"] if conversation else []
        self.body.prompt.history = asked or self.body.prompt.history
        self._draw()

    def take_title(self, conversation: ConversationOut) -> None:
        self.conversation = conversation
        self._draw()

    async def forget(self, conversation_id: str) -> None:
        """A conversation is deleted."""
        if self.conversation is not None and self.conversation.id == conversation_id:
            self.conversation = None
            await self.body.thread.show_conversation(None, self.status)
            self._draw()

    # questions

    async def ask(self, text: str) -> None:
        """A question, or a command."""
        command = commands.parse(text)
        if command is not None:
            self.body.prompt.sent(text)
            await self._command(*command)
            return
        await self.put_question(text[:_MAX_TEXT])

    async def put_question(self, text: str, *, mend: str | None = None) -> None:
        """Ask the assistant, unless it is at work or cannot be asked: then what was typed stays."""
        app = self._app
        if obstacle := not_online(app.state):
            app.tell(obstacle, severity="warning")
            return
        if self.working:
            if card := self.body.thread.open_card:
                card.focus()
            else:
                app.tell(_AT_WORK, app.keymap.say(_STOPS), severity="warning")
            return
        if self.status is not None and not self.status.available:
            app.tell("The assistant has no key", self.status.problem, severity="warning")
            return
        self.body.prompt.sent(text)
        await self.body.thread.ask(text)
        self._began_at, self._turn_id, self._doing = time.monotonic(), "", "asking"
        self._draw()
        app.start_work(work.ask, self._wanted(text, mend=mend), group="chat")

    async def mend(self, invocation_id: str, function_name: str) -> None:
        await self.put_question(f"Mend the call {invocation_id} of {function_name} that failed.", mend=invocation_id)

    async def happened(self, event: ChatEvent) -> None:
        """One event of the turn."""
        data = event.data
        match event.type:
            case says.TURN:
                self._turn_id = data["turn_id"]
            case says.ROUND:
                most = self.status.max_rounds if self.status else 0
                self._doing = f"thinking {data['number']}" + (f"/{most}" if most else "")
            case says.TEXT:
                self._doing = self._doing.replace("thinking", "writing")
            case says.TOOL_CALL:
                self._doing = f"{data['tool']} …"
                self._app.state.assistant_at = time.monotonic()
            case says.TOOL_RESULT:
                self._app.state.assistant_at = time.monotonic()
            case says.PERMISSION:
                self._doing = "y or n?"
            case says.PERMISSION_ANSWERED:
                self._doing = "goes on"
            case says.PROOF if data["mended"]:
                self._app.state.note_mended(data["function_id"])
        if event.type in (says.PERMISSION_ANSWERED, says.DONE):
            self.body.leave_cards()
        await self.body.thread.take(event)
        if event.type == says.PERMISSION:
            self._call_for_answer(str(data["title"]))
        self._draw()

    async def over(self, problem: str) -> None:
        """The turn is over."""
        if not self.working:
            return
        if problem:
            self.body.leave_cards()
            await self.body.thread.end(None, problem)
        self._began_at, self._turn_id = 0.0, ""
        self._draw()
        if self._app.state.region == "chat":
            self.body.focus_prompt()

    def stop(self) -> None:
        """Stop the turn; what it did so far stays."""
        if self.working and self._turn_id:
            self._doing = "stopping"
            self._app.start_work(work.stop, self._turn_id)
        elif self.working:
            self._app.workers.cancel_group(self._app, "chat")
        self._draw()

    def answer(self, call_id: str, given: Answer) -> None:
        if self._turn_id:
            self._app.start_work(work.answer, self._turn_id, call_id, given)

    def tick(self) -> None:
        """A second has gone by."""
        if self.working and self._app.is_running:
            self._draw()

    def _call_for_answer(self, title: str) -> None:
        app = self._app
        card = self.body.thread.open_card
        if card is not None and app.state.region == "chat" and app.screen is app.workbench:
            if self.body.prompt.area.text:
                # The next letter is meant for the prompt.
                self._doing = app.keymap.say("asks: {prompt.send} goes there")
            else:
                card.focus()
        else:
            app.tell("The assistant asks", f"{title}: {app.keymap.key_of('pane.chat')} goes there")

    def _draw(self) -> None:
        chat = self._app.workbench.chat
        if not chat.is_ready:
            return
        chat.show_title(self.conversation.title if self.conversation else "")
        if self.working:
            seconds = time.monotonic() - self._began_at
            stop = self._app.keymap.say("{chat.leave} stops")
            self.body.show_doing(True, f"● {self._doing} · {seconds:.0f} s · {stop}")
        else:
            self.body.show_doing(False, self._app.keymap.say(_HINT))

    # what goes along

    def _wanted(self, text: str, *, mend: str | None = None) -> ChatIn:
        wanted = ChatIn(messages=[ChatMessage(role="user", content=text)], project_id=self._project)
        if self.conversation is not None:
            wanted.conversation_id = self.conversation.id
        wanted.context = self._context(text)
        if mend is not None:
            wanted.mend = mend
        return wanted

    def _context(self, text: str) -> ChatContext:
        app = self._app
        context = ChatContext(mentions=mentioned(text, self._mentionable())[:20])
        document = app.desk.active
        if document is not None and document.function_id in app.state.functions:
            context.function_id, context.path = document.function_id, document.path
            if document.function_id in app.state.unsaved:
                context.text = app.desk.text_of(document)
            area = app.workbench.tabs.area
            if area is not None and area.selected_text:
                context.selection = area.selected_text
            if failed := app.state.failed.get(document.function_id):
                context.invocation_id = failed
        return context

    def _mentionable(self) -> list[Mentionable]:
        projects = self._app.state.projects
        return [
            Mentionable(each.id, each.name, projects[each.project_id].name if each.project_id in projects else "")
            for each in self._app.state.functions.values()
        ]

    # commands

    async def _command(self, name: str, rest: str) -> None:
        app, conversation = self._app, self.conversation
        match name:
            case "stop":
                self.stop()
            case "sent":
                app.start_work(work.preview, self._wanted(rest or "(your next question)"), group="flow")
            case "copy" | "insert":
                self._last_code(name)
            case "help":
                await self._help()
            case "mend":
                app.mend_last()
            case _ if self.working:
                app.tell(_AT_WORK, app.keymap.say(_STOPS), severity="warning")
            case "new":
                app.post_message(ConversationFetched(self._project, None))
            case "list":
                app.start_flow(flows.choose_conversation, self._project)
            case "rename" | "delete" | "export" if conversation is None:
                app.tell("There is no conversation yet", "It begins with the first question.", severity="warning")
            case "rename" if conversation is not None:
                if rest:
                    app.start_work(work.rename, conversation.id, rest)
                else:
                    self.body.prompt.put(f"/rename {conversation.title}")
            case "delete" if conversation is not None:
                app.start_flow(flows.delete_conversation, conversation)
            case "export" if conversation is not None:
                app.start_work(work.export, conversation.id, rest or f"clowdy-chat-{conversation.id}.md")
            case _:
                known = ", ".join(f"/{each.name}" for each in commands.COMMANDS)
                app.tell(f"There is no command /{name}", f"There are {known}", severity="warning")

    def _last_code(self, name: str) -> None:
        code = self.body.thread.last_code
        if code is None:
            self._app.tell("There is no code block yet", severity="warning")
        elif name == "copy":
            self._app.copy_to_clipboard(code)
            self._app.tell("Code copied")
        else:
            self._app.put_into_editor(code)

    async def _help(self) -> None:
        lines = [f"/{each.name:<7} {each.description}" for each in commands.COMMANDS]
        keys = self._app.keymap.say(
            "{Prompt.send} sends. A new line: {prompt.new_line}, or \\ and {prompt.send}. {prompt.before} what was "
            "asked before. @ names a function. {Screen.next} goes to code blocks ({code.copy} copies, {code.take} into "
            "the editor) and tools ({tool.fold} unfolds). {Chat.leave} stops."
        )
        await self.body.thread.remark("\n".join([*lines, keys]))
