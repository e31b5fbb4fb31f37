"""The pool as a map: a row for the spares and one for each function, a sign for each sandbox."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widgets import Static

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.text import shorten, visible

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import PoolInstance

SIGNS = {"spare": "◇", "starting": "◌", "busy": "◆", "idle": "○"}
STATES = ("busy", "idle", "starting", "spare")
STATE_STYLES = {"spare": "$muted", "starting": "$warning", "busy": "bold $accent", "idle": "$success"}
NAME = 16
"""Cells of a function's name."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the map: `name` is empty where it goes on with the row above."""

    name: str
    instances: tuple[PoolInstance, ...]


class PoolLegend(Static):
    """How many sandboxes are in which state, and their signs; a sign stays beside its word where the line breaks."""

    def __init__(self) -> None:
        super().__init__(classes="part pool-title", markup=False)
        self._numbers: Mapping[str, int] = {}

    def show(self, instances: Sequence[PoolInstance], states: Sequence[str]) -> None:
        """Count these instead, those in `states`."""
        found = Counter[str](instance.state for instance in instances)
        self._numbers = {state: found[state] for state in states}
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        title = Content.styled("Pool", "bold")
        lines = [title]
        room = max(self.size.width, NAME)
        parts = {
            state: Content.assemble(
                (f"  {SIGNS[state]}", STATE_STYLES[state]), (f" {number} {state}", "not bold $muted")
            )
            for state, number in self._numbers.items()
        }
        if sum(part.cell_length for part in (title, *parts.values())) > room and any(self._numbers.values()):
            # Of what there is none, nothing has to be said where there is little room.
            parts = {state: part for state, part in parts.items() if self._numbers[state]}
        for part in parts.values():
            if lines[-1].cell_length + part.cell_length > room:
                lines.append(Content(" " * title.cell_length))
            lines[-1] += part
        self.update(Content("\n").join(lines))


class PoolMap(ScrollView, can_focus=True, inherit_bindings=False):
    """The cursor goes from sandbox to sandbox by the arrows or a click; it stays with its sandbox when others go."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pool-map--name", "pool-map--spare", "pool-map--starting", "pool-map--busy", "pool-map--idle",
        "pool-map--cursor", "pool-map--muted",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("pool.left", "move(-1, 0)"),
        bind("pool.right", "move(1, 0)"),
        bind("pool.up", "move(0, -1)"),
        bind("pool.down", "move(0, 1)"),
        bind("pool.first", "move(-1000, 0)"),
        bind("pool.last", "move(1000, 0)"),
    ]
    ALLOW_SELECT = False

    @dataclass
    class Highlighted(Message):
        """The cursor is on another sandbox, or on none."""

        instance: PoolInstance | None

    def __init__(self) -> None:
        super().__init__()
        self._instances: tuple[PoolInstance, ...] = ()
        self._lines: list[_Line] = []
        self._cursor: str | None = None

    @property
    def chosen(self) -> PoolInstance | None:
        """The sandbox that the cursor is on."""
        return next((instance for instance in self._instances if instance.id == self._cursor), None)

    def show(self, instances: Sequence[PoolInstance]) -> None:
        """Show these instead."""
        before, position = self.chosen, self._position()
        self._instances = tuple(instances)
        self._lay_out()
        if self.chosen is None:
            self._cursor = None
            if self._lines:
                x, y = position or (0, 0)
                row = self._lines[min(y, len(self._lines) - 1)].instances
                self._cursor = row[min(x, len(row) - 1)].id
        self.refresh()
        if self.chosen != before:
            self.post_message(self.Highlighted(self.chosen))

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        groups: dict[tuple[bool, str, str], list[PoolInstance]] = {}
        for instance in self._instances:
            name = visible(instance.function_name or "")
            groups.setdefault((instance.function_id is None, name.casefold(), instance.function_id or ""), []).append(
                instance
            )
        # As long as it has no width, no row is full: the next ones would jump.
        a_row = max(1, (self.size.width - NAME - 2) // 2) if self.size.width else len(self._instances)
        lines: list[_Line] = []
        for (spare, _, _), group in sorted(groups.items()):
            group.sort(key=lambda instance: (STATES.index(instance.state), -instance.age_s, instance.id))
            name = "ready for any" if spare else visible(group[0].function_name or "")
            starts = range(0, len(group), a_row)
            lines += [_Line("" if start else name, tuple(group[start : start + a_row])) for start in starts]
        self._lines = lines
        self.virtual_size = Size(self.size.width, len(lines))

    def _position(self) -> tuple[int, int] | None:
        for y, line in enumerate(self._lines):
            for x, instance in enumerate(line.instances):
                if instance.id == self._cursor:
                    return x, y
        return None

    def action_move(self, right: int, down: int) -> None:
        position = self._position()
        if position is None:
            return
        x, y = position
        if down and not 0 <= y + down < len(self._lines):
            # Past its edge the focus goes on to what is above or below.
            (self.screen.focus_next if down > 0 else self.screen.focus_previous)()
            return
        y += down
        row = self._lines[y].instances
        self._go(row[max(0, min(x + right, len(row) - 1))])

    def _go(self, instance: PoolInstance) -> None:
        if instance.id != self._cursor:
            self._cursor = instance.id
            position = self._position()
            if position is not None:
                self.scroll_to_region(Region(0, position[1], 1, 1), animate=False)
            self.refresh()
            self.post_message(self.Highlighted(instance))

    def on_focus(self) -> None:
        self.post_message(self.Highlighted(self.chosen))

    def on_click(self, event: events.Click) -> None:
        y = event.y + self.scroll_offset.y
        if 0 <= y < len(self._lines):
            x = max(0, event.x - NAME - 1) // 2
            row = self._lines[y].instances
            self._go(row[min(x, len(row) - 1)])

    def render_line(self, y: int) -> Strip:
        """One row of the map."""
        base = self.rich_style
        y += self.scroll_offset.y
        if y >= len(self._lines):
            return Strip.blank(self.size.width, base)
        line = self._lines[y]
        name = shorten(line.name, NAME)
        style = self._style("name" if line.instances[0].function_id else "muted")
        strip = Strip([Segment(name, base + style)]).extend_cell_length(NAME + 1, base)
        segments = [*strip]
        for instance in line.instances:
            sign = base + self._style(instance.state)
            if instance.id == self._cursor and self.has_focus:
                sign = base + self._style("cursor")
            segments += [Segment(SIGNS[instance.state], sign), Segment(" ", base)]
        return Strip(segments).extend_cell_length(self.size.width, base)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"pool-map--{name}", partial=True)
