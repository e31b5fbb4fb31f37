"""An input whose text reaches the terminal only as text, whatever was pasted or came from the gateway."""

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import BindingType
from textual.widgets import Input

from clowdy_tui.tui.text import symbols
from clowdy_tui.tui.widgets.text_keys import field_keys, run_own


class LiteralInput(Input, inherit_bindings=False):
    """Shows a symbol in place of each control character; the value keeps what it is. Blinks only where all moves."""

    BINDINGS: ClassVar[list[BindingType]] = [*field_keys()]

    def on_mount(self) -> None:
        self.cursor_blink = self.app.animation_level != "none"

    async def _on_key(self, event: events.Key) -> None:
        if await run_own(self, event):
            self._restart_blink()

    @property
    def _value(self) -> Text:
        value = super()._value
        return (
            value if self.value.isprintable() else Text(symbols(value.plain), no_wrap=True, overflow="ignore", end="")
        )
