"""Why an action cannot be done now: a sentence that says what to do first, an empty text where it can be.

Keys stand in it by name, for `Keymap.say`.
"""

from clowdy_tui.tui.state import Link, ScreenState

THINGS = {"routes": "route", "variables": "variable"}
"""What the rows of a pane are, by its kind."""


def free(state: ScreenState) -> str:
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


def function(state: ScreenState) -> str:
    return not_online(state) or (
        "" if state.target else "Open a function first, or choose one in the tree ({pane.tree})"
    )


def project(state: ScreenState) -> str:
    return not_online(state) or ("" if state.project else "Choose a project in the tree first ({pane.tree})")


def saveable(state: ScreenState) -> str:
    if state.open_function is None:
        return "Nothing is open"
    return not_online(state)


def runnable(state: ScreenState) -> str:
    if problem := function(state):
        return problem
    assert state.target is not None
    if state.target.id in state.running:
        return f"{state.target.name} is still running"
    return "" if state.target.status == "active" else f"{state.target.name} is inactive; activate it to run it"


def text(state: ScreenState) -> str:
    return "" if state.open_function else "Open a file first, from the tree ({pane.tree})"


def call(state: ScreenState) -> str:
    if problem := not_online(state):
        return problem
    if state.call is None:
        return "Choose a call in the history first"
    return "" if state.call.function_id in state.functions else "Its function is gone"


def callable_now(state: ScreenState) -> str:
    return call(state) if state.dock == "history" else function(state)


def mendable(state: ScreenState) -> str:
    if problem := function(state):
        return problem
    assert state.target is not None
    return "" if state.target.id in state.failed else f"No call of {state.target.name} has failed of late"


def document(state: ScreenState) -> str:
    return "" if state.open_count else "Nothing is open"


def item(state: ScreenState) -> str:
    return not_online(state) or (
        "" if state.target or state.project else "Choose a project, function or route in the tree first ({pane.tree})"
    )


def deletable(state: ScreenState) -> str:
    if problem := item(state):
        return problem
    in_pane = state.pane_kind and state.region != "tree"
    if in_pane and state.meant.kind not in {"variable", "data", "route", "function"}:
        return "Nothing here can be deleted; a project is deleted in the tree ({pane.tree})"
    return ""


def changeable(state: ScreenState) -> str:
    """As `item`; in a pane of things only these are changed, and never the project that they belong to."""
    if problem := item(state):
        return problem
    if state.region != "tree" and state.pane_kind in THINGS and state.meant.kind != THINGS[state.pane_kind]:
        return "Nothing here to change yet; a project is renamed in the tree ({pane.tree})"
    return ""


def route_target(state: ScreenState) -> str:
    if problem := project(state):
        return problem
    assert state.project is not None
    return "" if state.functions_of(state.project.id) else "A route needs a function to lead to: make one first"


def route_chosen(state: ScreenState) -> str:
    return not_online(state) or ("" if state.route else "Choose a route first, in the tree or in the pane of routes")


def warmable(state: ScreenState) -> str:
    if problem := function(state):
        return problem
    assert state.target is not None
    return "" if state.target.status == "active" else f"{state.target.name} is inactive; activate it first"


def dashboard(state: ScreenState) -> str:
    return "" if state.pane_kind in ("dashboard", "functions") else "Open the dashboard first ({pane.dashboard})"


def settings(state: ScreenState) -> str:
    return not_online(state) or ("" if state.pane_kind == "settings" else "Open a project's settings first")


def key(state: ScreenState) -> str:
    if problem := settings(state):
        return problem
    return "" if state.pane.kind == "key" else "Go to the list of API keys first ({screen.next})"


def instance(state: ScreenState) -> str:
    return not_online(state) or (
        ""
        if state.pane.kind == "instance"
        else "Choose a sandbox in the dashboard's pool first ({pane.dashboard}, then {screen.next})"
    )


def variables(state: ScreenState) -> str:
    if problem := not_online(state):
        return problem
    if state.pane_kind != "variables":
        return "Open the project's variables first"
    return "" if state.pane.kind == "variable" else "There is no variable yet; set one first"


def upgradable(state: ScreenState) -> str:
    if problem := project(state):
        return problem
    assert state.project is not None
    known = state.packages.get(state.project.id)
    if known is None:
        return ""
    if known.status == "building":
        return "A list is being built; wait for it, or stop it"
    return "" if known.requirements_txt.strip() else "The project has no packages yet; edit the list first"


def building(state: ScreenState) -> str:
    if problem := _in_packages(state):
        return problem
    known = state.packages.get(state.pane.project_id or "")
    return "" if known is not None and known.status == "building" else "Nothing is being built"


def locked(state: ScreenState) -> str:
    if problem := _in_packages(state):
        return problem
    known = state.packages.get(state.pane.project_id or "")
    return "" if known is not None and known.lock else "There is no lock yet: no package is installed"


def _in_packages(state: ScreenState) -> str:
    return not_online(state) or ("" if state.pane_kind == "packages" else "Open the project's packages first")


def database(state: ScreenState) -> str:
    if problem := project(state):
        return problem
    assert state.project is not None
    return "" if state.project.has_database or state.pane.kind == "data" else "The project has no database yet"


def without_database(state: ScreenState) -> str:
    if problem := project(state):
        return problem
    assert state.project is not None
    if state.project.has_database:
        return "The project has a database already"
    known = state.databases.get(state.project.id)
    return "The database is being made" if known is not None and known.status == "provisioning" else ""


def reachable(state: ScreenState) -> str:
    if problem := not_online(state):
        return problem
    if state.route or (state.target and state.routes_to(state.target.id)):
        return ""
    return "No route leads there yet; add one"
