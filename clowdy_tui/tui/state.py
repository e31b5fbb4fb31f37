"""What the screen knows: no widget, no I/O. The app's handlers change it, the widgets are drawn from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from clowdy_tui.tui.session import Session

if TYPE_CHECKING:
    from clowdy_tui.domain.databases import DatabaseOut
    from clowdy_tui.domain.packages import RequirementsOut
    from clowdy_tui.domain.schemas import FunctionOut, Health, InvocationOut, ProjectOut, RouteOut

ENTRY_PATH = "function.py"

PlaceKind = Literal[
    "none", "project", "functions", "function", "file", "route", "group", "hint",
    "routes", "variables", "packages", "database", "settings", "dashboard", "limits",
    "instance", "variable", "data", "key",
]  # fmt: skip
"""What a place in the tree or in a pane can be; those of the second line open a pane, as `functions` does."""


class Link(StrEnum):
    """How the screen stands to its gateway."""

    CONNECTING = "connecting"
    LOADING = "loading"
    ONLINE = "online"
    LOST = "lost"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Place:
    """What the tree's or a pane's cursor is on. Of a route `function_id` is the one that it leads to.

    `path` is a file's, `name` a variable's or an API key's. The kind `data` is a project's database that is there.
    """

    kind: PlaceKind = "none"
    project_id: str | None = None
    function_id: str | None = None
    route_id: str | None = None
    instance_id: str | None = None
    path: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is shown in the tree, fetched in one go; `calls` are the newest ones, newest first.

    `failed` has the last call of each function that failed, among the newest that did.
    """

    projects: list[ProjectOut]
    functions: list[FunctionOut]
    routes: dict[str, list[RouteOut]]
    health: Health
    warm: int
    calls: list[InvocationOut]
    failed: dict[str, str]


@dataclass(slots=True)
class ScreenState:
    """One per app. `region` is the pane that has the focus, `types` whether letters are text there; ids are those of
    the API.

    `dock` is the tab of the dock that is in front, `call` the call that the history's cursor is on.

    `pane_kind` is the kind of the pane that the centre shows, empty where it is a file or nothing; `pane` is what is
    chosen in it. `open_count` counts files and panes. `failed` has the last call of each function that failed, where it
    is not among the `mended`. `packages` and `databases`, by project, are what their panes were told last.
    `assistant_at` is when the assistant did something last, by `time.monotonic`.
    """

    link: Link = Link.CONNECTING
    problem: str = ""
    session: Session | None = None
    health: Health | None = None
    warm: int = 0
    projects: dict[str, ProjectOut] = field(default_factory=dict)
    functions: dict[str, FunctionOut] = field(default_factory=dict)
    routes: dict[str, list[RouteOut]] = field(default_factory=dict)
    packages: dict[str, RequirementsOut] = field(default_factory=dict)
    databases: dict[str, DatabaseOut] = field(default_factory=dict)
    place: Place = field(default_factory=Place)
    region: str = "tree"
    types: bool = False
    dock: str = "test"
    call: InvocationOut | None = None
    open_function: str | None = None
    open_count: int = 0
    pane: Place = field(default_factory=Place)
    pane_kind: str = ""
    unsaved: set[str] = field(default_factory=set)
    unsaved_files: set[tuple[str, str]] = field(default_factory=set)
    assistant_at: float = float("-inf")
    saving: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    mended: set[str] = field(default_factory=set)

    def take(self, snapshot: Snapshot) -> None:
        """Replace what was known by what is."""
        self.projects = {project.id: project for project in snapshot.projects}
        self.functions = {function.id: function for function in snapshot.functions}
        self.routes = dict(snapshot.routes)
        self.health = snapshot.health
        self.warm = snapshot.warm
        for function_id, call_id in snapshot.failed.items():
            self.note_failure(function_id, call_id)
        self.link, self.problem = Link.ONLINE, ""

    def note_failure(self, function_id: str, call_id: str) -> None:
        """A call has failed; ids of calls are in the order of time."""
        if call_id not in self.mended:
            self.failed[function_id] = max(call_id, self.failed.get(function_id, ""))

    def note_mended(self, function_id: str) -> None:
        """What failed last is mended."""
        if call_id := self.failed.pop(function_id, None):
            self.mended.add(call_id)

    @property
    def target(self) -> FunctionOut | None:
        """The function that an action means: the tree's while it has the focus, else the one in the centre."""
        chosen = self.place.function_id if self.region == "tree" else self.pane.function_id
        return self.functions.get(chosen or self.open_function or "")

    @property
    def project(self) -> ProjectOut | None:
        """The project that an action means, or that the header names."""
        if self.region == "tree" and self.place.kind != "none":
            return self.projects.get(self.place.project_id or "")
        if self.pane_kind:
            return self.projects.get(self.pane.project_id or "")
        function = self.functions.get(self.open_function or "")
        return self.projects.get((function.project_id if function else self.place.project_id) or "")

    @property
    def route(self) -> RouteOut | None:
        """The route that is chosen: in the tree while it has the focus, else in the pane in the centre."""
        return self.find_route(self.meant.project_id, self.meant.route_id)

    @property
    def meant(self) -> Place:
        """What is chosen where the focus is, or was before it went to the dock."""
        return self.place if self.region == "tree" or not self.pane_kind else self.pane

    @property
    def where(self) -> str:
        """Where the focus is, as keys, footer and help tell it apart: a region, a pane's kind, or the dock's tab."""
        if self.region == "dock":
            return self.dock
        return self.pane_kind if self.region == "editor" and self.pane_kind else self.region

    def find_route(self, project_id: str | None, route_id: str | None) -> RouteOut | None:
        """A route by its ids; None where it is not known."""
        routes = self.routes.get(project_id or "", [])
        return next((route for route in routes if route.id == route_id), None)

    def functions_of(self, project_id: str | None) -> list[FunctionOut]:
        """A project's functions by name; those on their own for None."""
        functions = (function for function in self.functions.values() if function.project_id == project_id)
        return sorted(functions, key=lambda function: (function.name.casefold(), function.id))

    def routes_to(self, function_id: str) -> list[RouteOut]:
        """Every route that leads to a function."""
        return [route for routes in self.routes.values() for route in routes if route.function_id == function_id]

    def projects_by_name(self) -> list[ProjectOut]:
        return sorted(self.projects.values(), key=lambda project: (project.name.casefold(), project.id))

    def forget_project(self, project_id: str) -> list[str]:
        """Drop a project with all that it had; returns the ids of its functions."""
        self.projects.pop(project_id, None)
        self.routes.pop(project_id, None)
        self.packages.pop(project_id, None)
        self.databases.pop(project_id, None)
        gone = [function.id for function in self.functions.values() if function.project_id == project_id]
        self.forget_functions(gone)
        return gone

    def forget_functions(self, ids: Iterable[str]) -> None:
        for function_id in ids:
            self.functions.pop(function_id, None)
            for routes in self.routes.values():
                routes[:] = [route for route in routes if route.function_id != function_id]
