"""The line at the top: where one is, and how the gateway does."""

from pathlib import Path
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.widget import Widget

from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.state import Link, ScreenState
from clowdy_tui.tui.text import shorten, visible

Part = tuple[str, str]

WHERE = 22
"""Cells that are kept free for the name of the program, the project and the function."""
BY_NAME = 30
"""Cells in which the names of what is not enforced say something, also where they are cut."""


class StatusBar(Widget):
    """Drawn from the screen's state. What does not fit is left out, the least important first; a click tells more."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    ALLOW_SELECT = False

    def __init__(self, state: ScreenState, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._state = state

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.post_message(Perform("app.gateway"))

    def render(self) -> Content:
        width = self.content_size.width
        right: list[Part] = []
        for part in self._facts(width):
            if _cells([*right, part]) <= width - WHERE:
                right.append(part)
        room = width - _cells(right) - 1
        left = Content.assemble((" clowdy ", "bold $on-accent on $accent"), self._where(room - 9))
        gap = max(1, width - left.cell_length - _cells(right))
        facts = Content.assemble(*((f"{text}  ", style) for text, style in reversed(right)))
        return left + Content(" " * gap) + facts

    def _where(self, room: int) -> Content:
        state = self._state
        project = state.project
        function = state.target
        if project is None and function is None:
            return Content("")
        name = visible(project.name) if project else "no project"
        last = ""
        if function is not None and function.project_id == (project.id if project else None):
            last = visible(function.name)
        # The project has half of the room, and what the function leaves of the rest.
        left = room - 3 - (Content(last).cell_length + 3 if last else 0)
        where = Content.assemble((" ▸ ", "$muted"), (shorten(name, max(4, room // 2, left)), "bold"))
        if last:
            where += Content.assemble((" ▸ ", "$muted"), shorten(last, max(4, room - where.cell_length - 3)))
        return where

    def _facts(self, width: int) -> list[Part]:
        """From the most important to the least; shown from right to left."""
        state = self._state
        match state.link:
            case Link.CONNECTING:
                return [("◌ starting …", "$warning")]
            case Link.LOADING:
                return [("◌ loading …", "$warning")]
            case Link.FAILED:
                return [("✗ no gateway", "bold $error")]
            case Link.LOST:
                return [("✗ connection lost · trying again", "bold $error")]
        session, health = state.session, state.health
        parts: list[Part] = []
        if session is not None:
            address = session.url.removeprefix("http://").removeprefix("https://")
            parts.append((f"● {address}", "$success"))
        if health is not None and health.log_problem:
            parts.append(("✗ log not written", "bold $error"))
        if health is not None and health.driver:
            if health.driver_available is False:
                parts.append((f"✗ {health.driver} not available", "bold $error"))
            elif health.not_enforced:
                # By name as far as there is room beside the address; the dialog that a click opens has all of it.
                by_name = f"not enforced: {', '.join(health.not_enforced)}"
                room = (width - WHERE) // 2 - len(health.driver)
                fits = len(by_name) <= room or room >= BY_NAME
                said = shorten(by_name, room) if fits else f"{len(health.not_enforced)} not enforced"
                parts.append((f"{health.driver} · {said}", "$warning"))
            else:
                parts.append((f"{health.driver} ok", "$foreground"))
        if session is not None:
            parts.append(("hosted" if session.hosted else "attached", "$muted"))
        parts.append((f"{state.warm} warm", "$muted"))
        return parts


def _cells(parts: list[Part]) -> int:
    return sum(len(text) + 2 for text, _ in parts)
