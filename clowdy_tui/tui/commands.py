"""What each action of the registry does. Whether it may be done was looked at before."""

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from clowdy_tui.tui import call_flows, flows, own_flows, pool_flows, settings_flows, work
from clowdy_tui.tui.editing.files import delete_file, rename_file
from clowdy_tui.tui.editor_commands import EDITOR_COMMANDS
from clowdy_tui.tui.panes.settings import SettingsPane
from clowdy_tui.tui.screens.gateway_info import GatewayInfo
from clowdy_tui.tui.screens.help import HelpScreen
from clowdy_tui.tui.screens.jump import JumpScreen, spots
from clowdy_tui.tui.screens.leader import LeaderScreen
from clowdy_tui.tui.screens.palette import Palette, action_entries, function_entries, pane_entries
from clowdy_tui.tui.screens.theme_picker import ThemePicker
from clowdy_tui.tui.state import Link, Place, PlaceKind

if TYPE_CHECKING:
    from clowdy_tui.tui.app import ClowdyApp
    from clowdy_tui.tui.core import Flow

Command = Callable[["ClowdyApp"], None]


def _run(app: "ClowdyApp") -> None:
    app.run_target()


def _save(app: "ClowdyApp") -> None:
    app.save_active()


def _new_function(app: "ClowdyApp") -> None:
    app.start_flow(flows.new_function)


def _go(app: "ClowdyApp") -> None:
    empty = app.keymap.say("There is no function yet; {function.new} makes one")
    palette = Palette(function_entries(app.state), "Go to function …", empty)
    app.push_screen(palette, app.post_chosen)


def _toggle(app: "ClowdyApp") -> None:
    if function := app.state.target:
        wanted = "inactive" if function.status == "active" else "active"
        app.start_work(work.set_status, function, wanted)


def _new_project(app: "ClowdyApp") -> None:
    app.start_flow(flows.new_project)


def _new_route(app: "ClowdyApp") -> None:
    if project := app.state.project:
        target = app.state.target
        app.start_flow(flows.new_route, project, target.id if target else None)


def _copy_route(app: "ClowdyApp") -> None:
    state = app.state
    route = state.route or (state.routes_to(state.target.id)[0] if state.target else None)
    if route is not None:
        method = "" if route.method in ("GET", "ANY") else f"-X {route.method} "
        line = f"curl {method}{shlex.quote(route.url)}"
        app.copy_to_clipboard(line)
        app.tell("Copied", line)


def _try_route(app: "ClowdyApp") -> None:
    if route := app.state.route:
        app.try_route(route)


def _edit(app: "ClowdyApp") -> None:
    state = app.state
    in_list = state.region == "tree" or bool(state.pane_kind)
    if in_list and state.meant.kind == "variable" and state.project:
        app.start_flow(own_flows.set_variable, state.project, app.chosen_variable())
    elif in_list and state.route and state.project:
        app.start_flow(flows.edit_route, state.project, state.route)
    elif state.target and state.meant.kind == "file" and state.region == "tree" and state.meant.path:
        app.start_flow(rename_file, state.target, state.meant.path)
    elif state.target and not (in_list and state.meant.kind != "function"):
        app.start_flow(flows.edit_function, state.target)
    elif state.project:
        app.start_flow(flows.edit_project, state.project)


def _delete(app: "ClowdyApp") -> None:
    state = app.state
    in_list = state.region == "tree" or bool(state.pane_kind)
    if in_list and state.meant.kind == "variable" and state.project and state.meant.name:
        app.start_flow(own_flows.delete_variable, state.project, state.meant.name)
    elif in_list and state.meant.kind == "data" and state.project:
        app.start_flow(own_flows.remove_database, state.project)
    elif in_list and state.route and state.project:
        app.start_flow(flows.delete_route, state.project, state.route)
    elif state.target and state.meant.kind == "file" and state.region == "tree" and state.meant.path:
        app.start_flow(delete_file, state.target, state.meant.path)
    elif state.target and not (in_list and state.meant.kind != "function"):
        app.start_flow(flows.delete_function, state.target)
    elif state.project:
        app.start_flow(flows.delete_project, state.project)


def _palette(app: "ClowdyApp") -> None:
    entries = [*action_entries(app.state, app.keymap), *function_entries(app.state), *pane_entries(app.state)]
    app.push_screen(Palette(entries, "Do something, or go to a function …"), app.post_chosen)


def _leader(app: "ClowdyApp") -> None:
    app.push_screen(LeaderScreen(app.state, app.keymap), app.perform_chosen)


def _jump(app: "ClowdyApp") -> None:
    app.push_screen(JumpScreen(spots(app.workbench)), lambda spot: spot.go() if spot else None)


def _reload(app: "ClowdyApp") -> None:
    if app.state.link is Link.FAILED:
        app.connect_again()
    elif app.state.session is not None:
        app.start_work(work.load, group="load")


def _quit(app: "ClowdyApp") -> None:
    app.start_flow(flows.leave)


def _close_tab(app: "ClowdyApp") -> None:
    tabs = app.workbench.tabs
    if tabs.pane is not None:
        tabs.close_pane(tabs.pane)
    else:
        tabs.close()


def _limits(app: "ClowdyApp") -> None:
    if function := app.state.target:
        app.start_flow(settings_flows.limits, function)


def _change_setting(app: "ClowdyApp") -> None:
    pane, project = app.workbench.tabs.pane, app.state.project
    if isinstance(pane, SettingsPane) and project is not None:
        app.start_flow(getattr(settings_flows, pane.chosen_setting), project)


def _new_key(app: "ClowdyApp") -> None:
    if project := app.state.project:
        app.start_flow(settings_flows.new_key, project)


def _delete_key(app: "ClowdyApp") -> None:
    pane, project = app.workbench.tabs.pane, app.state.project
    key = pane.chosen_key if isinstance(pane, SettingsPane) else None
    if key is not None and project is not None:
        app.start_flow(settings_flows.delete_key, project, key)


def _warm(app: "ClowdyApp") -> None:
    if function := app.state.target:
        app.start_errand(pool_flows.warm, function)


def _kill(app: "ClowdyApp") -> None:
    if (chosen := app.chosen_instance()) is not None:
        start = app.start_flow if chosen.state == "busy" else app.start_errand
        start(partial(pool_flows.kill, busy=chosen.state == "busy"), chosen.id, chosen.function_name or "")


def _for_project(flow: "Flow", *, asks: bool = True) -> Command:
    """What is done with the project that is meant; most of it asks something first."""

    def command(app: "ClowdyApp") -> None:
        if project := app.state.project:
            (app.start_flow if asks else app.start_errand)(flow, project)

    return command


def _copy_psql(app: "ClowdyApp") -> None:
    if project := app.state.project:
        line = f"clowdy db psql {project.slug}"
        app.copy_to_clipboard(line)
        app.tell("Copied", line)


def _open_pane(kind: PlaceKind) -> Command:
    def open_(app: "ClowdyApp") -> None:
        if project := app.state.project:
            app.panes.open(Place(kind, project.id))

    return open_


def _with_function(flow: Callable[..., Any]) -> Command:
    """Something that is asked about the function that is meant, in the console."""

    def command(app: "ClowdyApp") -> None:
        if function := app.state.target:
            app.test_function(function)
            app.start_flow(flow, function)

    return command


def _with_input(flow: Callable[..., Any]) -> Command:
    """The same, with the console's input; not where that is no JSON."""

    def command(app: "ClowdyApp") -> None:
        if function := app.state.target:
            app.test_function(function)
            parsed = app.workbench.dock.test.check()
            if parsed.ok:
                app.start_flow(flow, function, parsed.value)

    return command


def _log(action: str) -> Command:
    """What the log pane does by a key of its own, from anywhere."""

    def command(app: "ClowdyApp") -> None:
        app.workbench.go_dock("logs")
        getattr(app.workbench.dock.logs, f"action_{action}")()

    return command


COMMANDS: Mapping[str, Command] = {
    **EDITOR_COMMANDS,
    "function.run": _run,
    "function.save": _save,
    "function.new": _new_function,
    "function.go": _go,
    "function.toggle": _toggle,
    "function.mend": lambda app: app.mend_last(),
    "tab.close": _close_tab,
    "tab.next": lambda app: app.workbench.tabs.next(),
    "tab.previous": lambda app: app.workbench.tabs.previous(),
    "project.new": _new_project,
    "route.new": _new_route,
    "route.copy": _copy_route,
    "route.try": _try_route,
    "project.routes": _open_pane("routes"),
    "project.functions": _open_pane("functions"),
    "project.settings": _open_pane("settings"),
    "project.change": _change_setting,
    "key.new": _new_key,
    "key.delete": _delete_key,
    "function.limits": _limits,
    "project.variables": _open_pane("variables"),
    "project.packages": _open_pane("packages"),
    "project.database": _open_pane("database"),
    "variable.new": _for_project(own_flows.set_variable),
    "variable.paste": _for_project(own_flows.paste_variables),
    "variable.reveal": lambda app: app.toggle_revealed(),
    "packages.edit": _for_project(own_flows.edit_packages),
    "packages.upgrade": _for_project(own_flows.upgrade_packages, asks=False),
    "packages.stop": _for_project(own_flows.stop_build, asks=False),
    "packages.lock": lambda app: app.copy_lock(),
    "database.new": _for_project(own_flows.make_database),
    "database.copy": _for_project(own_flows.copy_address, asks=False),
    "database.psql": _copy_psql,
    "database.network": _for_project(own_flows.enable_network),
    "function.warm": _warm,
    "pane.dashboard": lambda app: app.panes.open(Place("dashboard")),
    "dashboard.sort": lambda app: app.sort_board(),
    "dashboard.span": lambda app: app.widen_board(),
    "pool.kill": _kill,
    "item.edit": _edit,
    "item.delete": _delete,
    "log.filter": _log("filter"),
    "log.failed": _log("failed"),
    "log.scope": _log("scope"),
    "log.context": _log("context"),
    "log.follow": _log("toggle_follow"),
    "log.wrap": _log("wrap"),
    "log.save": _log("save"),
    "log.clear": _log("clear"),
    "pane.tree": lambda app: app.workbench.go_or_hide("tree"),
    "pane.editor": lambda app: app.workbench.go("editor"),
    "pane.test": lambda app: app.workbench.go_dock("test"),
    "input.choose": _with_function(call_flows.choose_input),
    "input.save": _with_function(call_flows.save_input),
    "call.version": _with_input(call_flows.run_version),
    "call.compare": lambda app: app.compare_call(),
    "call.replay": lambda app: app.do_with_call("replay"),
    "call.edit": lambda app: app.do_with_call("edit"),
    "call.curl": lambda app: app.copy_call("curl"),
    "call.cli": lambda app: app.copy_call("cli"),
    "pane.history": lambda app: app.workbench.go_dock("history"),
    "pane.logs": lambda app: app.workbench.go_dock("logs"),
    "pane.chat": lambda app: app.workbench.go_or_hide("chat"),
    "pane.jump": _jump,
    "pane.next": lambda app: app.workbench.go_next(),
    "pane.zoom": lambda app: app.workbench.zoom(),
    "app.palette": _palette,
    "app.leader": _leader,
    "app.help": lambda app: app.show(HelpScreen(app.state, app.keymap, app.problems)),
    "app.theme": lambda app: app.show(ThemePicker(app.themes)),
    "app.gateway": lambda app: app.show(GatewayInfo(app.state)),
    "app.reload": _reload,
    "app.quit": _quit,
}
