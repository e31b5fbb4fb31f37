"""The dashboard: how many calls, how they ended, how long they took, and what the pool is doing right now.

Of everything, or of one project (the pane behind its node `functions`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.containers import Container, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from clowdy_tui.tui.messages import PlaceChosen
from clowdy_tui.tui.panes.pane import ProjectPane
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.text import count, duration, visible
from clowdy_tui.tui.widgets.facts import Facts
from clowdy_tui.tui.widgets.log_line import status_piece
from clowdy_tui.tui.widgets.logs import LogPane
from clowdy_tui.tui.widgets.minutes import Minute, Minutes
from clowdy_tui.tui.widgets.page import Page
from clowdy_tui.tui.widgets.pool_map import SIGNS, STATE_STYLES, STATES, PoolLegend, PoolMap
from clowdy_tui.tui.widgets.table import Cell, Column, Row, Table

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy
    from clowdy_tui.domain.schemas import FunctionStats, InvocationOut, PoolInstance, Stats

RECENT = 100
SHOWN = 30
REFRESH_S = 10.0
TALL = 44
"""From so many lines on the pane has the class `-tall`: more of the newest calls are in sight."""

SPANS: Sequence[tuple[str, timedelta | None]] = (
    ("the last hour", timedelta(hours=1)),
    ("the last day", timedelta(days=1)),
    ("the last week", timedelta(days=7)),
    ("all time", None),
)
ORDERS = ("most called", "slowest", "most failing")

FUNCTIONS = (
    Column("function", share=2, least=10),
    Column("calls", align="right", least=5),
    Column("failed", align="right", least=6),
    Column("p50", align="right", least=7),
    Column("p95", align="right", least=7),
    Column("cold", align="right", least=4, needs=58),
    Column("state", least=9, needs=66),
)
CALLS = (
    Column("time", least=8),
    Column("function", share=1, least=10, most=24),
    Column("by", share=2, least=6, most=40),
    Column("ended", least=9, most=16),
    Column("took", align="right", least=7),
    Column("start", least=5, needs=66),
)
_STYLES = {"good": "$success", "bad": "$error", "odd": "$warning", "running": "$accent"}


@dataclass(frozen=True, slots=True)
class Board:
    """What the dashboard shows."""

    stats: Stats
    functions: list[FunctionStats]
    pool: list[PoolInstance]
    calls: list[InvocationOut]


class DashboardPane(ProjectPane):
    """Fetched anew after calls and changes of the pool, and every ten seconds: minutes pass without calls, too."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    span = 0
    order = 0
    board: Board | None = None

    def compose_pane(self) -> Iterable[Widget]:
        with Page(classes="board", can_focus=False):
            yield Static(classes="tiles", markup=False)
            yield Minutes()
            with Container(classes="halves"):
                with Vertical(classes="half"):
                    yield Static(classes="part functions-title", markup=False)
                    yield Table(FUNCTIONS, id="by-function", classes="-short")
                with Vertical(classes="half -pool"):
                    yield PoolLegend()
                    yield PoolMap()
                    yield Facts(classes="pool-about")
            yield Static(classes="part calls-title", markup=False)
            yield Table(CALLS, id="calls", classes="-short")

    def on_mount(self) -> None:
        self.set_interval(REFRESH_S, self._refresh)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height >= TALL, "-tall")

    def _refresh(self) -> None:
        if self.display:
            self.refetch()

    def job(self) -> Callable[[Clowdy, Place], Awaitable[Any]]:
        return partial(self.fetch, span=self.span)

    @staticmethod
    async def fetch(client: Clowdy, place: Place, span: int = 0) -> Board:
        """The figures of a span of time, the pool and the newest calls."""
        length = SPANS[span][1]
        since = datetime.now(UTC) - length if length else None
        stats, functions, pool, calls = await asyncio.gather(
            client.stats(project_id=place.project_id, since=since),
            client.function_stats(project_id=place.project_id, since=since),
            client.pool(),
            client.invocations.list(limit=RECENT, cut=0),
        )
        return Board(stats, functions, pool, calls)

    @property
    def chosen_instance(self) -> PoolInstance | None:
        """The sandbox under the pool's cursor."""
        return self.query_one(PoolMap).chosen

    def next_span(self) -> None:
        """Count over the next longer span; after the longest the shortest."""
        self.span = (self.span + 1) % len(SPANS)
        self.redraw()
        self.refetch()

    def next_order(self) -> None:
        """Put the functions in another order."""
        self.order = (self.order + 1) % len(ORDERS)
        self.redraw()

    def take(self, data: Board) -> None:
        self.board = data
        self.redraw()

    def redraw(self) -> None:
        board = self.board
        if board is None:
            return
        own = self.state.functions_of(self.place.project_id) if self.place.project_id else None
        number = len(self.state.functions) if own is None else len(own)
        self.tell_facts(count(number, "function"), SPANS[self.span][0])
        if not number:
            self.say("No function yet", "What is called here shows up: how often, how fast, how well.", "",
                     self.key_line("function.new", "makes the first one"))  # fmt: skip
            return
        self.say_nothing()
        mine = {function.id for function in own} if own is not None else set(self.state.functions)
        pool = [one for one in board.pool if one.function_id in mine or (own is None and one.function_id is None)]
        self.query_one(".tiles", Static).update(_tiles(board.stats, pool, self.size.width))
        # Of a longer span the gateway has the last three hours by the minute.
        newest = board.stats.series[-60:] if self.span == 0 else board.stats.series
        self.query_one(Minutes).show([Minute(minute.calls, minute.errors) for minute in newest])
        self._draw_functions(board, sorted(mine))
        self._draw_pool(pool)
        calls = [call for call in board.calls if own is None or call.function_id in mine][:SHOWN]
        title = Content.assemble(("Recent calls", "bold"), ("" if calls else "  none yet", "not bold $muted"))
        self.query_one(".calls-title", Static).update(title)
        self.query_one("#calls", Table).set_rows([Row(call.id, self._call(call)) for call in calls])
        self.query_one("#calls", Table).display = bool(calls)

    def _draw_functions(self, board: Board, ids: Sequence[str]) -> None:
        title = Content.assemble(("Functions", "bold"), ("  " + ORDERS[self.order] + " first", "not bold $muted"))
        self.query_one(".functions-title", Static).update(title)
        by_id = {stats.function_id: stats for stats in board.functions}
        # Among others: one alone is no slowest.
        slowest = max(stats.p95_ms for stats in board.functions) if len(board.functions) > 1 else 0
        failing = max((stats.errors for stats in board.functions), default=0)

        def rank(id_: str) -> tuple[float, str]:
            stats = by_id.get(id_)
            name = self.state.functions[id_].name.casefold()
            if stats is None:
                return 1.0, name
            return -(stats.calls, stats.p95_ms, stats.errors)[self.order], name

        shown = sorted((id_ for id_ in ids if id_ in self.state.functions), key=rank)
        rows = [Row(id_, self._function(id_, by_id.get(id_), slowest, failing)) for id_ in shown]
        self.query_one("#by-function", Table).set_rows(rows)

    def _function(self, id_: str, stats: FunctionStats | None, slowest: float, failing: int) -> list[Cell]:
        function = self.state.functions[id_]
        active = function.status == "active"
        project = self.state.projects.get(function.project_id or "")
        name = Content.assemble(("● ", "$success") if active else ("○ ", "$muted"), visible(function.name))
        if project and not self.place.project_id:
            # Behind it: of a long name of a project the function's would be cut off.
            name += Content.styled(f"  {visible(project.name)}", "$muted")
        if stats is None:
            dash = ("–", "$muted")
            return [name, dash, dash, dash, dash, dash, "active" if active else ("inactive", "$muted")]
        worst = 0 < slowest == stats.p95_ms
        failed = f"✗ {stats.errors:,}" if stats.errors else "0"
        style = "bold $error" if stats.errors and stats.errors == failing else "$error" if stats.errors else "$muted"
        return [
            name,
            f"{stats.calls:,}",
            (failed, style),
            duration(stats.p50_ms),
            (("▲ " if worst else "") + duration(stats.p95_ms), "bold $warning" if worst else ""),
            (f"{stats.cold_starts:,}", "$muted"),
            "active" if active else ("inactive", "$muted"),
        ]

    def _draw_pool(self, pool: Sequence[PoolInstance]) -> None:
        # Spares are no project's.
        states = [state for state in STATES if state != "spare" or not self.place.project_id]
        self.query_one(PoolLegend).show(pool, states)
        self.query_one(PoolMap).show(pool)
        self._draw_about()

    def _draw_about(self) -> None:
        instance = self.query_one(PoolMap).chosen
        about = self.query_one(Facts)
        if instance is None:
            about.show(["no sandbox yet; a call makes one"])
            return
        facts = [instance.state, f"{_age(instance.age_s)} old", count(instance.calls, "call")]
        if instance.version is not None:
            facts.insert(1, f"v{instance.version}")
        if instance.memory_mb is not None:
            facts.append(f"{instance.memory_mb:.0f} MB")
        kill = self.keymap.key_of("pool.kill", self.place.kind)
        head = Content.assemble((SIGNS[instance.state] + " ", STATE_STYLES[instance.state]),
                                (visible(instance.function_name or "ready for any function"), "bold"))  # fmt: skip
        about.show(facts, head, f"{kill} kills it")

    def _call(self, call: InvocationOut) -> list[Cell]:
        function = self.state.functions.get(call.function_id)
        text, kind = status_piece(call.status.value)
        by = f"{call.http_method} {call.http_path}" if call.http_method else call.source
        return [
            (call.created_at.astimezone().strftime("%H:%M:%S"), "$muted"),
            function.name if function else ("a deleted function", "$muted"),
            (by, "$muted"),
            (text, _STYLES[kind]),
            duration(call.duration_ms),
            ("cold", "$warning") if call.cold_start else ("warm", "$muted"),
        ]

    @on(Table.Highlighted, "#by-function")
    def _move_function(self, event: Table.Highlighted) -> None:
        event.stop()
        self._mean_function(event.key)

    @on(Table.Highlighted, "#calls")
    def _move_call(self, event: Table.Highlighted) -> None:
        event.stop()
        if event.table.has_focus_within and (call := self._call_of(event.key)):
            self._mean_function(call.function_id)

    @on(PoolMap.Highlighted)
    def _move_instance(self, event: PoolMap.Highlighted) -> None:
        event.stop()
        self._draw_about()
        instance = event.instance
        if instance is not None and self.query_one(PoolMap).has_focus:
            function = self.state.functions.get(instance.function_id or "")
            project_id = function.project_id if function else self.place.project_id
            self.chose(Place("instance", project_id, instance.function_id, None, instance.id))

    def _mean_function(self, function_id: str | None) -> None:
        function = self.state.functions.get(function_id or "")
        self.chose(Place("function", function.project_id, function.id) if function else self.place)

    def _call_of(self, key: str | None) -> InvocationOut | None:
        return next((call for call in self.board.calls if call.id == key), None) if self.board else None

    @on(Table.Chosen, "#by-function")
    def _open_function(self, event: Table.Chosen) -> None:
        event.stop()
        if function := self.state.functions.get(event.key):
            self.post_message(PlaceChosen(Place("function", function.project_id, function.id)))

    @on(Table.Chosen, "#calls")
    def _open_call(self, event: Table.Chosen) -> None:
        event.stop()
        if call := self._call_of(event.key):
            self.post_message(LogPane.InvocationChosen(call.id, call.function_id))


def _tiles(stats: Stats, pool: Sequence[PoolInstance], width: int) -> Content:
    none = not stats.total_invocations
    # 99.7 is not all of them.
    rate = 99 if stats.success_rate == 100 and stats.errors_by_status else stats.success_rate
    warm = sum(instance.state in ("idle", "busy") for instance in pool)
    tiles = [
        (f"{stats.total_invocations:,}", "calls", "$foreground"),
        ("–" if none else f"{rate} %", "succeeded",
         "$muted" if none else "$success" if rate >= 99 else "$warning" if rate >= 90 else "$error"),
        ("–" if none else duration(stats.p50_ms), "p50", "$foreground"),
        ("–" if none else duration(stats.p95_ms), "p95", "$foreground"),
        ("–" if none else duration(stats.p99_ms), "p99", "$foreground"),
        (f"{stats.cold_starts:,}", "cold starts", "$foreground"),
        (f"{warm}", "warm", "$foreground"),
    ]  # fmt: skip
    # The padding, and a scrollbar: a line that is too long by a blank would push the names out of sight.
    inside = width - 3
    room = max(1, min(len(tiles), inside // 12))
    cells = max(12, min(16, inside // room))
    figures = Content("").join(
        Content.styled(f"{figure:<{cells}}", f"bold {style}") for figure, _, style in tiles[:room]
    )
    names = Content("").join(Content.styled(f"{name:<{cells}}", "$muted") for _, name, _ in tiles[:room])
    return figures + Content("\n") + names


def _age(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.0f} h"
