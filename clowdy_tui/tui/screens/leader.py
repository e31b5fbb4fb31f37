"""After the leader key: every action by a letter, for terminals that eat its key."""

from collections.abc import Iterable

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid
from textual.content import Content
from textual.screen import ModalScreen
from textual.style import Style
from textual.widgets import Static

from clowdy_tui.tui.actions import GROUPS, Action, Keymap
from clowdy_tui.tui.state import ScreenState


class LeaderScreen(ModalScreen[str]):
    """A sheet at the bottom with the letters. Dismisses with an action's id, or None."""

    CSS_PATH = "leader.tcss"

    def __init__(self, state: ScreenState, keymap: Keymap) -> None:
        super().__init__()
        self._state = state
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        with Grid(id="sheet") as sheet:
            sheet.border_title = Content("Press a letter")
            sheet.border_subtitle = Content("esc leaves")
            for group in GROUPS:
                yield Static(self._column(group), classes="column")

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        letter = event.character or ""
        chosen = next((action for action in self._actions() if action.letter and action.letter == letter), None)
        self.dismiss(chosen.id if chosen else None)

    def on_click(self, event: events.Click) -> None:
        self.dismiss(event.style.meta.get("perform"))

    def _actions(self) -> Iterable[Action]:
        return self._keymap.actions.values()

    def _column(self, group: str) -> Content:
        lines = [Content.styled(group, "$muted")]
        for action in self._actions():
            if action.group == group and action.letter:
                blocked = bool(action.obstacle(self._state))
                line = Content.assemble(
                    (f"{action.letter} ", "$muted strike" if blocked else "bold $accent"),
                    (action.title, "$muted" if blocked else "$foreground"),
                )
                lines.append(line.stylize(Style.from_meta({"perform": action.id})))
        return Content("\n").join(lines)
