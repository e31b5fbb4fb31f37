"""The line at the bottom: the keys that matter where the focus is, to press or to click."""

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.style import Style
from textual.widget import Widget

from clowdy_tui.tui.actions import FOOTER, LABELS
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.state import ScreenState


class KeyFooter(Widget):
    """Drawn from the registry of actions and the screen's state; as many keys as fit."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    ALLOW_SELECT = False

    def __init__(self, state: ScreenState, keymap: Keymap, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._state = state
        self._keymap = keymap

    def render(self) -> Content:
        where = self._state.where
        parts: list[Content] = []
        used = 1
        for action_id in FOOTER.get(where, FOOTER["editor"]):
            action = self._keymap.actions[action_id]
            # Where one types, a letter is a letter.
            key = self._keymap.key_of(action_id, "" if self._state.types else where)
            label = LABELS.get((where, action_id), action.label)
            cells = len(key) + len(label) + 4
            if not key or used + cells > self.content_size.width:
                continue
            used += cells
            blocked = bool(action.obstacle(self._state))
            part = Content.assemble(
                (f" {key} ", "$muted" if blocked else "bold $accent"),
                (label, "$muted strike" if blocked else "$foreground"),
                "  ",
            )
            parts.append(part.stylize(Style.from_meta({"perform": action_id})))
        return Content("").join(parts)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if action_id := event.style.meta.get("perform"):
            self.post_message(Perform(action_id))
