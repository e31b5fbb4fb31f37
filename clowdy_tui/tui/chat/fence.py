"""Code in an answer: to be copied, or put into the open file."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.style import Style
from textual.widgets import Label, Markdown, Static
from textual.widgets._markdown import MarkdownBlock
from textual.widgets.markdown import MarkdownFence

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.chat.messages import IntoEditor
from clowdy_tui.tui.chat.table import ChatTable
from clowdy_tui.tui.text import visible


class ChatFence(MarkdownFence, can_focus=True):
    """A code block with its language and what can be done with it; `y` copies, `e` puts it into the editor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("code.copy", "copy"),
        bind("code.take", "into_editor"),
    ]

    def compose(self) -> ComposeResult:
        yield Static(self._bar(), classes="bar")
        yield Label(self._highlighted_code, id="code-content", expand=True)

    async def _update_from_block(self, block: MarkdownBlock) -> None:
        await super()._update_from_block(block)
        # The name of the language comes in pieces, too.
        for bar in self.query(".bar").results(Static):
            bar.update(self._bar())

    def _bar(self) -> Content:
        def link(text: str, what: str) -> Content:
            return Content.styled(text, "underline $accent").stylize(Style.from_meta({"fence": what}))

        language = visible(self.lexer or "text")[:20]
        return Content.assemble(
            (f"{language}  ", "$muted"), link("copy", "copy"), "  ", link("into the editor", "into_editor")
        )

    def on_click(self, event: events.Click) -> None:
        if (what := event.style.meta.get("fence")) is not None:
            event.stop()
            (self.action_copy if what == "copy" else self.action_into_editor)()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.code)
        self.notify("Code copied", timeout=2, markup=False)

    def action_into_editor(self) -> None:
        self.post_message(IntoEditor(self.code))


class AnswerText(Markdown):
    """The assistant's words. Links are shown and lead nowhere by themselves: they came from outside."""

    BLOCKS = {  # noqa: RUF012 - as the base class has it
        **Markdown.BLOCKS,
        "fence": ChatFence,
        "code_block": ChatFence,
        "table_open": ChatTable,
    }

    def __init__(self, text: str = "") -> None:
        super().__init__(text or None, open_links=False)
