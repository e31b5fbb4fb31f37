"""What a question to the assistant would send, before it is sent."""

from collections.abc import Iterable

from textual import on
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from clowdy_tui.domain.assistant import ChatPreview
from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.text import block, visible
from clowdy_tui.tui.widgets.page import Page


class PreviewDialog(Dialog[None]):
    """What a question would send, message by message."""

    def __init__(self, preview: ChatPreview) -> None:
        super().__init__()
        self.heading = f"What goes to {preview.server}"
        self._preview = preview

    def compose_box(self) -> Iterable[Widget]:
        preview = self._preview
        with Page(id="help"):
            sizes = f"{preview.characters:,} of at most {preview.limit:,} characters, for {preview.model}. "
            about = "Secrets are out of it already; what was typed last stands at the end."
            yield Static(Content.styled(visible(sizes + about), "$muted"), classes="about")
            for message in preview.messages:
                head = (message.role, "bold $accent")
                yield Static(Content.assemble(head, "\n", block(message.content)), classes="part")
        with Horizontal(id="buttons"):
            yield action_button("Close", self.key("dialog.leave"), id="close")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-large", "-tall")
        self.query_one("#help").focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.action_cancel()
