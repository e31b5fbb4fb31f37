"""Over everything while the terminal is too small for it; goes away by itself when it grows."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

SMALLEST = Size(60, 18)


def is_too_small(size: Size) -> bool:
    """Whether the workbench cannot be drawn in this."""
    return size.width < SMALLEST.width or size.height < SMALLEST.height


class TooSmall(ModalScreen[None], inherit_bindings=False):
    """What was typed underneath stays as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "app.perform('app.quit')", show=False, priority=True)]

    def compose(self) -> ComposeResult:
        yield Static(id="message", markup=False)

    def on_mount(self) -> None:
        self.tell(self.app.size)

    def tell(self, size: Size) -> None:
        """Say how large it is and how large it has to be."""
        self.query_one("#message", Static).update(
            Content.assemble(
                ("The terminal is too small\n", "bold $warning"),
                (f"{size.width}×{size.height} here, {SMALLEST.width}×{SMALLEST.height} needed\n", "$foreground"),
                ("Nothing is lost: make it larger", "$muted"),
            )
        )
