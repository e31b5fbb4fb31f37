"""A project's packages: what its functions import, by exact version, and how the last build goes or went."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from clowdy_tui.domain.packages import Locked, RequirementsOut, name_of, read_lock
from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.panes.pane import ProjectPane
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.text import block, count, visible
from clowdy_tui.tui.widgets.table import Column, Row, Table

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy

COLUMNS = (
    Column("package", most=36, least=10),
    Column("version", most=16, least=7),
    Column("asked for as", share=1, least=10),
    Column("files", most=8, least=5, needs=64, align="right"),
)


class PackagesPane(ProjectPane):
    """What functions see now is the table; a list that is built or failed stands above it."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.found: RequirementsOut | None = None

    def compose_pane(self) -> Iterable[Widget]:
        yield Static(classes="pane-banner", markup=False)
        yield Table(COLUMNS)

    @staticmethod
    async def fetch(client: Clowdy, place: Place) -> RequirementsOut:
        return await client.packages.get(place.project_id or "")

    def take(self, data: RequirementsOut) -> None:
        self.found = data
        self.redraw()

    def redraw(self) -> None:
        found = self.found
        if found is None:
            return
        locked = read_lock(found.lock)
        self._draw_head(found, locked)
        banner = _banner(found)
        if not locked and not found.requirements_txt.strip():
            if found.status == "ready":
                self.say(
                    "The project's functions import nothing but Python's standard library",
                    "A list like a requirements.txt is resolved and installed once, and all its functions have it with "
                    "the next call. psycopg is there without it.",
                    "",
                    self.key_line("packages.edit", "writes or pastes the list"),
                )
            else:
                # The resolver's words are as wide as a terminal.
                self.query_one(".pane-note").set_class(found.status == "failed", "-wide")
                self.say(banner or "", self.key_line(*_next_step(found)))
            return
        self.say_nothing()
        strip = self.query_one(".pane-banner", Static)
        strip.update(banner or "")
        strip.display = banner is not None
        asked = _asked(found.requirements_txt)
        self.query_one(Table).set_rows([_row(one, asked) for one in locked])

    def _draw_head(self, found: RequirementsOut, locked: tuple[Locked, ...]) -> None:
        if found.stopped:
            state = Content.styled("■ stopped", "$muted")
        else:
            state = {
                "ready": Content.styled("● ready" if locked else "none yet", "$success" if locked else "$muted"),
                "building": Content.styled("◌ building", "$warning"),
                "failed": Content.styled("✗ the last build failed", "$error"),
            }[found.status]
        amount = [count(len(locked), "package")] if locked else []
        self.tell_facts(state, *amount)

    @on(Table.Highlighted)
    def _move(self, event: Table.Highlighted) -> None:
        event.stop()

    @on(Table.Chosen)
    def _edit(self, event: Table.Chosen) -> None:
        event.stop()
        self.post_message(Perform("packages.edit"))


def _banner(found: RequirementsOut) -> Content | None:
    """What is said of a list that is not in use."""
    if found.status == "building":
        head = Content.styled("◌ A new list is being built  ", "bold $warning")
        return Content("\n").join([head, Content(visible(found.progress or "Waiting"))])
    before = " What was in use before stays." if found.has_custom_image else ""
    if found.stopped:
        return Content.styled(f"■ The last build was stopped.{before}", "bold $warning")
    if found.status == "failed":
        head = Content.styled(f"✗ The list saved last could not be built.{before}", "bold $error")
        return Content("\n").join([head, Content(block(found.error or ""))])
    return None


def _next_step(found: RequirementsOut) -> tuple[str, str]:
    """What to do about a list that is not in use: an action, and what it does there."""
    if found.status == "building":
        return "packages.stop", "stops it"
    return "packages.edit", "goes on with that list" if found.stopped else "mends the list"


def _asked(text: str) -> dict[str, str]:
    """The line of the list for each package that it names."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if (name := name_of(line)) is not None:
            found[name] = line.partition("#")[0].partition(" --hash")[0].strip().rstrip("\\").strip()
    return found


def _row(one: Locked, asked: dict[str, str]) -> Row:
    line = asked.get(one.name)
    name = Content.styled(visible(one.name), "bold" if line else "")
    why = Content(visible(line)) if line else Content.styled("needed by another", "$muted")
    return Row(one.name, [name, (one.version, "$accent"), why, (str(len(one.hashes)), "$muted")])
