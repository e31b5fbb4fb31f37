"""A project's settings: its address, what is kept of its calls, who may call it, and what its functions may use."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.panes.pane import ProjectPane
from clowdy_tui.tui.screens.settings_forms import exposes
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.text import count, visible
from clowdy_tui.tui.widgets.page import Page
from clowdy_tui.tui.widgets.table import Cell, Column, Row, Table

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy
    from clowdy_tui.domain.rules import RateLimit
    from clowdy_tui.domain.schemas import FunctionOut, KeyOut, ProjectOut

SETTINGS = (
    Column("setting", most=18, least=10),
    Column("value", share=1, least=12, most=60),
    Column("", share=2, least=6, most=70, needs=64),
)
FUNCTIONS = (
    Column("function", share=1, least=10, most=30),
    Column("memory", align="right", least=8),
    Column("cpu", align="right", least=8),
    Column("timeout", align="right", least=7),
    Column("instances", align="right", least=9),
    Column("network", least=7),
    Column("by its id", least=9, needs=70),
)
KEPT = {
    "all": "input, output, log of each",
    "errors": "those of failed calls only",
    "none": "only how each call ended",
}
"""What is kept of calls, in so few words that they stand beside it at 80 columns."""
KEYS = (Column("API key", share=1, least=10, most=40), Column("made", least=16))


class SettingsPane(ProjectPane):
    """Enter changes what the cursor is on."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    keys: tuple[KeyOut, ...] = ()

    def compose_pane(self) -> Iterable[Widget]:
        with Page(classes="board", can_focus=False):
            yield Table(SETTINGS, id="settings", classes="-short")
            yield Static(classes="part functions-title", markup=False)
            yield Table(FUNCTIONS, id="limits", classes="-short")
            yield Static(classes="part keys-title", markup=False)
            yield Table(KEYS, id="keys", classes="-short")

    @staticmethod
    async def fetch(client: Clowdy, place: Place) -> list[KeyOut]:
        """The project's API keys; the rest is in the state."""
        return await client.keys.list(place.project_id or "")

    def take(self, data: list[KeyOut]) -> None:
        self.keys = tuple(data)
        self.redraw()

    def redraw(self) -> None:
        project = self.state.projects.get(self.place.project_id or "")
        if project is None:
            return
        functions = self.state.functions_of(project.id)
        self.tell_facts(count(len(functions), "function"), count(len(self.keys), "API key"))
        self.query_one("#settings", Table).set_rows(_settings(project))
        on = sum(function.network_enabled for function in functions)
        said, style = exposes(self.state.health, on=on > 0)
        none = "none has a network" if functions else "none yet"
        network = f"{on} with a network: {said}" if on else none
        title = Content.assemble(("Functions", "bold"), (f"  {network}", f"not bold {style}"))
        self.query_one(".functions-title", Static).update(title)
        self.query_one("#limits", Table).set_rows([Row(function.id, _limits(function)) for function in functions])
        self.query_one("#limits").display = bool(functions)
        key = self.keymap.key_of("key.new", "settings")
        asked = sum(route.auth == "api_key" for route in self.state.routes.get(project.id, []))
        about = f"{key} makes one; {count(asked, 'route asks', 'routes ask')} for one"
        title = Content.assemble(("API keys", "bold"), ("  " + about, "not bold $muted"))
        self.query_one(".keys-title", Static).update(title)
        rows = [Row(one.id, [one.name, (one.created_at.astimezone().strftime("%Y-%m-%d %H:%M"), "$muted")])
                for one in self.keys]  # fmt: skip
        self.query_one("#keys", Table).set_rows(rows)
        self.query_one("#keys").display = bool(rows)
        if self.chosen.kind == "key" and self.chosen_key is None:
            self.chose(self.place)

    @property
    def chosen_key(self) -> KeyOut | None:
        """The API key under the cursor, where that is in their list."""
        name = self.chosen.name if self.chosen.kind == "key" else None
        return next((key for key in self.keys if key.id == name), None)

    @property
    def chosen_setting(self) -> str:
        """The setting under the cursor."""
        return self.query_one("#settings", Table).key or "address"

    @on(Table.Highlighted)
    def _move(self, event: Table.Highlighted) -> None:
        event.stop()
        if event.table.has_focus_within:
            self._mean_chosen()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._mean_chosen()

    def _mean_chosen(self) -> None:
        """What the cursor is on, in the list that has the focus."""
        limits, keys = self.query_one("#limits", Table), self.query_one("#keys", Table)
        if limits.has_focus_within and limits.key in self.state.functions:
            self.chose(Place("function", self.place.project_id, limits.key))
        elif keys.has_focus_within and keys.key:
            self.chose(Place("key", self.place.project_id, name=keys.key))
        else:
            self.chose(self.place)

    @on(Table.Chosen, "#settings")
    def _change_setting(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(Perform("project.change"))

    @on(Table.Chosen, "#limits")
    def _change_limits(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(Perform("function.limits"))


def _settings(project: ProjectOut) -> list[Row]:
    limit, cors = project.rate_limit, project.cors
    none: Cell = ("none", "$muted")
    rate: Cell = none
    if limit is not None:
        rate = f"{count(limit.requests, 'request')} in {limit.per_seconds:g} s"
    rows: list[tuple[str, str, Cell, str]] = [
        ("address", "name and address", Content.assemble(visible(project.name), ("  /api/gateway/", "$muted"),
         (visible(project.slug), "$accent")), project.description),
        ("capture", "kept of calls", project.capture, KEPT[project.capture]),
        ("rate", "rate limit", rate, _rate(limit) if limit else "as many as anybody likes"),
        ("cors", "web pages (CORS)", ", ".join(cors.origins) if cors else none,
         _cors(project) if cors else "no page of another origin"),
    ]  # fmt: skip
    return [Row(key, [(name, "$muted"), value, (about, "$muted")]) for key, name, value, about in rows]


def _rate(limit: RateLimit) -> str:
    return f"{'all callers together' if limit.by == 'project' else 'for each caller'}; then 429"


def _cors(project: ProjectOut) -> str:
    assert project.cors is not None
    methods = "any method" if "*" in project.cors.methods else ", ".join(project.cors.methods)
    return f"{methods}, {'with' if project.cors.credentials else 'without'} cookies"


def _limits(function: FunctionOut) -> list[Cell]:
    active = function.status == "active"
    few = f"{function.min_instances}–" if function.min_instances else ""
    return [
        Content.assemble(("● ", "$success") if active else ("○ ", "$muted"), visible(function.name)),
        f"{function.memory_mb} MiB",
        f"{function.cpus:g} cores" if function.cpus != 1 else "1 core",
        f"{function.timeout_s:g} s",
        f"{few}{function.max_instances}",
        ("▲ on", "bold $warning") if function.network_enabled else ("off", "$muted"),
        (function.visibility, "$muted" if function.visibility == "public" else "$accent"),
    ]
