"""Every kind of pane that a project has, in the order of its nodes in the tree. Light: the first frame reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from clowdy_tui.domain import events
from clowdy_tui.tui.state import PlaceKind, ScreenState

if TYPE_CHECKING:
    from clowdy_tui.tui.panes.pane import ProjectPane


def _nothing(state: ScreenState, project_id: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class PaneKind:
    """One kind. `pane` is where its class is, `module:Class`, imported when the first is opened.

    `about` is what the help says of it, keys by name (`Keymap.say`). After an event of one of the types `events` in the
    same project (or in none) it fetches anew, at most every `every_s` seconds and only while it is in front; else when
    it comes there. `tail` is what stands at the right of its node: how many there are, or nothing. Over a `roomy` one
    the dock is only shown while it has the focus.
    """

    id: PlaceKind
    title: str
    about: str
    pane: str
    events: tuple[str, ...] = ()
    tail: Callable[[ScreenState, str], str] = _nothing
    in_tree: bool = True
    every_s: float = 0.0
    roomy: bool = False

    def load(self) -> type[ProjectPane]:
        """Its class."""
        module, _, name = self.pane.partition(":")
        return cast("type[ProjectPane]", getattr(import_module(f"clowdy_tui.tui.panes.{module}"), name))


def _count_functions(state: ScreenState, project_id: str) -> str:
    return str(len(state.functions_of(project_id)) or "")


def _count_routes(state: ScreenState, project_id: str) -> str:
    return str(len(state.routes.get(project_id, ())) or "")


def _database(state: ScreenState, project_id: str) -> str:
    project = state.projects.get(project_id)
    return "●" if project is not None and project.has_database else ""


_FIGURES = (
    "{List.choose} opens a function or a call. {dashboard.sort} sorts, {dashboard.span} counts over another time; in "
    "the pool the arrows go from sandbox to sandbox (◆ busy, ○ idle, ◌ starting, ◇ spare), {pool.kill} kills one, "
    "{function.warm} makes a function warm."
)
_CALLS = (events.INVOCATION_FINISHED, events.POOL_CHANGED)

_KINDS = (
    PaneKind(
        "dashboard",
        "Dashboard",
        "How often everything is called, how it ends, how long it takes. " + _FIGURES,
        "dashboard:DashboardPane",
        events=_CALLS,
        every_s=1.0,
        roomy=True,
        in_tree=False,
    ),
    PaneKind(
        "functions",
        "Functions",
        "The project's functions with their figures. " + _FIGURES,
        "dashboard:DashboardPane",
        events=_CALLS,
        every_s=1.0,
        roomy=True,
        tail=_count_functions,
    ),
    PaneKind(
        "routes",
        "Routes",
        "The addresses of the project's functions. {List.choose} edits the route under the cursor, {route.try} tries "
        "it in the console.",
        "routes:RoutesPane",
        tail=_count_routes,
    ),
    PaneKind(
        "variables",
        "Variables",
        "What the project's functions find in their environment. {variable.new} sets one, {variable.paste} pastes a "
        ".env file, {variable.reveal} shows the secrets; {list.choose} gives the one under the cursor another value.",
        "variables:VariablesPane",
        events=(
            events.VARIABLE_SET,
            events.VARIABLE_DELETED,
            events.DATABASE_READY,
            events.DATABASE_REMOVED,
        ),
        every_s=0.2,
    ),
    PaneKind(
        "packages",
        "Packages",
        "What the project's functions can import, by exact version. {List.choose} edits the list, {packages.upgrade} "
        "looks for newer versions, {packages.stop} stops a build, {packages.lock} copies the lock.",
        "packages:PackagesPane",
        events=(
            events.PACKAGES_BUILDING,
            events.PACKAGES_PROGRESS,
            events.PACKAGES_READY,
            events.PACKAGES_FAILED,
        ),
        every_s=0.2,
        roomy=True,
    ),
    PaneKind(
        "database",
        "Database",
        "The project's own PostgreSQL, here or at Neon. {database.new} makes one, {database.copy} copies its address, "
        "{database.psql} the line for psql, {item.delete} removes it.",
        "database:DatabasePane",
        events=(
            events.DATABASE_PROVISIONING,
            events.DATABASE_PROGRESS,
            events.DATABASE_READY,
            events.DATABASE_FAILED,
            events.DATABASE_REMOVED,
            events.DATABASE_CHANGED,
        ),
        tail=_database,
        every_s=0.2,
        roomy=True,
    ),
    PaneKind(
        "settings",
        "Settings",
        "What the project has set, and what its functions may use. {List.choose} changes what the cursor is on, "
        "{screen.next} goes to the next list; in the list of API keys {key.new} makes one and {key.delete} deletes it.",
        "settings:SettingsPane",
        events=(events.KEY_CREATED, events.KEY_DELETED),
    ),
)

PANES: Mapping[str, PaneKind] = {kind.id: kind for kind in _KINDS}
