"""The assistant's pane: what is asked in it, and what comes of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from textual import on

from clowdy_tui.domain import events
from clowdy_tui.tui import messages
from clowdy_tui.tui.chat import messages as chat
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.widgets.editor import EditorTabs

if TYPE_CHECKING:
    from clowdy_tui.tui.chat.talking import Talking

_SUCCESS = "success"


class ChatHandlers(Core):
    """What the pane and its workers say goes to `chat.talking`."""

    @cached_property
    def talking(self) -> Talking:
        """The talk with the assistant; nothing of it is there before the pane is looked at."""
        from clowdy_tui.tui.chat.talking import Talking

        talking = Talking(self)
        self.set_interval(1.0, talking.tick)
        return talking

    @on(chat.ChatShown)
    async def _show_chat(self) -> None:
        await self.talking.shown()

    @on(messages.Loaded)
    @on(messages.PlaceChanged)
    @on(EditorTabs.ActiveChanged)
    async def _follow_project(self) -> None:
        if self.workbench.chat.is_ready and self.workbench.chat.display:
            await self.talking.shown()

    @on(chat.StatusFetched)
    async def _take_status(self, event: chat.StatusFetched) -> None:
        await self.talking.take_status(event.status)

    @on(chat.ConversationFetched)
    async def _take_conversation(self, event: chat.ConversationFetched) -> None:
        await self.talking.take_conversation(event.project_id, event.conversation)

    @on(chat.ConversationBegun)
    def _begin_conversation(self, event: chat.ConversationBegun) -> None:
        self.talking.take_title(event.conversation)

    @on(chat.ConversationRenamed)
    def _rename_conversation(self, event: chat.ConversationRenamed) -> None:
        self.talking.take_title(event.conversation)

    @on(chat.ConversationDeleted)
    async def _forget_conversation(self, event: chat.ConversationDeleted) -> None:
        await self.talking.forget(event.conversation_id)

    @on(chat.QuestionAsked)
    async def _ask(self, event: chat.QuestionAsked) -> None:
        await self.talking.ask(event.text)

    @on(chat.StopAsked)
    def _stop(self) -> None:
        self.talking.stop()

    @on(chat.PermissionGiven)
    def _answer(self, event: chat.PermissionGiven) -> None:
        self.talking.answer(event.call_id, event.answer)

    @on(chat.DiffWanted)
    def _show_diff(self, event: chat.DiffWanted) -> None:
        from clowdy_tui.tui.screens.diff import DiffDialog
        from clowdy_tui.tui.versions.unified import rows_of

        self.push_screen(DiffDialog(event.title, rows_of(event.diff)))

    @on(chat.ChatHappened)
    async def _take_chat(self, event: chat.ChatHappened) -> None:
        await self.talking.happened(event.event)

    @on(chat.ChatOver)
    async def _end_turn(self, event: chat.ChatOver) -> None:
        await self.talking.over(event.problem)

    @on(chat.PreviewFetched)
    def _show_preview(self, event: chat.PreviewFetched) -> None:
        from clowdy_tui.tui.screens.chat_preview import PreviewDialog

        self.push_screen(PreviewDialog(event.preview))

    @on(chat.MendAsked)
    async def _mend(self, event: chat.MendAsked) -> None:
        self.workbench.go("chat")
        await self.workbench.chat.ready()
        await self.talking.mend(event.invocation_id, event.function_name)

    @on(chat.IntoEditor)
    def _insert(self, event: chat.IntoEditor) -> None:
        self.put_into_editor(event.code)

    @on(messages.GatewayEvent)
    def _note_failure(self, event: messages.GatewayEvent) -> None:
        data = event.event.data
        # A trial of the assistant's own is not what the person would have mended.
        is_persons = event.event.type == events.INVOCATION_FINISHED and data.get("source") != "assistant"
        if is_persons and data["status"] != _SUCCESS:
            self.state.note_failure(data["function_id"], data["invocation_id"])

    def mend_last(self) -> None:
        """Have the last call of the function that is meant mended, if it failed."""
        function = self.state.target
        if function is None or (invocation_id := self.state.failed.get(function.id)) is None:
            self.tell(self.keymap.obstacle("function.mend", self.state), severity="warning")
        else:
            self.post_message(chat.MendAsked(invocation_id, function.name))

    def put_into_editor(self, code: str) -> None:
        """A whole function takes the place of the open file's text, a piece that of the selection; undo brings it back.

        Where no file is open, a new function is made of it.
        """
        from clowdy_tui.tui import flows

        area = self.workbench.tabs.area
        if area is None:
            self.start_flow(flows.new_function, code)
            return
        if "def handler(" in code:
            area.replace_text(code)
        else:
            area.replace(code, *area.selection)
        self.workbench.go("editor")
        said = "Not saved yet: {function.save} saves it, {text.undo} takes it back."
        self.tell("Put into the editor", self.keymap.say(said))
