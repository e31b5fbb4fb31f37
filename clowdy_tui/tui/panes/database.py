"""A project's database: who provides it, how large it is, how one gets to it."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from clowdy_tui.domain.databases import DatabaseOut
from clowdy_tui.tui.panes.pane import Line, ProjectPane
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.text import block, size, visible
from clowdy_tui.tui.widgets.page import Page

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy

LABEL = 14
BAR = 30
NOTE = 72
"""The widest that a note is, its padding included: as in the stylesheet of panes."""

PROVIDERS = {"local": "PostgreSQL on this machine", "neon": "Neon"}


class DatabasePane(ProjectPane):
    """All lines of one page; what can be done stands below them, to be clicked too."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.found: DatabaseOut | None = None

    def compose_pane(self) -> Iterable[Widget]:
        with Page(classes="pane-page"):
            yield Static(classes="pane-lines", markup=False)

    @staticmethod
    async def fetch(client: Clowdy, place: Place) -> DatabaseOut:
        return await client.databases.get(place.project_id or "")

    def take(self, data: DatabaseOut) -> None:
        self.found = data
        self.redraw()

    def redraw(self) -> None:
        found = self.found
        if found is None:
            return
        self.tell_facts(_state(found))
        self.chose(Place("data", self.place.project_id) if found.has_database else self.place)
        match found.status:
            case "none":
                self._offer(found)
            case "provisioning":
                self.say(Content.styled("◌ The database is being made", "bold $warning"), found.progress or "Waiting")
            case "failed":
                self.say(
                    Content.styled("✗ The database could not be made", "bold $error"),
                    Content(block(found.error or "")),
                    "",
                    self.key_line("database.new", "tries again"),
                )
            case "ready":
                self.say_nothing()
                self.query_one(".pane-lines", Static).update(Content("\n").join(self._lines(found)))

    @property
    def _room(self) -> int:
        """Cells for a line of what is said where there is no database."""
        return max(20, min(NOTE, self.size.width - 2) - 4)

    def _folded(self, text: str) -> Content:
        """A fact that may be longer than a line: it goes on below its beginning."""
        room = max(20, self.size.width - LABEL - 5)
        return Content(("\n" + " " * LABEL).join(text[at : at + room] for at in range(0, max(1, len(text)), room)))

    def _offer(self, found: DatabaseOut) -> None:
        lines: list[Line] = [
            "Its functions would find the address in DATABASE_URL, and psycopg is there to be imported.",
            "",
            self.key_line("database.new", "makes one"),
            "",
        ]
        for one in found.providers:
            mark = Content.styled("● ", "$success") if one.available else Content.styled("○ ", "$muted")
            name = Content.styled(PROVIDERS[one.name], "bold" if one.available else "$muted")
            lines.append(mark + name)
            about = one.problem or (
                "Its functions need the network for it." if one.needs_network else "Their network stays off."
            )
            wrapped = fill(visible(about), self._room, initial_indent="  ", subsequent_indent="  ")
            lines.append(Content.styled(wrapped, "$muted"))
        self.say("The project has no database", *lines)

    def _lines(self, found: DatabaseOut) -> list[Content]:
        project = self.state.projects.get(self.place.project_id or "")
        slug = project.slug if project else "PROJECT"
        lines = [
            _fact("Provider", Content(PROVIDERS.get(found.provider or "", ""))),
            _fact("State", _state(found)),
        ]
        if found.neon_project_id:
            lines.append(_fact("Neon project", Content(visible(found.neon_project_id))))
        if found.max_bytes is not None:
            lines.append(_fact("Size", _bar(found.size_bytes, found.max_bytes)))
        lines += [
            _fact("DATABASE_URL", self._folded(visible(found.database_url or ""))),
            _fact("psql", Content.styled(f"clowdy db psql {visible(slug)}", "$accent")),
            Content(""),
        ]
        if found.read_only:
            lines += [
                Content.styled("▲ It is over its size: new sessions cannot write.", "bold $warning"),
                Content.styled(f"  Make room by psql, or: clowdy db set {visible(slug)} --max-mb MORE", "$muted"),
                Content(""),
            ]
        if found.functions_without_network:
            names = ", ".join(visible(name) for name in found.functions_without_network)
            lines += [
                Content.styled("▲ It is reached over the network, which these functions do not have:", "bold $warning"),
                Content.styled(f"  {names}", "$foreground"),
                self.key_line("database.network", "switches it on for them"),
                Content(""),
            ]
        lines += [
            self.key_line("database.copy", "copies the address, with its password"),
            self.key_line("database.psql", "copies the line for psql"),
            self.key_line("item.delete", "removes it; asks first, and can keep a dump"),
            Content(""),
            Content.styled(
                f"clowdy db dump {visible(slug)} -o FILE   ·   clowdy db restore {visible(slug)} FILE", "$muted"
            ),
        ]
        return lines


def _state(found: DatabaseOut) -> Content:
    match found.status:
        case "none":
            return Content.styled("none yet", "$muted")
        case "provisioning":
            return Content.styled("◌ being made", "$warning")
        case "failed":
            return Content.styled("✗ could not be made", "$error")
    if found.read_only:
        return Content.styled("▲ read-only", "$warning")
    if found.running is False:
        return Content.styled("○ asleep until it is wanted", "$muted")
    return Content.styled("● running" if found.running else "● ready", "$success")


def _fact(label: str, value: Content) -> Content:
    return Content.styled(f"{label:<{LABEL}}", "$muted") + value


def _bar(used: int | None, most: int) -> Content:
    if used is None:
        return Content.styled(f"not looked at yet, of {size(most)}", "$muted")
    full = min(BAR, max(1, round(BAR * used / most)))
    style = "$error" if used > most else "$warning" if used > most * 0.8 else "$success"
    bar = Content.assemble(("━" * full, style), ("━" * (BAR - full), "$line"))
    return bar + Content(f"  {size(used)} of {size(most)}")
