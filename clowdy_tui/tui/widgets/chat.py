"""The assistant's pane. Empty until it is looked at: the first frame waits for nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content

from clowdy_tui.tui.chat.messages import ChatShown
from clowdy_tui.tui.text import shorten, visible

if TYPE_CHECKING:
    from clowdy_tui.tui.chat.body import ChatBody

TITLE = "AI chat"


class ChatPane(Vertical):
    """The frame around `chat.body`."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    BORDER_TITLE = TITLE

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._body: ChatBody | None = None
        self._wants_focus = False

    @property
    def is_ready(self) -> bool:
        """Whether it has been looked at, so that there is something in it."""
        return self._body is not None and self._body.is_mounted

    @property
    def body(self) -> ChatBody:
        """What is in it. Only where it `is_ready`."""
        assert self._body is not None
        return self._body

    async def on_show(self) -> None:
        await self.ready()
        self.post_message(ChatShown())
        if self._wants_focus:
            self.enter()

    async def ready(self) -> None:
        """Make what is in it."""
        if self._body is None:
            from clowdy_tui.tui.chat.body import ChatBody

            self._body = ChatBody()
            await self.mount(self._body)

    def enter(self) -> None:
        """Give the focus to what waits for the person: a question, or the prompt."""
        self._wants_focus = not self.is_ready
        if self.is_ready:
            self.body.focus_prompt()
            self.post_message(ChatShown())

    def show_title(self, title: str) -> None:
        """The conversation's title, in the border."""
        shown = shorten(visible(title), max(4, self.size.width - len(TITLE) - 9))
        self.border_title = Content.assemble(TITLE, (f" · {shown}", "not bold") if title else "")
