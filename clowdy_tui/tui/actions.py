"""Everything that can be done, in one registry: keys, footer, palette, leader, help and cheatsheet come from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from clowdy_tui.tui import obstacles as why
from clowdy_tui.tui.state import ScreenState

Obstacle = Callable[[ScreenState], str]
"""Why an action cannot be done now; an empty text where it can."""

DOCK = ("test", "logs", "history")
"""The panes of the dock, where actions may have keys of their own as in those of the centre."""

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


REGISTRY: tuple[Action, ...] = (
    Action("function.run", "Run the function", "Calls it with the test input; the dock shows all.",
           "Function", "Run", why.runnable, ("f5", "ctrl+r"), letter="r"),
    Action("function.save", "Save", "Makes the open file a new version; it is live at once.",
           "Function", "Save", why.saveable, ("ctrl+s",), letter="s"),
    Action("function.new", "New function", "In the chosen project, opened from a template.",
           "Function", "New", why.not_online, ("ctrl+n",), ("n",), letter="n"),
    Action("function.go", "Go to function", "Opens any, by a few letters of its name.",
           "Function", "Go to", why.not_online, ("ctrl+g",), ("/",), letter="g"),
    Action("function.toggle", "Activate or deactivate", "An inactive function answers no call.",
           "Function", "On/off", why.function, (), ("x",), letter="x"),
    Action("file.new", "New file", "Beside the function's entry, to be imported or read.",
           "Function", "File", why.function, (), ("f",), letter="+"),
    Action("function.versions", "Versions", "Who made which when, what it changed; activate or restore one.",
           "Function", "Versions", why.function, ("alt+v",), ("v",), letter="V"),
    Action("function.mend", "Mend it", "The last call that failed: a fix, proven on its input.",
           "Function", "Mend", why.mendable, letter="G"),
    Action("tab.close", "Close the file", "Asks first where something is not saved.",
           "Function", "Close", why.document, ("ctrl+w",), letter="k"),
    Action("tab.next", "Next file", "The tab to the right.",
           "Function", "Next tab", why.document, ("ctrl+pagedown",), letter="j"),
    Action("tab.previous", "Previous file", "The tab to the left.",
           "Function", "Prev tab", why.document, ("ctrl+pageup",), letter="b"),
    Action("editor.find", "Find", "Marks every hit as one types; words, case and regex by choice.",
           "Editor", "Find", why.text, ("ctrl+f",), letter="*"),
    Action("editor.replace", "Find and replace", "One by one, or all; one undo takes all back.",
           "Editor", "Replace", why.text, ("alt+r",), letter="&"),
    Action("editor.line", "Go to line", "12, or 12:5 for a column.",
           "Editor", "Line", why.text, ("alt+g",), letter=":"),
    Action("editor.comment", "Comment in or out", "The selected lines, or the cursor's.",
           # Terminals without the modern key protocol send ctrl+/ as ctrl+_.
           "Editor", "Comment", why.text, ("ctrl+slash", "ctrl+underscore"), letter="#"),
    Action("editor.format", "Format", "Python by ruff, JSON too; one undo takes it back.",
           # Where terminals send no alt+f: there it is the way a word to the right.
           "Editor", "Format", why.text, ("alt+t", "alt+f"), letter="="),
    Action("editor.problem", "Next problem", "What ruff marks as one types; the line below says what it is.",
           "Editor", "Problem", why.text, ("alt+p",), letter="!"),
    Action("editor.complete", "Complete the name", "Comes by itself, too, as one types.",
           "Editor", "Complete", why.text, ("alt+full_stop",), letter="."),
    Action("editor.external", "Open in $EDITOR", "And back, with what it saved.",
           "Editor", "$EDITOR", why.text, ("alt+e",), letter="$"),
    Action("editor.undo", "Undo", "Takes back what was typed last.",
           "Editor", "Undo", why.text, letter="<"),
    Action("editor.redo", "Redo", "Does again what was undone.",
           "Editor", "Redo", why.text, letter=">"),
    Action("input.choose", "Inputs and templates", "Saved inputs, the events of routes; to begin a call with.",
           "Call", "Inputs", why.function, letter="I", local={"test": ("i",)}),
    Action("input.save", "Save the input", "Under a name, with the function, for everybody who may call it.",
           "Call", "Save as", why.function, letter="1", local={"test": ("s",)}),
    Action("call.version", "Run another version", "With the same input; the active one stays.",
           "Call", "Version", why.runnable, letter="Z", local={"test": ("v",)}),
    Action("call.compare", "Compare two versions", "Their answers to the same input, side by side.",
           "Call", "Compare", why.callable_now, letter="%", local={"test": ("m",), "history": ("v",)}),
    Action("call.replay", "Run the call again", "The one in the history, by the active version.",
           "Call", "Replay", why.call, letter="@", local={"history": ("r",)}),
    Action("call.edit", "Edit the call's input", "In the console, to run it changed.",
           "Call", "Edit", why.call, letter="2", local={"history": ("i",)}),
    Action("call.curl", "Copy the call as curl", "To the clipboard.",
           "Call", "curl", why.callable_now, letter="U", local={"test": ("c",), "history": ("c",)}),
    Action("call.cli", "Copy the call as a command", "Of clowdy's command line, to the clipboard.",
           "Call", "Command", why.callable_now, letter="3", local={"test": ("x",), "history": ("x",)}),
    Action("project.new", "New project", "Holds functions, with routes and variables.",
           "Project", "Project", why.not_online, (), ("p",), letter="p"),
    Action("route.new", "New route", "A method and a path that lead to a function.",
           "Project", "Route", why.route_target, (), ("a",), letter="a"),
    Action("route.copy", "Copy as curl", "The command that calls the route, to the clipboard.",
           "Project", "curl", why.reachable, (), ("c",), letter="u"),
    Action("route.try", "Try a route", "Its request as the console's input, to fill in and run.",
           "Project", "Try it", why.route_chosen, (), (), letter="T", local={"routes": ("t",)}),
    Action("project.routes", "Routes", "The project's, as a table.", "Project", "Routes", why.project, letter="R"),
    Action("project.settings", "Settings", "Address, CORS, rate limit, API keys, limits.",
           "Project", "Settings", why.project, letter="P"),
    Action("project.change", "Change a setting", "The one under the cursor in the settings.",
           "Project", "Change", why.settings, letter="C", local={"settings": ("e",)}),
    Action("key.new", "New API key", "For routes that ask for one; shown once.",
           "Project", "New key", why.project, letter="Y", local={"settings": ("a",)}),
    Action("key.delete", "Delete an API key", "The one under the cursor in the settings.",
           "Project", "Del key", why.key, letter="Q", local={"settings": ("d", "delete")}),
    Action("project.variables", "Variables", "The project's, secrets hidden.",
           "Project", "Variables", why.project, letter="9"),
    Action("variable.new", "Set a variable", "In effect with the next call.",
           "Project", "Set", why.project, letter="{", local={"variables": ("a",)}),
    Action("variable.paste", "Paste a .env file", "Sets what it holds, all of it or nothing.",
           "Project", ".env", why.project, letter=")", local={"variables": ("i",)}),
    Action("variable.reveal", "Show the secrets", "Their values, in the pane of variables; and hide them again.",
           "Project", "Show", why.variables, letter="[", local={"variables": ("v",)}),
    Action("project.packages", "Packages", "What the project's functions can import.",
           "Project", "Packages", why.project, letter="0"),
    Action("packages.edit", "Edit the packages", "The list, as a requirements.txt; saved, it is built.",
           "Project", "Edit", why.project, letter="(", local={"packages": ("e",)}),
    Action("packages.upgrade", "Look for newer versions", "Of all that the list does not fix.",
           "Project", "Upgrade", why.upgradable, letter="7", local={"packages": ("u",)}),
    Action("packages.stop", "Stop the build", "What was in use before stays.",
           "Project", "Stop", why.building, letter="-", local={"packages": ("s",)}),
    Action("packages.lock", "Copy the lock", "Exact versions with hashes, to the clipboard.",
           "Project", "Lock", why.locked, letter="8", local={"packages": ("L",)}),
    Action("project.database", "Database", "The project's own PostgreSQL.",
           "Project", "Database", why.project, letter="]"),
    Action("database.new", "Make a database", "On this machine, or at Neon.",
           "Project", "Make", why.without_database, letter="5", local={"database": ("a",)}),
    Action("database.copy", "Copy the address", "The database's, with its password, to the clipboard.",
           "Project", "Address", why.database, letter="6", local={"database": ("y",)}),
    Action("database.psql", "Copy the psql line", "For a shell on the gateway's machine.",
           "Project", "psql", why.database, letter="_", local={"database": ("s",)}),
    Action("database.network", "Let functions reach Neon", "Switches their network on.",
           "Project", "Network", why.database, letter="~", local={"database": ("w",)}),
    Action("item.edit", "Rename or edit", "The project, function or route that is chosen.",
           "Project", "Rename", why.changeable, (), ("r",), letter="m"),
    Action("item.delete", "Delete", "What is chosen in the tree; asks first.",
           "Project", "Delete", why.deletable, (), ("d", "delete"), letter="d"),
    Action("log.filter", "Filter the log", "By text, !text, /regex/, status:, level:, source:, since:, until:.",
           "Log", "Filter", why.free, letter="/", local={"logs": ("slash",)}),
    Action("log.failed", "Failed calls only", "And all of them again.",
           "Log", "Failed", why.free, letter="E", local={"logs": ("e",)}),
    Action("log.scope", "One function only", "That of the line under the cursor; all again.",
           "Log", "Scope", why.free, letter="O", local={"logs": ("o",)}),
    Action("log.context", "Lines around hits", "1, 3, 10 or none of the same call.",
           "Log", "Around", why.free, letter="A", local={"logs": ("c",)}),
    Action("log.follow", "Follow the log", "Or stay where one reads.",
           "Log", "Follow", why.free, letter="F", local={"logs": ("f",)}),
    Action("log.wrap", "Wrap long lines", "Or cut them.", "Log", "Wrap", why.free, letter="W", local={"logs": ("w",)}),
    Action("log.save", "Save the log", "The lines that are shown, to a file.",
           "Log", "Save", why.free, letter="S", local={"logs": ("s",)}),
    Action("log.clear", "Clear the log", "Nothing is deleted at the gateway.",
           "Log", "Clear", why.free, letter="X", local={"logs": ("ctrl+l",)}),
    Action("function.limits", "Limits and network", "Memory, CPU, timeout, instances, network.",
           "Function", "Limits", why.function, (), ("l",), letter="L"),
    Action("function.warm", "Warm it up", "Makes an instance ready before somebody calls.",
           "Function", "Warm", why.warmable, (), ("w",), letter="M"),
    Action("project.functions", "Functions", "The project's, with their figures.",
           "Project", "Functions", why.project, letter="N"),
    Action("pane.dashboard", "Dashboard", "Calls, times, failures, and the pool.",
           "Panes", "Dashboard", why.free, ("f10",), letter="D"),
    Action("dashboard.sort", "Sort the functions", "By calls, by time, by failures.",
           "Panes", "Sort", why.dashboard, letter="B", local={"dashboard": ("s",), "functions": ("s",)}),
    Action("dashboard.span", "Count over another time", "An hour, a day, a week, all.",
           "Panes", "Time", why.dashboard, letter="H", local={"dashboard": ("t",), "functions": ("t",)}),
    Action("pool.kill", "Kill a sandbox", "The one under the pool's cursor; asks where a call is in it.",
           "Panes", "Kill", why.instance, letter="K", local={"dashboard": ("K",), "functions": ("K",)}),
    Action("pane.tree", "Project tree", "Shows it and goes there; once more hides it.",
           "Panes", "Tree", why.free, ("f2",), letter="t"),
    Action("pane.editor", "Editor", "Goes to the open file.", "Panes", "Editor", why.free, ("f3",), letter="e"),
    Action("pane.test", "Test", "Input, run, result.", "Panes", "Test", why.free, ("f4",), letter="i"),
    Action("pane.logs", "Logs", "What the functions print, as they print it.",
           "Panes", "Logs", why.free, ("f8",), letter="l"),
    Action("pane.history", "History", "Every call of the open function, or of all.",
           "Panes", "History", why.free, letter="4"),
    Action("pane.chat", "Chat", "Shows it and goes there; once more hides it.",
           "Panes", "Chat", why.free, ("f9",), letter="c"),
    Action("pane.jump", "Jump", "Puts a letter on every pane and tab; the letter goes there.",
           "Panes", "Jump", why.free, ("ctrl+o",), letter="J"),
    Action("pane.next", "Next pane", "Goes round.", "Panes", "Next pane", why.free, ("f6",), letter="w"),
    Action("pane.zoom", "Zoom the pane", "Gives it the whole screen, and back.",
           "Panes", "Zoom", why.free, ("f7",), letter="z"),
    Action("app.palette", "Commands", "Every action and function, by a few letters.",
           "Clowdy", "Commands", why.free, ("ctrl+p",), letter="o"),
    Action("app.leader", "Leader key", "Then a letter, where the terminal eats a key.",
           "Clowdy", "Leader", why.free, ("ctrl+@", "ctrl+space", "f12")),
    Action("app.help", "Help", "Every key, and what is on the screen.",
           "Clowdy", "Help", why.free, ("f1",), ("question_mark",), letter="h"),
    Action("app.theme", "Theme", "Choose how it looks.", "Clowdy", "Theme", why.free, letter="y"),
    Action("app.gateway", "About the gateway", "Where it runs, with which driver and limits.",
           "Clowdy", "Gateway", why.free, letter="v"),
    Action("app.reload", "Reload", "Fetches all anew, or tries again to connect.",
           "Clowdy", "Reload", why.free, (), ("ctrl+l",), letter="f"),
    Action("app.quit", "Quit", "Asks first where something is not saved.",
           "Clowdy", "Quit", why.free, ("ctrl+q",), letter="q"),
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
