"""A project's variables: their names, their values where they are no secrets or were asked for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.content import Content
from textual.widget import Widget

from clowdy_tui.domain.databases import DATABASE_URL
from clowdy_tui.domain.redaction import MASK
from clowdy_tui.domain.schemas import VariableOut
from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.panes.pane import ProjectPane
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.text import count, since, visible
from clowdy_tui.tui.widgets.table import Cell, Column, Row, Table

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy

COLUMNS = (
    Column("name", most=40, least=10),
    Column("value", share=1, least=10),
    Column("kind", most=7, least=6),
    Column("set", most=12, least=6, needs=70),
)


class VariablesPane(ProjectPane):
    """Secrets read `****` until they are revealed, and again when the pane is opened anew."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.revealed = False
        self._variables: list[VariableOut] = []

    def compose_pane(self) -> Iterable[Widget]:
        yield Table(COLUMNS)

    @staticmethod
    async def fetch(client: Clowdy, place: Place, *, reveal: bool = False) -> list[VariableOut]:
        return await client.variables.list(place.project_id or "", reveal=reveal)

    def job(self) -> Callable[[Clowdy, Place], Awaitable[object]]:
        return partial(self.fetch, reveal=self.revealed)

    def toggle_revealed(self) -> None:
        """Show the secrets' values, or hide them again."""
        self.revealed = not self.revealed
        self.refetch()

    def find(self, key: str | None) -> VariableOut | None:
        """The variable with that name."""
        return next((one for one in self._variables if one.key == key), None)

    def take(self, data: list[VariableOut]) -> None:
        self._variables = data
        self.redraw()

    def redraw(self) -> None:
        project = self.state.projects.get(self.place.project_id or "")
        if project is None:
            return
        of_database = [Content.styled(f"+ {DATABASE_URL}", "$muted")] if project.has_database else []
        if not self._variables:
            self.tell_facts("none yet", *of_database)
            self.chose(self.place)
            self.say(
                "The project's functions find nothing of yours in their environment",
                "A variable is encrypted where it is kept, and a secret unless you say otherwise.",
                "",
                self.key_line("variable.new", "sets the first one"),
                self.key_line("variable.paste", "pastes a .env file"),
            )
            return
        self.say_nothing()
        secrets = sum(one.is_secret for one in self._variables)
        shown = Content.styled("secrets are shown", "$warning") if self.revealed else f"{secrets} secret"
        self.tell_facts(count(len(self._variables), "variable"), shown, *of_database)
        self.query_one(Table).set_rows([Row(one.key, _cells(one)) for one in self._variables])

    @on(Table.Highlighted)
    def _move(self, event: Table.Highlighted) -> None:
        event.stop()
        known = self.find(event.key) is not None
        self.chose(Place("variable", self.place.project_id, name=event.key) if known else self.place)

    @on(Table.Chosen)
    def _edit(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(Perform("item.edit"))


def _cells(variable: VariableOut) -> list[Cell]:
    hidden = variable.is_secret and variable.value == MASK
    value = Content.styled("••••••••", "$muted") if hidden else Content(visible(variable.value))
    kind: Cell = ("secret", "$accent") if variable.is_secret else ("plain", "$muted")
    return [(variable.key, "bold"), value, kind, (since(variable.updated_at, datetime.now(UTC)), "$muted")]
