"""The app: wiring. Keys, clicks and workers say what should be or what has happened; the handlers act on it."""

from __future__ import annotations

from textual import on
from textual.screen import ModalScreen

from clowdy_tui.tui import messages
from clowdy_tui.tui.handlers.chat import ChatHandlers
from clowdy_tui.tui.handlers.editing import EditingHandlers
from clowdy_tui.tui.handlers.files import FileHandlers
from clowdy_tui.tui.handlers.history import HistoryHandlers
from clowdy_tui.tui.handlers.logs import LogHandlers
from clowdy_tui.tui.handlers.memory import MemoryHandlers
from clowdy_tui.tui.handlers.panes import PaneHandlers
from clowdy_tui.tui.handlers.session import SessionHandlers
from clowdy_tui.tui.handlers.tree import TreeHandlers
from clowdy_tui.tui.screens.too_small import TooSmall


class ClowdyApp(
    SessionHandlers,
    TreeHandlers,
    PaneHandlers,
    FileHandlers,
    HistoryHandlers,
    LogHandlers,
    ChatHandlers,
    MemoryHandlers,
    EditingHandlers,
):
    """The full screen."""

    def action_perform(self, action_id: str) -> None:
        # What was typed before this key may still wait in the focused widget's queue: a save must not overtake it.
        ask = messages.Perform(action_id)
        if self.focused is None or not self.focused.call_later(self.post_message, ask):
            self.post_message(ask)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # The keys that work everywhere come before a dialog's own; there they are the dialog's, or nobody's.
        if action == "perform" and isinstance(self.screen, ModalScreen) and not isinstance(self.screen, TooSmall):
            return False
        # Where something else than a file is typed, the word before the cursor is meant.
        if parameters == ("tab.close",):
            from textual.widgets import Input, TextArea

            if isinstance(self.focused, Input | TextArea) and self.focused is not self.workbench.tabs.area:
                return False
        return super().check_action(action, parameters)

    def action_hint_quit(self) -> None:
        self.tell(f"{self.keymap.key_of('app.quit')} quits")

    @on(messages.Perform)
    def _perform(self, event: messages.Perform) -> None:
        from clowdy_tui.tui.commands import COMMANDS

        obstacle = self.keymap.obstacle(event.action_id, self.state)
        if obstacle:
            self.tell(obstacle, severity="warning")
        else:
            COMMANDS[event.action_id](self)
