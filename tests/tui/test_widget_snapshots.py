"""How editor, console and logs look, narrow and wide. `pytest --snapshot-update` after looking at the change."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from textual.pilot import Pilot

from clowdy_tui.domain.schemas import LogLine, OutcomeStatus
from clowdy_tui.tui.widgets.console import TestConsole
from clowdy_tui.tui.widgets.editor import Document, EditorTabs
from clowdy_tui.tui.widgets.history import HistoryPane
from clowdy_tui.tui.widgets.logs import LogPane
from tests.tui.test_console import answer
from tests.tui.test_logs import AT, event, finished, log, whole
from tests.tui.widget_host import Host, screen, until

Compare = Callable[..., bool]
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=["80x24", "120x36"])

CODE = '''"""Takes an order, adds it up and answers with the total."""
import json
from decimal import Decimal

RATE = Decimal("0.19")


class Order:
    """What somebody wants: größe 漢字 🎉."""

    def __init__(self, lines: list[dict], note: str | None = None) -> None:
        self.lines = lines
        self.note = note

    @property
    def total(self) -> Decimal:
        return sum((Decimal(str(line["price"])) * line.get("n", 1) for line in self.lines), Decimal(0))


async def handler(event, context):
    order = Order(event["items"])  # the body is JSON already
    if not order.lines:
        raise ValueError(f"order {event.get('id')!r} is empty")
    print(f"order {event['id']}: {order.total:.2f}\\n")
    return {"ok": True, "total": float(order.total * (1 + RATE)), "none": None}
'''
ORDERS = Document("f1", "function.py", "orders", CODE, 7)
LIMITS = Document("f1", "limits.yaml", "limits.yaml", "# per call\nmemory: 128\nhosts: [one, 'two', 3]\non: true\n", 7)


@SIZES
def test_editor(snap_compare: Compare, size: tuple[int, int]) -> None:
    editor = EditorTabs(ssh=True)

    async def before(pilot: Pilot[None]) -> None:
        editor.open(ORDERS)
        editor.open(LIMITS)
        editor.open(replace(ORDERS, function_id="f2", name="[@click=app.quit]pay\x1b"))
        await pilot.pause()
        await pilot.press("#")
        editor.open(ORDERS)
        await pilot.pause()
        assert editor.area is not None
        editor.area.move_cursor((20, 33))
        await pilot.pause()

    assert snap_compare(Host(editor), terminal_size=size, run_before=before)


@SIZES
def test_editor_with_what_others_changed_and_a_selection(snap_compare: Compare, size: tuple[int, int]) -> None:
    editor = EditorTabs(ssh=True)

    async def before(pilot: Pilot[None]) -> None:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("x", "down", "shift+down", "shift+down", "shift+right")
        editor.refresh_document(replace(ORDERS, text="", version=9))
        await pilot.pause()

    assert snap_compare(Host(editor, "clowdy-day"), terminal_size=size, run_before=before)


@SIZES
def test_editor_without_a_file(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Host(EditorTabs(ssh=True)), terminal_size=size)


GOOD = answer(
    {"ok": True, "total": 8.93, "note": None, "tags": ["größe", "漢字"]},
    cold_start=True,
    queue_us=120,
    init_us=35_200,
    memory_mb=31.2,
    logs=[
        LogLine(stream="stdout", text="order 7: 7.50"),
        LogLine(stream="stderr", text="no rate \x1b[31m[@click=app.quit]x[/]"),
    ],
)
BAD = answer(
    success=False,
    status=OutcomeStatus.ERROR,
    error="order None is empty",
    error_type="ValueError",
    stack_trace='Traceback (most recent call last):\n  File "/var/task/function.py", line 23, in handler\n',
)


@pytest.mark.parametrize(
    ("size", "out", "theme"),
    [
        ((80, 10), GOOD, "clowdy-night"),
        ((80, 24), BAD, "clowdy-ember"),
        ((120, 36), GOOD, "clowdy-day"),
        ((50, 24), GOOD, "clowdy-night"),
    ],
    ids=["80x10", "80x24", "120x36", "50x24"],
)
def test_console(snap_compare: Compare, size: tuple[int, int], out: Any, theme: str) -> None:
    console = TestConsole(ssh=True)

    async def before(pilot: Pilot[None]) -> None:
        console.set_function("f1", "orders")
        console.input.load_text('{\n  "id": 7,\n  "items": [{"price": 2.5, "n": 3}]\n}')
        console.input.focus()
        console.show_result(out)
        await pilot.pause()

    assert snap_compare(Host(console, theme), terminal_size=size, run_before=before)


@pytest.mark.parametrize("function", [None, "orders"])
def test_console_before_a_run(snap_compare: Compare, function: str | None) -> None:
    console = TestConsole(ssh=True)

    async def before(pilot: Pilot[None]) -> None:
        console.set_function(function, function or "")
        if function:
            console.input.load_text('{"id": 7,}')
        await pilot.pause()

    assert snap_compare(Host(console), terminal_size=(80, 10), run_before=before)


def fill(pane: LogPane) -> None:
    happened = [
        *whole("1", "order 1: 7.50 größe 漢字 🎉"),
        event("started", "2", "resize-images-and-more", http_method=None, http_path=None, source="test"),
        log("2", "2 of 3 done", function="resize-images-and-more"),
        log("2", "\x1b[31mred[@click=app.quit]x[/]", stream="stderr", function="resize-images-and-more"),
        finished("2", "timeout", "resize-images-and-more", duration_us=30_000_000, source="test", cold_start=True),
        *whole("3", *(f"line {number}" for number in range(30)), function="pay"),
        event("started", "4"),
        finished("4", "error", error_type="ValueError", error_message="order None is empty"),
        event("started", "5", "pay"),
        log("5", "still at it", function="pay"),
    ]
    pane._taken(pane.buffer.apply([(one, AT) for one in happened]))


@SIZES
def test_logs(snap_compare: Compare, size: tuple[int, int]) -> None:
    pane = LogPane()

    async def before(pilot: Pilot[None]) -> None:
        fill(pane)
        await pilot.pause()

    assert snap_compare(Host(pane), terminal_size=size, run_before=before)


@SIZES
def test_logs_scrolled_up_and_filtered(snap_compare: Compare, size: tuple[int, int]) -> None:
    pane = LogPane()

    async def before(pilot: Pilot[None]) -> None:
        fill(pane)
        pane.view.focus()
        await pilot.press("slash", *"line", "enter", "g", "down")
        pane._taken(pane.buffer.apply([(one, AT) for one in whole("6", "line 30", "line 31")]))
        await pilot.pause()

    assert snap_compare(Host(pane, "clowdy-day"), terminal_size=size, run_before=before)


@SIZES
def test_logs_without_calls(snap_compare: Compare, size: tuple[int, int]) -> None:
    assert snap_compare(Host(LogPane(), "clowdy-ember"), terminal_size=size)


class Past(Host):
    """Answers for the gateway's log of calls, which has none, or with a problem."""

    def __init__(self, widget: LogPane | HistoryPane, problem: str = "") -> None:
        super().__init__(widget)
        self.problem = problem

    def on_log_pane_older_wanted(self, message: LogPane.OlderWanted) -> None:
        cast("LogPane", self.widget).take_older(message.ask, [])

    def on_history_pane_page_wanted(self, message: HistoryPane.PageWanted) -> None:
        pane = cast("HistoryPane", self.widget)
        pane.take(message.ask, None if self.problem else [], self.problem)


@SIZES
def test_logs_in_which_nothing_fits(snap_compare: Compare, size: tuple[int, int]) -> None:
    pane = LogPane()
    app = Past(pane)

    async def before(pilot: Pilot[None]) -> None:
        fill(pane)
        pane.view.focus()
        await pilot.press("slash", *"qqq", "enter")
        await until(lambda: "passes the filter" in screen(app))

    assert snap_compare(app, terminal_size=size, run_before=before)


@SIZES
@pytest.mark.parametrize(("keys", "problem", "said"), [
    ("", "", "No calls yet"),
    ("qqq", "", "No call fits"),
    ("", "No gateway answers. Start one with: clowdy serve", "could not be loaded"),
], ids=["empty", "nothing-fits", "refused"])  # fmt: skip
def test_history_without_calls(
    snap_compare: Compare, size: tuple[int, int], keys: str, problem: str, said: str
) -> None:
    pane = HistoryPane(ssh=True)
    app = Past(pane, problem)

    async def before(pilot: Pilot[None]) -> None:
        pane.set_function("f1", "orders")
        if keys:
            pane.view.focus()
            await pilot.press("slash", *keys, "enter")
        await until(lambda: said in screen(app))

    assert snap_compare(app, terminal_size=size, run_before=before)
