"""A project's routes: which method and path leads to which function, and what a caller needs for it."""

from collections.abc import Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget

from clowdy_tui.domain.names import parse_route
from clowdy_tui.domain.schemas import RouteOut
from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.panes.pane import ProjectPane
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.text import count, visible
from clowdy_tui.tui.widgets.table import Cell, Column, Row, Table

COLUMNS = (
    Column("method", most=7, least=6),
    Column("path", share=3, most=60, least=12),
    Column("function", share=1, least=8),
    Column("auth", most=8, least=5, needs=60),
    Column("event", most=8, least=6, needs=84),
    Column("description", share=2, least=6, needs=110),
)
METHOD_STYLES = {"GET": "$success", "POST": "$warning", "DELETE": "$error", "ANY": "$muted"}
AUTH = {"none": ("open", "$muted"), "token": ("token", "$accent"), "api_key": ("api key", "$accent")}


class RoutesPane(ProjectPane):
    """Drawn from the state's routes."""

    def compose_pane(self) -> Iterable[Widget]:
        yield Table(COLUMNS)

    def redraw(self) -> None:
        project = self.state.projects.get(self.place.project_id or "")
        routes = self.state.routes.get(self.place.project_id or "", [])
        if project is None:
            return
        if not routes:
            self.tell_facts("none yet")
            if self.state.functions_of(project.id):
                self.say("No address leads to a function yet",
                         "A route is a method and a path below /api/gateway/" + visible(project.slug) + "/",
                         "that anybody who knows it may call.", "",
                         self.key_line("route.new", "adds the first one"))  # fmt: skip
            else:
                self.say("No address, and no function that one could lead to",
                         "A route leads to a function of this project.", "",
                         self.key_line("function.new", "makes one"))  # fmt: skip
            return
        self.say_nothing()
        self.tell_facts(count(len(routes), "route"), f"/api/gateway/{project.slug}")
        self.query_one(Table).set_rows([Row(route.id, self._cells(route)) for route in routes])

    def _cells(self, route: RouteOut) -> list[Cell]:
        function = self.state.functions.get(route.function_id)
        active = function is None or function.status == "active"
        leads_to = Content.assemble(("● ", "$success") if active else ("○ ", "$muted"), visible(route.function_name))
        return [
            (route.method, METHOD_STYLES.get(route.method, "$secondary")),
            pattern(route.path),
            leads_to,
            AUTH.get(route.auth, (route.auth, "")),
            ("aws 2.0" if route.payload_format == "aws-2.0" else "clowdy", "$muted"),
            (route.description, "$muted"),
        ]

    @on(Table.Highlighted)
    def _move(self, event: Table.Highlighted) -> None:
        event.stop()
        route = self.state.find_route(self.place.project_id, event.key)
        self.chose(Place("route", route.project_id, route.function_id, route.id) if route else self.place)

    @on(Table.Chosen)
    def _edit(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(Perform("item.edit"))


def pattern(path: str) -> Content:
    """A route's path with what it takes out of an address in colour."""
    parts = [
        Content(visible("/" + raw)) if segment.kind == "literal"
        else Content.assemble("/", (visible(raw), "$accent"))
        for raw, segment in zip(path.strip("/").split("/"), parse_route(path).segments, strict=False)
    ]  # fmt: skip
    return Content("").join(parts) if parts else Content("/")
