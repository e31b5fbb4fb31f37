"""A small switch or button of one row, for bars: by mouse, and by Enter or space where it has the focus."""

from pathlib import Path
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from clowdy_tui.tui.binding import bind


class Toggle(Widget, can_focus=True):
    """Shows a label; one that `switches` stays on until it is pressed again. `tooltip` says what it does."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [bind("switch.press", "press")]
    ALLOW_SELECT = False

    class Pressed(Message):
        """It was pressed; `toggle.on` is as it is since then."""

        def __init__(self, toggle: "Toggle") -> None:
            super().__init__()
            self.toggle = toggle

        @property
        def control(self) -> "Toggle":
            return self.toggle

    def __init__(self, label: str, *, tooltip: str, switches: bool = False, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._label = label
        self._switches = switches
        self.on = False
        self.tooltip = Content(tooltip)

    def action_press(self) -> None:
        """Press it."""
        if self._switches:
            self.on = not self.on
            self.set_class(self.on, "-on")
        self.post_message(self.Pressed(self))

    def on_click(self) -> None:
        """As Enter."""
        self.action_press()

    def render(self) -> Content:
        """The label; one that is on is underlined, for those who see no colour."""
        return Content(f" {self._label} ")
