"""Everything that can be done, in one registry: keys, footer, palette, leader, help and cheatsheet come from it.

python -m clowdy_tui.tui.actions > docs/keys.md
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from textual.binding import Binding
from textual.keys import format_key

from clowdy_tui.tui.pane_keys import PANE_KEYS, PLACES, PaneKey
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import Link, ScreenState

Obstacle = Callable[[ScreenState], str]
"""Why an action cannot be done now; an empty text where it can."""

DOCK = ("test", "logs", "history")
"""The panes of the dock, where actions may have keys of their own as in those of the centre."""

NO_KEY = "none"
"""What no keyboard sends: the key of what is to have none."""

GROUPS = ("Function", "Editor", "Call", "Project", "Log", "Panes", "Clowdy")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    `keys` work everywhere, `tree_keys` while the project tree or a list in a pane has the focus, `local` keys in the
    panes that it names by their kind (`{"variables": ("a",)}`; there they come before the tree's), `letter` after the
    leader key. `label` is the short form for the footer.
    """

    id: str
    title: str
    description: str
    group: str
    label: str
    obstacle: Obstacle
    keys: tuple[str, ...] = ()
    tree_keys: tuple[str, ...] = ()
    letter: str = ""
    local: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _free(state: ScreenState) -> str:
    return ""


def not_online(state: ScreenState) -> str:
    """Why nothing can be asked of the gateway; an empty text where it can."""
    match state.link:
        case Link.ONLINE:
            return ""
        case Link.LOST:
            return "The connection to the gateway is lost; it is being tried again"
        case Link.FAILED:
            return "There is no gateway"
        case _:
            return "The gateway is still starting"


def _function(state: ScreenState) -> str:
    return not_online(state) or ("" if state.target else "Open a function first, or choose one in the tree (F2)")


def _project(state: ScreenState) -> str:
    return not_online(state) or ("" if state.project else "Choose a project in the tree first (F2)")


def _saveable(state: ScreenState) -> str:
    if state.open_function is None:
        return "Nothing is open"
    return not_online(state)


def _runnable(state: ScreenState) -> str:
    if problem := _function(state):
        return problem
    assert state.target is not None
    if state.target.id in state.running:
        return f"{state.target.name} is still running"
    return "" if state.target.status == "active" else f"{state.target.name} is inactive; activate it to run it"


def _text(state: ScreenState) -> str:
    return "" if state.open_function else "Open a file first, from the tree (F2)"


def _call(state: ScreenState) -> str:
    if problem := not_online(state):
        return problem
    if state.call is None:
        return "Choose a call in the history first"
    return "" if state.call.function_id in state.functions else "Its function is gone"


def _callable(state: ScreenState) -> str:
    return _call(state) if state.dock == "history" else _function(state)


def _mendable(state: ScreenState) -> str:
    if problem := _function(state):
        return problem
    assert state.target is not None
    return "" if state.target.id in state.failed else f"No call of {state.target.name} has failed of late"


def _document(state: ScreenState) -> str:
    return "" if state.open_count else "Nothing is open"


def _item(state: ScreenState) -> str:
    return not_online(state) or (
        "" if state.target or state.project else "Choose a project, function or route in the tree first (F2)"
    )


def _deletable(state: ScreenState) -> str:
    if problem := _item(state):
        return problem
    in_pane = state.pane_kind and state.region != "tree"
    if in_pane and state.meant.kind not in {"variable", "data", "route", "function"}:
        return "Nothing here can be deleted; a project is deleted in the tree (F2)"
    return ""


def _route_target(state: ScreenState) -> str:
    if problem := _project(state):
        return problem
    assert state.project is not None
    return "" if state.functions_of(state.project.id) else "A route needs a function to lead to: make one first"


def _route_chosen(state: ScreenState) -> str:
    return not_online(state) or ("" if state.route else "Choose a route first, in the tree or in the pane of routes")


def _warmable(state: ScreenState) -> str:
    if problem := _function(state):
        return problem
    assert state.target is not None
    return "" if state.target.status == "active" else f"{state.target.name} is inactive; activate it first"


def _dashboard(state: ScreenState) -> str:
    return "" if state.pane_kind in ("dashboard", "functions") else "Open the dashboard first (F10)"


def _settings(state: ScreenState) -> str:
    return not_online(state) or ("" if state.pane_kind == "settings" else "Open a project's settings first")


def _instance(state: ScreenState) -> str:
    return not_online(state) or (
        "" if state.pane.kind == "instance" else "Choose a sandbox in the dashboard's pool first (F10, then tab)"
    )


def _variables(state: ScreenState) -> str:
    return not_online(state) or ("" if state.pane_kind == "variables" else "Open the project's variables first")


def _packages(state: ScreenState) -> str:
    return not_online(state) or ("" if state.pane_kind == "packages" else "Open the project's packages first")


def _database(state: ScreenState) -> str:
    if problem := _project(state):
        return problem
    assert state.project is not None
    return "" if state.project.has_database or state.pane.kind == "data" else "The project has no database yet"


def _reachable(state: ScreenState) -> str:
    if problem := not_online(state):
        return problem
    if state.route or (state.target and state.routes_to(state.target.id)):
        return ""
    return "No route leads there yet; add one"


REGISTRY: tuple[Action, ...] = (
    Action("function.run", "Run the function", "Calls it with the test input; the dock shows all.",
           "Function", "Run", _runnable, ("f5", "ctrl+r"), letter="r"),
    Action("function.save", "Save", "Makes the open file a new version; it is live at once.",
           "Function", "Save", _saveable, ("ctrl+s",), letter="s"),
    Action("function.new", "New function", "In the chosen project, opened from a template.",
           "Function", "New", not_online, ("ctrl+n",), ("n",), letter="n"),
    Action("function.go", "Go to function", "Opens any, by a few letters of its name.",
           "Function", "Go to", not_online, ("ctrl+g",), ("/",), letter="g"),
    Action("function.toggle", "Activate or deactivate", "An inactive function answers no call.",
           "Function", "On/off", _function, (), ("x",), letter="x"),
    Action("file.new", "New file", "Beside the function's entry, to be imported or read.",
           "Function", "File", _function, (), ("f",), letter="+"),
    Action("function.versions", "Versions", "Who made which when, what it changed; activate or restore one.",
           "Function", "Versions", _function, ("alt+v",), ("v",), letter="V"),
    Action("function.mend", "Mend it", "The last call that failed: a fix, proven on its input.",
           "Function", "Mend", _mendable, letter="G"),
    Action("tab.close", "Close the file", "Asks first where something is not saved.",
           "Function", "Close", _document, ("ctrl+w",), letter="k"),
    Action("tab.next", "Next file", "The tab to the right.",
           "Function", "Next tab", _document, ("ctrl+pagedown",), letter="j"),
    Action("tab.previous", "Previous file", "The tab to the left.",
           "Function", "Prev tab", _document, ("ctrl+pageup",), letter="b"),
    Action("editor.find", "Find", "Marks every hit as one types; words, case and regex by choice.",
           "Editor", "Find", _text, ("ctrl+f",), letter="*"),
    Action("editor.replace", "Find and replace", "One by one, or all; one undo takes all back.",
           "Editor", "Replace", _text, ("alt+r",), letter="&"),
    Action("editor.line", "Go to line", "12, or 12:5 for a column.",
           "Editor", "Line", _text, ("alt+g",), letter=":"),
    Action("editor.comment", "Comment in or out", "The selected lines, or the cursor's.",
           # Terminals without the modern key protocol send ctrl+/ as ctrl+_.
           "Editor", "Comment", _text, ("ctrl+slash", "ctrl+underscore"), letter="#"),
    Action("editor.format", "Format", "Python by ruff, JSON too; one undo takes it back.",
           "Editor", "Format", _text, ("alt+f",), letter="="),
    Action("editor.problem", "Next problem", "What ruff marks as one types; the line below says what it is.",
           "Editor", "Problem", _text, ("alt+p",), letter="!"),
    Action("editor.complete", "Complete the name", "Comes by itself, too: tab takes, up and down choose.",
           "Editor", "Complete", _text, ("alt+full_stop",), letter="."),
    Action("editor.external", "Open in $EDITOR", "And back, with what it saved.",
           "Editor", "$EDITOR", _text, ("alt+e",), letter="$"),
    Action("editor.undo", "Undo", "Takes back what was typed last; ctrl+z in the text.",
           "Editor", "Undo", _text, letter="<"),
    Action("editor.redo", "Redo", "Does again what was undone; ctrl+y in the text.",
           "Editor", "Redo", _text, letter=">"),
    Action("input.choose", "Inputs and templates", "Saved inputs, the events of routes; to begin a call with.",
           "Call", "Inputs", _function, letter="I", local={"test": ("i",)}),
    Action("input.save", "Save the input", "Under a name, with the function, for everybody who may call it.",
           "Call", "Save as", _function, letter="1", local={"test": ("s",)}),
    Action("call.version", "Run another version", "With the same input; the active one stays.",
           "Call", "Version", _runnable, letter="Z", local={"test": ("v",)}),
    Action("call.compare", "Compare two versions", "Their answers to the same input, side by side.",
           "Call", "Compare", _callable, letter="%", local={"test": ("m",), "history": ("v",)}),
    Action("call.replay", "Run the call again", "The one in the history, by the active version.",
           "Call", "Replay", _call, letter="@", local={"history": ("r",)}),
    Action("call.edit", "Edit the call's input", "In the console, to run it changed.",
           "Call", "Edit", _call, letter="2", local={"history": ("i",)}),
    Action("call.curl", "Copy the call as curl", "To the clipboard.",
           "Call", "curl", _callable, letter="U", local={"test": ("c",), "history": ("c",)}),
    Action("call.cli", "Copy the call as a command", "Of clowdy's command line, to the clipboard.",
           "Call", "Command", _callable, letter="3", local={"test": ("x",), "history": ("x",)}),
    Action("project.new", "New project", "Holds functions, with routes and variables.",
           "Project", "Project", not_online, (), ("p",), letter="p"),
    Action("route.new", "New route", "A method and a path that lead to a function.",
           "Project", "Route", _route_target, (), ("a",), letter="a"),
    Action("route.copy", "Copy as curl", "The command that calls the route, to the clipboard.",
           "Project", "curl", _reachable, (), ("c",), letter="u"),
    Action("route.try", "Try a route", "Its request as the console's input, to fill in and run.",
           "Project", "Try it", _route_chosen, (), (), letter="T", local={"routes": ("t",)}),
    Action("project.routes", "Routes", "The project's, as a table.", "Project", "Routes", _project, letter="R"),
    Action("project.settings", "Settings", "Address, CORS, rate limit, API keys, limits.",
           "Project", "Settings", _project, letter="P"),
    Action("project.change", "Change a setting", "The one under the cursor in the settings.",
           "Project", "Change", _settings, letter="C", local={"settings": ("e",)}),
    Action("key.new", "New API key", "For routes that ask for one; shown once.",
           "Project", "New key", _project, letter="Y", local={"settings": ("a",)}),
    Action("key.delete", "Delete an API key", "The one under the cursor in the settings.",
           "Project", "Del key", _settings, letter="Q", local={"settings": ("d", "delete")}),
    Action("project.variables", "Variables", "The project's, secrets hidden.",
           "Project", "Variables", _project, letter="9"),
    Action("variable.new", "Set a variable", "In effect with the next call.",
           "Project", "Set", _project, letter="{", local={"variables": ("a",)}),
    Action("variable.paste", "Paste a .env file", "Sets what it holds, all of it or nothing.",
           "Project", ".env", _project, letter=")", local={"variables": ("i",)}),
    Action("variable.reveal", "Show the secrets", "Their values, in the pane of variables; and hide them again.",
           "Project", "Show", _variables, letter="[", local={"variables": ("v",)}),
    Action("project.packages", "Packages", "What the project's functions can import.",
           "Project", "Packages", _project, letter="0"),
    Action("packages.edit", "Edit the packages", "The list, as a requirements.txt; saved, it is built.",
           "Project", "Edit", _project, letter="(", local={"packages": ("e",)}),
    Action("packages.upgrade", "Look for newer versions", "Of all that the list does not fix.",
           "Project", "Upgrade", _project, letter="7", local={"packages": ("u",)}),
    Action("packages.stop", "Stop the build", "What was in use before stays.",
           "Project", "Stop", _packages, letter="-", local={"packages": ("s",)}),
    Action("packages.lock", "Copy the lock", "Exact versions with hashes, to the clipboard.",
           "Project", "Lock", _packages, letter="8", local={"packages": ("L",)}),
    Action("project.database", "Database", "The project's own PostgreSQL.",
           "Project", "Database", _project, letter="]"),
    Action("database.new", "Make a database", "On this machine, or at Neon.",
           "Project", "Make", _project, letter="5", local={"database": ("a",)}),
    Action("database.copy", "Copy the address", "The database's, with its password, to the clipboard.",
           "Project", "Address", _database, letter="6", local={"database": ("y",)}),
    Action("database.psql", "Copy the psql line", "For a shell on the gateway's machine.",
           "Project", "psql", _database, letter="_", local={"database": ("s",)}),
    Action("database.network", "Let functions reach Neon", "Switches their network on.",
           "Project", "Network", _database, letter="~", local={"database": ("w",)}),
    Action("item.edit", "Rename or edit", "The project, function or route that is chosen.",
           "Project", "Rename", _item, (), ("r",), letter="m"),
    Action("item.delete", "Delete", "What is chosen in the tree; asks first.",
           "Project", "Delete", _deletable, (), ("d", "delete"), letter="d"),
    Action("log.filter", "Filter the log", "By text, !text, /regex/, status:, level:, source:, since:, until:.",
           "Log", "Filter", _free, letter="/", local={"logs": ("slash",)}),
    Action("log.failed", "Failed calls only", "And all of them again.",
           "Log", "Failed", _free, letter="E", local={"logs": ("e",)}),
    Action("log.scope", "One function only", "That of the line under the cursor; all again.",
           "Log", "Scope", _free, letter="O", local={"logs": ("o",)}),
    Action("log.context", "Lines around hits", "1, 3, 10 or none of the same call.",
           "Log", "Around", _free, letter="A", local={"logs": ("c",)}),
    Action("log.follow", "Follow the log", "Or stay where one reads.",
           "Log", "Follow", _free, letter="F", local={"logs": ("f",)}),
    Action("log.wrap", "Wrap long lines", "Or cut them.", "Log", "Wrap", _free, letter="W", local={"logs": ("w",)}),
    Action("log.save", "Save the log", "The lines that are shown, to a file.",
           "Log", "Save", _free, letter="S", local={"logs": ("s",)}),
    Action("log.clear", "Clear the log", "Nothing is deleted at the gateway.",
           "Log", "Clear", _free, letter="X", local={"logs": ("ctrl+l",)}),
    Action("function.limits", "Limits and network", "Memory, CPU, timeout, instances, network.",
           "Function", "Limits", _function, (), ("l",), letter="L"),
    Action("function.warm", "Warm it up", "Makes an instance ready before somebody calls.",
           "Function", "Warm", _warmable, (), ("w",), letter="M"),
    Action("project.functions", "Functions", "The project's, with their figures.",
           "Project", "Functions", _project, letter="N"),
    Action("pane.dashboard", "Dashboard", "Calls, times, failures, and the pool.",
           "Panes", "Dashboard", _free, ("f10",), letter="D"),
    Action("dashboard.sort", "Sort the functions", "By calls, by time, by failures.",
           "Panes", "Sort", _dashboard, letter="B", local={"dashboard": ("s",), "functions": ("s",)}),
    Action("dashboard.span", "Count over another time", "An hour, a day, a week, all.",
           "Panes", "Time", _dashboard, letter="H", local={"dashboard": ("t",), "functions": ("t",)}),
    Action("pool.kill", "Kill a sandbox", "The one under the pool's cursor; asks where a call is in it.",
           "Panes", "Kill", _instance, letter="K", local={"dashboard": ("K",), "functions": ("K",)}),
    Action("pane.tree", "Project tree", "Shows it and goes there; once more hides it.",
           "Panes", "Tree", _free, ("f2",), letter="t"),
    Action("pane.editor", "Editor", "Goes to the open file.", "Panes", "Editor", _free, ("f3",), letter="e"),
    Action("pane.test", "Test", "Input, run, result.", "Panes", "Test", _free, ("f4",), letter="i"),
    Action("pane.logs", "Logs", "What the functions print, as they print it.",
           "Panes", "Logs", _free, ("f8",), letter="l"),
    Action("pane.history", "History", "Every call of the open function, or of all.",
           "Panes", "History", _free, letter="4"),
    Action("pane.chat", "Chat", "Shows it and goes there; once more hides it.",
           "Panes", "Chat", _free, ("f9",), letter="c"),
    Action("pane.jump", "Jump", "Puts a letter on every pane and tab; the letter goes there.",
           "Panes", "Jump", _free, ("ctrl+o",), letter="J"),
    Action("pane.next", "Next pane", "Goes round.", "Panes", "Next pane", _free, ("f6",), letter="w"),
    Action("pane.zoom", "Zoom the pane", "Gives it the whole screen, and back.",
           "Panes", "Zoom", _free, ("f7",), letter="z"),
    Action("app.palette", "Commands", "Every action and function, by a few letters.",
           "Clowdy", "Commands", _free, ("ctrl+p",), letter="o"),
    Action("app.leader", "Leader key", "Then a letter, where the terminal eats a key.",
           "Clowdy", "Leader", _free, ("ctrl+@", "ctrl+space", "f12")),
    Action("app.help", "Help", "Every key, and what is on the screen.",
           "Clowdy", "Help", _free, ("f1",), ("question_mark",), letter="h"),
    Action("app.theme", "Theme", "Choose how it looks.", "Clowdy", "Theme", _free, letter="y"),
    Action("app.gateway", "About the gateway", "Where it runs, with which driver and limits.",
           "Clowdy", "Gateway", _free, letter="v"),
    Action("app.reload", "Reload", "Fetches all anew, or tries again to connect.",
           "Clowdy", "Reload", _free, (), ("ctrl+l",), letter="f"),
    Action("app.quit", "Quit", "Asks first where something is not saved.",
           "Clowdy", "Quit", _free, ("ctrl+q",), letter="q"),
)  # fmt: skip

ACTIONS: Mapping[str, Action] = {action.id: action for action in REGISTRY}

LABELS: Mapping[tuple[str, str], str] = {
    ("routes", "item.edit"): "Change",
    ("variables", "item.edit"): "Change",
    ("database", "item.delete"): "Remove",
}
"""The footer's word for an action where it does something narrower than elsewhere, by pane and action."""

FOOTER: Mapping[str, tuple[str, ...]] = {
    "tree": ("app.help", "function.new", "project.new", "route.new", "item.edit", "item.delete", "function.toggle",
             "route.copy", "app.palette", "app.quit"),
    "dashboard": ("app.help", "dashboard.sort", "dashboard.span", "function.warm", "pool.kill", "app.palette",
                  "pane.tree", "pane.zoom", "tab.close", "app.leader", "app.quit"),
    "functions": ("app.help", "dashboard.sort", "dashboard.span", "function.warm", "pool.kill", "function.new",
                  "app.palette", "pane.tree", "pane.zoom", "tab.close", "app.leader", "app.quit"),
    "settings": ("app.help", "project.change", "function.limits", "key.new", "key.delete", "app.palette", "pane.tree",
                 "tab.close", "app.leader", "app.quit"),
    "routes": ("app.help", "route.new", "item.edit", "item.delete", "route.try", "route.copy", "app.palette",
               "pane.tree", "tab.close", "app.leader", "app.quit"),
    "variables": ("app.help", "variable.new", "item.edit", "item.delete", "variable.reveal", "variable.paste",
                  "app.palette", "pane.tree", "tab.close", "app.leader", "app.quit"),
    "packages": ("app.help", "packages.edit", "packages.upgrade", "packages.stop", "packages.lock", "app.palette",
                 "pane.tree", "tab.close", "app.leader", "app.quit"),
    "database": ("app.help", "database.new", "database.copy", "database.psql", "item.delete", "app.palette",
                 "pane.tree", "tab.close", "app.leader", "app.quit"),
    "editor": ("app.help", "function.run", "function.save", "app.palette", "pane.tree", "pane.test", "pane.logs",
               "pane.chat", "tab.close", "app.leader", "app.quit"),
    "test": ("app.help", "function.run", "input.choose", "app.palette", "pane.tree", "pane.editor", "pane.logs",
             "pane.history", "call.compare", "call.curl", "pane.zoom", "app.leader", "app.quit"),
    "logs": ("app.help", "log.filter", "log.failed", "log.scope", "log.follow", "app.palette", "pane.test", "pane.zoom",
             "log.wrap", "log.save", "app.leader", "app.quit"),
    "history": ("app.help", "call.replay", "call.edit", "call.compare", "call.curl", "call.cli", "app.palette",
                "pane.test", "pane.zoom", "app.leader", "app.quit"),
    "chat": ("app.help", "pane.chat", "pane.zoom", "function.mend", "app.palette", "pane.editor", "app.leader",
             "app.quit"),
}  # fmt: skip
"""What the footer shows first, by where the focus is (`ScreenState.where`)."""


@dataclass(frozen=True, slots=True)
class Keymap:
    """The registries with the person's own keys in them, and a sentence for each wish that could not be met."""

    actions: Mapping[str, Action]
    problems: tuple[str, ...] = ()
    pane_keys: Mapping[str, PaneKey] = field(default_factory=lambda: PANE_KEYS)

    def bindings(self) -> Iterator[Binding]:
        """Those that work everywhere. They come before the focused widget's own: TextArea takes many for itself."""
        for action in self.actions.values():
            for key in action.keys:
                yield Binding(key, f"app.perform('{action.id}')", action.title, show=False, priority=True)

    def tree_bindings(self) -> Iterator[Binding]:
        """Those of the project tree."""
        for action in self.actions.values():
            for key in action.tree_keys:
                yield Binding(key, f"app.perform('{action.id}')", action.title, show=False)

    def local_bindings(self, kind: str, *, shared: bool = True) -> Iterator[Binding]:
        """Those of a pane: its own, and where they are `shared` the tree's that it does not use for something else."""
        own = {key: action for action in self.actions.values() for key in action.local.get(kind, ())}
        tree = {key: action for action in self.actions.values() for key in action.tree_keys if shared}
        for key, action in (tree | own).items():
            yield Binding(key, f"app.perform('{action.id}')", action.title, show=False)

    def changed(self) -> Mapping[str, str]:
        """For `App.set_keymap`: other keys than they have by default for what widgets bind by `binding.bind`."""
        changed = {id_: key.keys for id_, key in self.pane_keys.items() if key.keys != PANE_KEYS[id_].keys}
        for id_, action in self.actions.items():
            for where, keys in ACTIONS[id_].local.items():
                if where in DOCK and action.local.get(where, ()) != keys:
                    changed[f"{where}.{id_}"] = action.local.get(where, ())
        return {id_: ",".join(keys) or NO_KEY for id_, keys in changed.items()}

    def added(self, where: str) -> Iterator[Binding]:
        """The keys in a pane of the dock of actions that have none there by default."""
        for id_, action in self.actions.items():
            if where not in ACTIONS[id_].local:
                for key in action.local.get(where, ()):
                    yield Binding(key, f"app.perform('{id_}')", action.title, show=False)

    def key_of(self, action_id: str, where: str = "") -> str:
        """The key to show for an action there (`ScreenState.where`): short, empty where it has none."""
        action = self.actions[action_id]
        keys = action.local.get(where, ())
        if where == "tree" or where in PANES:
            taken = {key for other in self.actions.values() for key in other.local.get(where, ())}
            keys += tuple(key for key in action.tree_keys if key not in taken)
        keys += action.keys
        return show_key(keys[0]) if keys else ""


def show_key(key: str) -> str:
    """A key as it is written on the screen: `^s`, `F5`, `^␣`."""
    names = {
        "ctrl+@": "^space",
        "ctrl+space": "^space",
        "question_mark": "?",
        "slash": "/",
        "pagedown": "pgdn",
        "pageup": "pgup",
    }
    if key in names:
        return names[key]
    *modifiers, last = key.split("+")
    last = names.get(last, last)
    if not modifiers and last.startswith("f") and last[1:].isdecimal():
        return last.upper()
    # The terminal's name of a character, like `slash`, is shown as that character.
    shown = format_key(last) if len(format_key(last)) == 1 else last
    return "".join({"ctrl": "^", "shift": "⇧", "alt": "⌥"}.get(name, f"{name}+") for name in modifiers) + shown


def cheatsheet() -> str:
    """`docs/keys.md`."""
    lines = [
        "# Keys",
        "",
        "Made from the registry of actions: `python -m clowdy_tui.tui.actions > docs/keys.md`.",
        "",
        "Every action is also in the palette (ctrl+p), and behind the leader key: ctrl+space or F12, then the letter.",
        "Keys under *tree* work while the project tree, or a list in a pane, has the focus; those under *pane* in the",
        "panes that they name. All of them can be changed in `config.yaml`; what clashes is said at the start:",
        "",
        "```yaml",
        "keymap:",
        "  function.run: f5,ctrl+e        # everywhere",
        "  tree.function.new: N           # in the project tree",
        "  routes.route.try: enter        # in the pane of routes",
        "  logs.log.filter: ctrl+f        # in the log",
        '  leader.function.run: "!"      # after the leader key',
        "  text.page_down: ctrl+n         # one of the keys inside panes, below",
        "  app.theme: []                  # none",
        "```",
        "",
    ]
    for group in GROUPS:
        lines += [f"## {group}", "", "| key | tree | pane | leader | action | id | |", "|---|---|---|---|---|---|---|"]
        for action in REGISTRY:
            if action.group == group:
                keys = ", ".join(_plain_key(key) for key in action.keys if key != "ctrl+@")
                tree = ", ".join(_plain_key(key) for key in action.tree_keys)
                places: dict[str, list[str]] = {}
                for where, own in action.local.items():
                    places.setdefault(", ".join(_plain_key(key) for key in own), []).append(where)
                pane = "; ".join(f"{keys_} ({', '.join(kinds)})" for keys_, kinds in places.items())
                cells = (keys, tree, pane, action.letter, action.title, f"`{action.id}`", action.description)
                lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [
        "## Inside panes and dialogs",
        "",
        "What goes about in one place alone, under these names in `config.yaml`. Fields of one line, lists and the",
        "tree have besides what such things have everywhere: the arrows, home, end, enter.",
        "",
        "| where | key | what it does | id |",
        "|---|---|---|---|",
    ]
    for pane_key in PANE_KEYS.values():
        keys = ", ".join(_plain_key(key) for key in pane_key.keys)
        lines.append(f"| {PLACES[pane_key.where]} | {keys} | {pane_key.title} | `{pane_key.id}` |")
    return "\n".join(lines).rstrip() + "\n"


def _plain_key(key: str) -> str:
    if not show_key(key).startswith("^"):
        return show_key(key)
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, format_key(last) if len(format_key(last)) == 1 else last])


if __name__ == "__main__":
    print(cheatsheet(), end="")
