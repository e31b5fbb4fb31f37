"""Help: every key, by group, for the pane that had the focus first."""

from collections.abc import Iterable
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from clowdy_tui.tui.actions import GROUPS, Keymap, show_key
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.state import ScreenState

ABOUT = {
    "tree": ("Project tree", "Projects with their functions (● active, ○ inactive) and routes. Enter opens, "
             "space folds, the arrows go."),
    "editor": ("Editor", "One tab a file. Save makes a new version, which is live at once; "
               "what was saved before stays, as a version. What is typed and not saved survives a kill. "
               "Beside the numbers ✗ and ! mark what ruff finds wrong; the line below says what. Names are offered "
               "as you type: tab takes, up and down choose, escape puts them away."),
    "test": ("Test", "Calls the open function with a JSON input and shows its answer apart from what it printed. In "
             "the answer space folds, - folds all, + unfolds, y copies; i brings saved inputs and templates, s saves "
             "the input, v runs another version, m compares two, c copies the call as curl, x as a command."),
    "history": ("History", "Every call of the open function, the newest first; o shows those of all functions. Enter "
                "opens one; r runs it again, i puts its input into the console to change it, v compares its answer "
                "with another version's, c copies it as curl, x as a command. / searches at the gateway: text, "
                "status:failed, source:gateway, since:10m, until:14:30; e shows failed calls alone, escape all."),
    "logs": ("Logs", "What all functions print, as they print it, and back as far as there are calls. "
             "/ filters (text, !text, /regex/, status:failed, level:warn, source:gateway, since:10m, until:14:30), "
             "c shows lines around what was found, e failed calls alone, o one function alone, escape all; "
             "f follows, w wraps, s saves to a file, enter opens a call, y copies a line, Y the call's, ^l clears."),
    "chat": ("AI chat", "Enter sends. ^t (or alt+enter, or \\ and enter) makes a new line; ↑ brings back what was "
             "asked; / has commands, @ names a function. Tab goes to code blocks (y copies, e puts it into the editor) "
             "and to tools (enter unfolds). What would change something asks: y, n, or a for always. Escape stops."),
}  # fmt: skip


class HelpScreen(Dialog[None]):
    """Scrolls where it does not fit."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f1,q,question_mark", "cancel", show=False)]

    heading = "Help"

    def __init__(self, state: ScreenState, keymap: Keymap) -> None:
        super().__init__()
        self._state = state
        self._keymap = keymap

    def compose_box(self) -> Iterable[Widget]:
        with VerticalScroll(id="help"):
            kind = PANES.get(self._state.where)
            title, text = (kind.title, kind.about) if kind else ABOUT[self._state.where]
            yield Static(Content.assemble((title, "bold $accent"), "\n", (text, "$foreground")), classes="about")
            if here := self._here():
                yield Static(here, classes="group")
            heads = Content.styled(f"{'key':<9}{'tree':<10}{'leader':<8}", "$muted")
            yield Static(heads, classes="group")
            for group in GROUPS:
                yield Static(self._group(group), classes="group")
            yield Static(
                Content.styled(
                    "Where a terminal eats a key: ctrl+space or F12, then the letter.",
                    "$muted",
                ),
                classes="about",
            )
        with Horizontal(id="buttons"):
            yield action_button("Close", "esc", id="close")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-large", "-tall")
        self.query_one("#help").focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.action_cancel()

    def _here(self) -> Content | None:
        """The keys that only work where the focus was."""
        where = self._state.where
        rows = [
            (show_key(binding.key), binding.description)
            for binding in (self._keymap.tree_bindings() if where == "tree" else
                            self._keymap.local_bindings(where) if where in PANES else ())
        ]  # fmt: skip
        keys: dict[str, str] = {}
        for key, title in rows:
            keys[title] = f"{keys[title]} {key}" if title in keys else key
        if not keys:
            return None
        columns = 3 if self.app.size.width >= 100 else 2
        lines = [Content.styled("Here", "bold $accent")]
        pairs = list(keys.items())
        for start in range(0, len(pairs), columns):
            cells = [Content.assemble((f"{key:<9}", "bold"), (f"{title:<25}", "$foreground"))
                     for title, key in pairs[start : start + columns]]  # fmt: skip
            lines.append(Content("").join(cells))
        return Content("\n").join(lines)

    def _group(self, group: str) -> Content:
        wide = self.app.size.width >= 100
        lines = [Content.styled(group, "bold $accent")]
        for action in self._keymap.actions.values():
            if action.group != group:
                continue
            keys = " ".join(dict.fromkeys(show_key(key) for key in action.keys))
            tree = " ".join(show_key(key) for key in action.tree_keys)
            line = Content.assemble(
                (f"{keys:<9}", "bold"), (f"{tree:<10}", "$muted"), (f"{action.letter:<8}", "$secondary"),
                (f"{action.title:<24}", "$foreground"), (action.description if wide else "", "$muted"),
            )  # fmt: skip
            lines.append(line)
        return Content("\n").join(lines)
