"""After the leader key: every action by a letter, for terminals that eat its key."""

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from clowdy_tui.tui.actions import GROUPS, Action
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.screens.modal import Modal
from clowdy_tui.tui.state import ScreenState

WIDE = 120
"""From so many cells on the titles are written out; below it the short forms of the footer are."""
COLUMN, WIDE_COLUMN = 12, 27

Section = tuple[str, list[Action]]


class LeaderScreen(Modal[str]):
    """A sheet at the bottom with the letters. Dismisses with an action's id, or None.

    What cannot be done now is struck through; its letter says why.
    """

    CSS_PATH = "leader.tcss"

    def __init__(self, state: ScreenState, keymap: Keymap) -> None:
        super().__init__()
        self._state = state
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        sheet = Horizontal(id="sheet")
        sheet.border_title = Content("Press a letter; a capital is another one")
        sheet.border_subtitle = Content("esc leaves")
        yield sheet

    def on_mount(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

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

    def _draw(self) -> None:
        sections = [(group, [action for action in self._actions() if action.group == group and action.letter])
                    for group in GROUPS]  # fmt: skip
        width = WIDE_COLUMN if self.size.width >= WIDE else COLUMN
        columns = fold(sections, max(1, (self.size.width - 4) // width))
        sheet = self.query_one("#sheet")
        sheet.remove_children()
        sheet.mount_all(Static(self._column(column, width - 2), classes="column") for column in columns)

    def _column(self, column: Sequence[Section], width: int) -> Content:
        lines: list[Content] = []
        for group, actions in column:
            lines += [Content("")] if lines else []
            lines.append(Content.styled(group, "bold $muted"))
            lines += [self._line(action, width) for action in actions]
        return Content("\n").join(lines)

    def _line(self, action: Action, width: int) -> Content:
        blocked = bool(action.obstacle(self._state))
        title = action.title if self.size.width >= WIDE and cell_len(action.title) <= width - 2 else action.label
        line = Content.assemble(
            (action.letter, "$muted" if blocked else "bold $accent"),
            " ",
            (title, "$muted strike" if blocked else "$foreground"),
        )
        return line.stylize(Style.from_meta({"perform": action.id}))


def fold(sections: Sequence[Section], columns: int) -> list[list[Section]]:
    """Sections in at most so many columns, as low as can be; one goes on in the next where it fits in none."""
    height = 3
    while len(folded := _fill(sections, height)) > columns:
        height += 1
    return folded


def _fill(sections: Sequence[Section], height: int) -> list[list[Section]]:
    columns: list[list[Section]] = [[]]
    free = height
    for group, actions in sections:
        rest = actions
        if columns[-1] and len(actions) + 2 > free and (len(actions) < height or free < 4):
            columns.append([])
            free = height
        while rest:
            # Its head, and a blank line above that where there is something.
            above = 2 if columns[-1] else 1
            room = max(1, free - above)
            columns[-1].append((group, rest[:room]))
            free -= above + len(rest[:room])
            rest = rest[room:]
            if rest:
                columns.append([])
                free = height
    return [column for column in columns if column]
