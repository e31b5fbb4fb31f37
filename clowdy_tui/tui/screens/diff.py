"""A diff with the whole screen for it."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Button

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.versions.diff_view import DiffView
from clowdy_tui.tui.versions.diffing import Row


class DiffDialog(Dialog[None]):
    """Shows what differs; `permission.diff`, which opened it, closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("permission.diff", "cancel")]

    def __init__(self, heading: str, rows: Sequence[Row]) -> None:
        super().__init__()
        self.heading = heading
        self._rows = rows

    def compose_box(self) -> Iterable[Widget]:
        yield DiffView(id="view")
        with Horizontal(id="buttons"):
            yield action_button("Close", self.key("dialog.leave"), id="close")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-whole")
        view = self.query_one(DiffView)
        view.show(self._rows)
        view.focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.action_cancel()
