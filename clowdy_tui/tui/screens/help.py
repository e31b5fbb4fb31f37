"""Help: every key, by group, for the pane that had the focus first."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from clowdy_tui.tui.actions import DOCK, GROUPS
from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.keymap import Keymap, show_key
from clowdy_tui.tui.pane_keys import INSIDE
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.state import ScreenState
from clowdy_tui.tui.text import visible
from clowdy_tui.tui.widgets.page import Page

ABOUT = {
    "tree": ("Project tree", "Projects with their functions (● active, ○ inactive) and routes. {Tree.open} opens, "
             "{tree.fold} folds, the arrows go."),
    "editor": ("Editor", "One tab a file. Save makes a new version, which is live at once; "
               "what was saved before stays, as a version. What is typed and not saved survives a kill. "
               "Beside the numbers ✗ and ! mark what ruff finds wrong; the line below says what. Names are offered "
               "as you type: {names.take} takes, {names.up} and {names.down} choose, {names.leave} puts them away."),
    "test": ("Test", "Calls the open function with a JSON input and shows its answer apart from what it printed, with "
             "where the time went. Inputs can be saved with the function; templates are the events of routes. The keys "
             "below are for the answer: in the input, letters are letters."),
    "history": ("History", "Every call of the open function, or of all, the newest first: to look at, to run again, "
                "to begin the next one from, to compare with another version's. It is searched at the gateway: text, "
                "status:failed, source:gateway, since:10m, until:14:30."),
    "logs": ("Logs", "What all functions print, as they print it, and back as far as there are calls. "
             "A filter is text, !text, /regex/, and any of status:failed, level:warn, source:gateway, since:10m, "
             "until:14:30; lines around each hit can be shown, too."),
    "chat": ("AI chat", "{Prompt.send} sends. {prompt.new_line} (or \\ and {prompt.send}) makes a new line; "
             "{prompt.before} brings back what was asked; / has commands, @ names a function. {Screen.next} goes to "
             "code blocks ({code.copy} copies, {code.take} puts it into the editor) and to tools ({tool.fold} unfolds)."
             " What would change something asks: {permission.yes}, {permission.no}, or {permission.always} for always; "
             "{permission.diff} shows the whole diff. {Chat.leave} stops."),
}  # fmt: skip
"""What stands at the top of the help, by pane; keys by name (`Keymap.say`)."""


class HelpScreen(Dialog[None]):
    """Scrolls where it does not fit."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("help.leave", "cancel")]

    heading = "Help"

    def __init__(self, state: ScreenState, keymap: Keymap, problems: Sequence[str] = ()) -> None:
        super().__init__()
        self._problems = problems
        self._state = state
        self._keymap = keymap

    def compose_box(self) -> Iterable[Widget]:
        with Page(id="help"):
            kind = PANES.get(self._state.where)
            title, text = (kind.title, kind.about) if kind else ABOUT[self._state.where]
            about = self._keymap.say(text, self._state.where)
            yield Static(Content.assemble((title, "bold $accent"), "\n", (about, "$foreground")), classes="about")
            if here := self._here():
                yield Static(here, classes="group")
            heads = Content.styled(f"{'key':<9}{'tree':<10}{'leader':<8}", "$muted")
            yield Static(heads, classes="group")
            for group in GROUPS:
                yield Static(self._group(group), classes="group")
            leader = " or ".join(dict.fromkeys(map(show_key, self._keymap.actions["app.leader"].keys)))
            eaten = f"Where a terminal eats a key: {leader}, then the letter." if leader else ""
            yield Static(Content.styled(eaten, "$muted"), classes="about")
            if self._problems:
                yield Static(self._remarks(), classes="about")
        with Horizontal(id="buttons"):
            yield action_button("Close", self.key("dialog.leave"), id="close")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-large", "-tall")
        self.query_one("#help").focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.action_cancel()

    def _remarks(self) -> Content:
        """What of the person's own settings could not be met as it was wished for."""
        said = "".join(f"\n! {visible(problem)}" for problem in self._problems)
        return Content.assemble((f"Your settings: {len(self._problems)} remarks", "bold $warning"), said)

    def _here(self) -> Content | None:
        """The keys that only work where the focus was."""
        where = self._state.where
        bindings = [*self._keymap.tree_bindings()] if where == "tree" else []
        if where in PANES or where in DOCK:
            bindings = [*self._keymap.local_bindings(where, shared=where in PANES)]
        rows = [(show_key(binding.key), binding.description) for binding in bindings]
        inside = INSIDE.get(where, (where,))
        # In a file what works everywhere comes first; in a field it is the field's.
        taken = {key for action in self._keymap.actions.values() for key in action.keys if where == "editor"}
        rows += [
            (show_key(key), known.title)
            for known in self._keymap.pane_keys.values() if known.where in inside
            for key in known.keys if key not in taken
        ]  # fmt: skip
        keys: dict[str, str] = {}
        for key, title in rows:
            # Few keyboards have it, and those that do have the other, too.
            if title not in keys or not key.startswith("super+"):
                keys[title] = f"{keys[title]} {key}" if title in keys else key
        if not keys:
            return None
        columns = 3 if self.app.size.width >= 120 else 2
        lines = [Content.styled("Here", "bold $accent")]
        pairs = list(keys.items())
        for start in range(0, len(pairs), columns):
            cells = [Content.assemble((f"{key:<9} ", "bold"), (f"{title:<24}", "$foreground"))
                     for title, key in pairs[start : start + columns]]  # fmt: skip
            lines.append(Content(" ").join(cells))
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
