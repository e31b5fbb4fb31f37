"""What stands where the editor will be, while nothing is open: the state of things, and what to press."""

from itertools import zip_longest
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Center
from textual.content import Content
from textual.widgets import Static

from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.state import Link, ScreenState
from clowdy_tui.tui.text import block, literal
from clowdy_tui.tui.widgets.page import Page

WORDMARK = """\
┌─┐┬  ┌─┐┬ ┬┌┬┐┬ ┬
│  │  │ ││││ ││└┬┘
└─┘┴─┘└─┘└┴┘─┴┘ ┴ """


MANY = 5
WIDEST = 76
"""Cells of a sentence that is read easily."""
ROOMY = 50
"""From how many columns on the keys stand well apart; beside the tree at 80 columns there are fewer."""


class Welcome(Page):
    """Drawn from the screen's state."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    def __init__(self, state: ScreenState, keymap: Keymap, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._state = state
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        yield Center(Static(WORDMARK, classes="wordmark", markup=False))
        yield Center(Static(classes="say", markup=False))
        yield Center(Static(classes="keys", markup=False))

    def on_mount(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        """As far apart as there is room for, and no wider than that."""
        for part in self.query(Static):
            part.styles.max_width = max(1, min(WIDEST, self.size.width - 2))
        self.query_one(".keys", Static).update(self._keys())

    def redraw(self) -> None:
        """Draw the state as it is now."""
        self.query_one(".say", Static).update(self._say())
        self.query_one(".keys", Static).update(self._keys())

    def _say(self) -> Content:
        state = self._state
        match state.link:
            case Link.CONNECTING:
                return Content.styled("◌ The gateway is starting …", "$muted")
            case Link.LOADING:
                return Content.styled("◌ Loading your projects …", "$muted")
            case Link.FAILED:
                head = Content.styled("✗ There is no gateway to talk to", "bold $error")
                return Content("\n\n").join([head, Content(block(state.problem))])
        if not state.functions:
            head = Content.styled("Nothing here yet", "bold")
            return Content("\n").join(
                [
                    head,
                    Content.styled(
                        "A function is some Python behind an address: write one, save it, call it.", "$muted"
                    ),
                ]
            )
        count = len(state.functions)
        name = state.target.name if state.target else ""
        head = Content.styled(f"{count} function{'s' if count > 1 else ''}, none open", "bold")
        enter = self._keymap.say("{tree.open}")
        hint = f"{enter} opens {name}" if name and state.region == "tree" else "choose one in the tree"
        return Content("\n").join([head, literal(hint, "$muted")])

    def _keys(self) -> Content:
        if self._state.link is Link.FAILED:
            wanted = ["app.reload", "app.help", "app.quit"]
        elif self._state.link is not Link.ONLINE:
            wanted = ["app.quit"]
        elif not self._state.functions:
            wanted = ["function.new", "project.new", "app.palette", "app.help"]
        else:
            wanted = [
                "pane.tree",
                "function.new",
                "function.go",
                "pane.dashboard",
                "pane.jump",
                "app.palette",
                "app.help",
            ]
        rows = []
        for action_id in wanted:
            action = self._keymap.actions[action_id]
            rows.append((self._keymap.key_of(action_id) or f"^space {action.letter}", action.title))
        # Two columns where there are many: they stand in a pane that is low at 80 by 24.
        height = len(rows) if len(rows) <= MANY else -(-len(rows) // 2)
        roomy = self.size.width >= ROOMY
        columns = [_column(rows[start : start + height], 3 if roomy else 2) for start in range(0, len(rows), height)]
        between = Content("      " if roomy else "  ")
        lines = [between.join(cells) for cells in zip_longest(*columns, fillvalue=Content(""))]
        return Content("\n").join(lines)


def _column(rows: list[tuple[str, str]], gap: int) -> list[Content]:
    """Keys and what they do, so many cells apart, all lines equally wide."""
    keys, titles = max(len(key) for key, _ in rows), max(len(title) for _, title in rows)
    return [
        Content.assemble((f"{key:<{keys}}", "bold $accent"), (" " * gap + f"{title:<{titles}}", "$foreground"))
        for key, title in rows
    ]
