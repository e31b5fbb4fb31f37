"""The names that fit what is being typed, in a small list at the cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from clowdy_tui.tui.binding import meant
from clowdy_tui.tui.text import shorten, visible

ROWS = 8
FEWEST = 3
"""So many rows at least, even over what lies below the text."""
WIDEST = 48


class CompletionList(Widget):
    """Shows names with where each is from. `takes` is asked before the text gets a key."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"completion--name", "completion--origin", "completion--chosen"}
    ALLOW_SELECT = False

    @dataclass
    class Accepted(Message):
        """This is to stand in the place of `prefix`, before the cursor. `others` were offered beside it, best first."""

        name: str
        prefix: str
        others: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self._offers: list[tuple[str, str]] = []
        self._prefix = ""
        self._index = 0
        self._top = 0
        self._rows = ROWS
        self._chosen = False
        self.display = False

    def offer(self, offers: Sequence[tuple[str, str]], prefix: str, at: Offset, within: Region) -> None:
        """Show names that fit `prefix`, below the screen's cell `at` and `within` the text; none hides the list."""
        if self.display and (list(offers), prefix) == (self._offers, self._prefix):
            # What was chosen meanwhile stays chosen.
            return
        self._offers, self._prefix = list(offers), prefix
        self._index = self._top = 0
        self._chosen = False
        self.display = bool(offers)
        if not offers:
            return
        width = max(cell_len(visible(name)) + cell_len(origin) + 4 for name, origin in offers)
        self.styles.width = min(WIDEST, max(16, width))
        # The names stand under what they continue; where there is no room below, above; where there is neither, fewer.
        below, above, wanted = within.bottom - at.y - 1, at.y - within.y, min(ROWS, len(offers))
        is_below = below >= min(wanted, above)
        self._rows = min(wanted, max(FEWEST, below if is_below else above))
        self.styles.height = self._rows
        y = at.y + 1 if is_below else at.y - self._rows
        self.absolute_offset = Offset(max(0, at.x - len(prefix) - 1), max(0, y))
        self.refresh(layout=True)

    def hide(self) -> None:
        """Show nothing any more."""
        self.display = False

    def takes(self, event: events.Key) -> bool:
        """Whether the key was for the list, to choose, to take, or to put it away."""
        if not self.display:
            return False
        match meant(self, event.key, "names"):
            case "down":
                self._step(1)
            case "up":
                self._step(-1)
            case "take":
                self._accept(self._index)
            case "take_chosen" if self._chosen:
                self._accept(self._index)
            case "leave":
                self.hide()
            case _:
                # Anything else goes to the text; what fits then is looked for again.
                if not event.is_printable and event.key != "backspace":
                    self.hide()
                return False
        return True

    def _step(self, by: int) -> None:
        # The first key down takes what is shown as chosen already.
        self._index = (self._index + by) % len(self._offers) if self._chosen or by < 0 else 0
        self._chosen = True
        self._top = min(max(self._top, self._index - self._rows + 1), self._index)
        self.refresh()

    def _accept(self, index: int) -> None:
        self.hide()
        names = tuple(name for name, _ in self._offers)
        self.post_message(self.Accepted(names[index], self._prefix, names))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take the name under the mouse; before the text beneath sees the button, and puts the list away."""
        event.stop()
        if self._top + event.y < len(self._offers):
            self._accept(self._top + event.y)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The next one."""
        event.stop()
        self._step(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The one before."""
        event.stop()
        self._step(-1)

    def render_line(self, y: int) -> Strip:
        """One name."""
        index = self._top + y
        width = self.size.width
        if index >= len(self._offers):
            return Strip.blank(width, self.rich_style)
        name, origin = self._offers[index]
        kinds = ("chosen", "chosen") if index == self._index else ("name", "origin")
        base = self.rich_style
        left, right = (base + self.get_component_rich_style(f"completion--{kind}", partial=True) for kind in kinds)
        sign = "›" if index == self._index else " "
        said = shorten(visible(name), width - 2)
        room = width - cell_len(said) - 2
        tail = shorten(visible(origin), max(0, room - 2))
        return Strip([
            Segment(f"{sign}{said}", left),
            Segment(" " * (room - cell_len(tail)), left),
            Segment(f"{tail} ", right),
        ]).adjust_cell_length(width, left)  # fmt: skip
