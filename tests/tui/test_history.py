"""The history: any number of calls as rows, of which a few pages are held; and what is done with one of them."""

from types import SimpleNamespace
from typing import Any

import pytest
from textual.widgets import Input

from clowdy_tui.domain.schemas import InvocationOut, OutcomeStatus
from clowdy_tui.tui.widgets.call_pages import HELD, PAGE, CallPages, PageAsk
from clowdy_tui.tui.widgets.call_row import call_row
from clowdy_tui.tui.widgets.history import HistoryPane
from clowdy_tui.tui.widgets.history_view import HistoryView
from tests.tui.test_log_past import BEGIN, past
from tests.tui.widget_host import Ears, Host, rows, screen, until


class Disk:
    """Calls 1 to `many`, as the gateway gives them out; `many` may grow."""

    def __init__(self, many: int) -> None:
        self.many = many
        self.asked: list[tuple[PageAsk, dict[str, Any]]] = []

    def page(self, ask: PageAsk, query: Any = None) -> list[InvocationOut]:
        self.asked.append((ask, dict(query or {})))
        before = int(ask.before, 16) if ask.before else self.many + 1
        return [self.call(number) for number in range(before - 1, max(0, before - 1 - ask.limit), -1)]

    def call(self, number: int) -> InvocationOut:
        failed = number % 7 == 0
        return past(
            number,
            input=f'{{"n": {number}}}',
            output=None if failed else f'{{"twice": {2 * number}}}',
            status=OutcomeStatus.ERROR if failed else OutcomeStatus.SUCCESS,
            error_type="ValueError" if failed else None,
        )


class History(Host):
    """A history whose pages come from a disk."""

    def __init__(self, disk: Disk) -> None:
        self.pane = HistoryPane(ssh=True)
        self.disk = disk
        super().__init__(self.pane)

    def on_history_pane_page_wanted(self, message: HistoryPane.PageWanted) -> None:
        self.pane.take(message.ask, self.disk.page(message.ask, message.query))


def number_of(call: InvocationOut | None) -> int | None:
    return int(call.id, 16) if call else None


def texts(app: Host) -> list[str]:
    """The rows without head and scrollbar."""
    return [row[:118].rstrip() for row in rows(app)[1:]]


# The pages.


def fill(pages: CallPages, disk: Disk, first: int, last: int) -> None:
    while (ask := pages.missing(first, last)) is not None:
        pages.take(ask, disk.page(ask))


def test_a_million_calls_are_looked_through_with_few_of_them_in_memory() -> None:
    disk, pages = Disk(1_000_000), CallPages()
    # Their ids alone, by which pages go: a million calls made in full took as long as all else here.
    disk.call = lambda number: SimpleNamespace(id=f"{number:016x}")  # type: ignore[assignment,method-assign,return-value]
    step = 5_000
    for top in range(0, 1_000_000, step):
        while len(pages) < top + 40 and not pages.ended:
            ask = pages.missing(len(pages), len(pages) + 40)
            assert ask is not None
            pages.take(ask, disk.page(ask))
        assert sum(len(calls) for calls in pages._held.values()) <= HELD * PAGE
    fill(pages, disk, 999_990, 1_000_010)
    assert len(pages) == 1_000_000
    assert number_of(pages.row(999_999)) == 1
    assert pages.row(0) is None, "let go of"
    fill(pages, disk, 0, 250)
    assert [number_of(pages.row(index)) for index in (0, 1, 199, 200)] == [1_000_000, 999_999, 999_801, 999_800]
    fill(pages, disk, 500_000, 500_040)
    assert number_of(pages.row(500_000)) == 500_000
    assert sum(len(calls) for calls in pages._held.values()) <= HELD * PAGE


def test_new_calls_come_first_and_pages_stay_pages() -> None:
    disk, pages = Disk(1_000), CallPages()
    fill(pages, disk, 0, 40)
    for _ in range(6):
        disk.many += 150
        ask = PageAsk(None, PAGE, anew=True)
        assert pages.take(ask, disk.page(ask)) == 150
    assert [number_of(pages.row(index)) for index in (0, 1, 899, 900, 901)] == [1_900, 1_899, 1_001, 1_000, 999]
    assert max(page.size for page in pages._pages) <= 2 * PAGE
    disk.many += PAGE + 1
    ask = PageAsk(None, PAGE, anew=True)
    assert pages.take(ask, disk.page(ask)) == -1, "more than a page came: what lies between is not here"
    assert number_of(pages.row(0)) == 2_101
    fill(pages, disk, 150, 250)
    assert number_of(pages.row(201)) == 1_900


def test_what_the_gateway_let_go_of_is_gone_here_too() -> None:
    disk, pages = Disk(1_000), CallPages()
    for top in range(0, 1_000, 100):
        fill(pages, disk, top, top + 40)
    pages._held.clear()
    fewer = Disk(1_000)
    fewer.page = lambda ask, query=None: [  # type: ignore[method-assign]
        call for call in Disk(1_000).page(ask) if int(call.id, 16) > 700
    ]
    fill(pages, fewer, 180, 420)
    assert pages.ended
    assert len(pages) == 300
    assert number_of(pages.row(299)) == 701
    assert pages.row(300) is None


def test_an_empty_log_is_asked_for_once() -> None:
    disk, pages = Disk(0), CallPages()
    fill(pages, disk, 0, 40)
    assert len(disk.asked) == 1
    assert len(pages) == 0
    assert pages.ended


# How a call reads.


@pytest.mark.parametrize("width", [40, 66, 78, 100, 160])
def test_a_row_fits_and_says_how_the_call_ended_in_words(width: int) -> None:
    hostile = past(
        1, input='"[@click=app.quit]\x1b[31m 漢字"', output='"' + "x" * 500 + '"', status=OutcomeStatus.TIMEOUT
    )
    pieces = call_row(hostile, width, name="orders\u202e" if width > 90 else "", today=BEGIN.date())
    text = "".join(piece for piece, _ in pieces)
    assert "✗ timeout" in text
    assert "\x1b" not in text
    assert "\u202e" not in text


# The pane.


async def test_rows_come_as_one_scrolls_and_the_cursor_is_told() -> None:
    app, ears = History(Disk(900)), Ears()
    async with app.run_test(size=(120, 20), message_hook=ears) as pilot:
        app.pane.set_function("id-orders", "orders")
        await until(lambda: '{"n": 900}' in screen(app))
        assert "200+ calls" in rows(app)[0]
        app.pane.view.focus()
        await pilot.press("down", "down")
        await until(lambda: number_of(app.pane.view.current) == 898)
        for _ in range(60):
            await pilot.press("pagedown")
        await until(lambda: '{"n": 1}' in screen(app))
        await until(lambda: "900 calls" in rows(app)[0])
        await pilot.press("home")
        await pilot.pause()
        assert '{"n": 900}' in screen(app)
        assert all(query == {"function_id": "id-orders"} for _, query in app.disk.asked)
        assert [number_of(moved.call) for moved in ears.of(HistoryPane.Moved)][:3] == [900, 899, 898]


async def test_new_calls_come_in_above_without_moving_what_one_reads() -> None:
    app = History(Disk(500))
    async with app.run_test(size=(120, 20)) as pilot:
        app.pane.set_function("id-orders", "orders")
        await until(lambda: '{"n": 500}' in screen(app))
        app.pane.view.focus()
        app.disk.many = 503
        app.pane.note_call("id-orders")
        await until(lambda: '{"n": 503}' in screen(app))
        assert number_of(app.pane.view.current) == 503, "at the top one stays with the newest"
        await pilot.press("pagedown", "pagedown")
        await pilot.pause()
        before, current = texts(app), number_of(app.pane.view.current)
        app.disk.many = 510
        app.pane.note_call("id-orders")
        await until(lambda: "7 new above ↑" in rows(app)[0])
        await pilot.pause()
        assert texts(app) == before
        assert number_of(app.pane.view.current) == current
        app.pane.note_call("id-other")
        assert app.pane._again is None
        await pilot.press("home")
        await until(lambda: "new above" not in rows(app)[0])


async def test_the_gateway_searches_and_wrong_words_are_told() -> None:
    app = History(Disk(50))
    async with app.run_test(size=(120, 20)) as pilot:
        app.pane.set_function("id-orders", "orders")
        await until(lambda: '{"n": 50}' in screen(app))
        app.pane.view.focus()
        await pilot.press("slash", *"tea", "space", *"source:api", "enter")
        await until(lambda: {"q": "tea", "source": "api", "function_id": "id-orders"} in [q for _, q in app.disk.asked])
        await until(lambda: app.pane.view.has_focus)
        assert "with “tea source:api”" in rows(app)[0]
        await pilot.press("escape", "e")
        await until(lambda: app.disk.asked[-1][1] == {"status": "failed", "function_id": "id-orders"})
        for wrong, said in (
            ("level:warn", "level: is for the log"),
            ("/x/", "plain text"),
            ("status:running", "One status"),
        ):
            app.pane.query_one("#filter", Input).value = wrong
            await until(lambda said=said: said in rows(app)[0])
        await pilot.press("escape")
        await until(lambda: app.disk.asked[-1][1] == {"function_id": "id-orders"})


async def test_the_calls_of_all_functions_have_names() -> None:
    app = History(Disk(5))
    async with app.run_test(size=(120, 20)) as pilot:
        app.pane.set_function_names({"id-orders": "orders"})
        app.pane.set_function("id-orders", "orders")
        await until(lambda: '{"n": 5}' in screen(app))
        assert "orders" not in "".join(rows(app)[1:])
        app.pane.view.focus()
        await pilot.press("o")
        await until(lambda: "orders" in "".join(rows(app)[1:]))
        assert app.disk.asked[-1][1] == {}
        assert "All functions" in rows(app)[0]


async def test_what_can_be_done_with_a_call_is_said_by_keys_and_by_the_mouse() -> None:
    app, ears = History(Disk(5)), Ears()
    async with app.run_test(size=(120, 20), message_hook=ears) as pilot:
        app.pane.set_function("id-orders", "orders")
        await until(lambda: '{"n": 5}' in screen(app))
        app.pane.view.focus()
        await pilot.press("down", "r", "i", "v", "c", "x", "enter")
        await pilot.double_click(HistoryView, offset=(10, 3))
        await pilot.pause()
        asked = [(message.action, number_of(message.call)) for message in ears.of(HistoryPane.CallAsked)]
        assert asked == [(action, 4) for action in ("replay", "edit", "compare", "curl", "cli", "open")] + [("open", 2)]


async def test_without_calls_and_without_a_gateway_it_says_what_to_do() -> None:
    app = History(Disk(0))
    async with app.run_test(size=(100, 12)) as pilot:
        app.pane.set_function("id-orders", "orders")
        await until(lambda: "No calls yet." in screen(app))
        app.pane.query_one("#filter", Input).value = "tea"
        await until(lambda: "No call fits." in screen(app))
        app.disk.page = lambda ask, query=None: None  # type: ignore[method-assign, assignment, return-value]
        app.on_history_pane_page_wanted = lambda message: app.pane.take(message.ask, None, "There is no gateway")  # type: ignore[method-assign]
        app.pane.reload()
        await pilot.pause()


async def test_a_history_that_nobody_sees_fetches_nothing() -> None:
    app = History(Disk(5))
    async with app.run_test(size=(100, 12)) as pilot:
        app.pane.display = False
        app.pane.set_function("id-orders", "orders")
        app.pane.note_call("id-orders")
        await pilot.pause()
        assert app.disk.asked == []
        app.pane.display = True
        app.pane.load()
        await until(lambda: '{"n": 5}' in screen(app))
