"""What is in the chat pane once it is looked at."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.chat.cards import PermissionCard
from clowdy_tui.tui.chat.messages import StopAsked
from clowdy_tui.tui.chat.prompt import Prompt
from clowdy_tui.tui.chat.thread import ChatThread
from clowdy_tui.tui.text import visible


class ChatBody(Vertical):
    """The talk over the prompt, and between them a line that says what the assistant is doing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("chat.leave", "leave_off"),
        bind("chat.page_up", "scroll(-1)"),
        bind("chat.page_down", "scroll(1)"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.working = False

    def compose(self) -> ComposeResult:
        yield ChatThread(id="thread")
        yield Static(id="doing", markup=False)
        yield Prompt(id="asking")

    @property
    def thread(self) -> ChatThread:
        return self.query_one(ChatThread)

    @property
    def prompt(self) -> Prompt:
        return self.query_one(Prompt)

    def focus_prompt(self) -> None:
        """To the card that waits for an answer, else to the prompt."""
        (self.thread.open_card or self.prompt.area).focus()

    def leave_cards(self) -> None:
        """Before a card folds: what has the focus in it would hand it on to just anywhere."""
        focused = self.screen.focused
        if focused is not None and any(isinstance(node, PermissionCard) for node in focused.ancestors_with_self):
            self.prompt.area.focus()

    def show_doing(self, working: bool, text: str) -> None:
        """What stands between talk and prompt."""
        self.working = working
        self.set_class(working, "-working")
        self.query_one("#doing", Static).update(Content(visible(text)))

    def action_leave_off(self) -> None:
        if self.working:
            self.post_message(StopAsked())
        else:
            # What escape does elsewhere: a pane that slid over slides away.
            self.run_worker(self.screen.run_action("retreat"))

    def action_scroll(self, by: int) -> None:
        self.thread.scroll_relative(y=by * max(1, self.thread.size.height - 2), animate=False)
