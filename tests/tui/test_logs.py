"""The log pane: headers with their lines, a bounded ring, following, filters, wrapping, copying."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from clowdy_tui.domain.schemas import EventOut, InvocationOut, OutcomeStatus
from clowdy_tui.tui.widgets.log_buffer import LogBuffer
from clowdy_tui.tui.widgets.log_call import LONGEST, Line
from clowdy_tui.tui.widgets.log_line import header, printed, status_piece
from clowdy_tui.tui.widgets.log_query import Filter
from clowdy_tui.tui.widgets.log_search import Ask
from clowdy_tui.tui.widgets.logs import LogPane
from tests.tui.widget_host import Ears, Host, rows, screen, until

AT = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)
_ids = count(1)


def event(type_: str, call: str, function: str = "orders", **data: Any) -> EventOut:
    """One of the gateway's events about a call."""
    known = {
        "invocation_id": call,
        "function_id": f"id-{function}",
        "project_id": "p",
        "function_name": function,
        "version": 7,
        "source": "gateway",
        "http_method": "GET",
        "http_path": f"/{function}/{call}",
    }
    if type_ == "log":
        known = {name: known[name] for name in ("invocation_id", "function_id", "project_id")}
    return EventOut(id=f"e-{next(_ids)}", type=f"invocation.{type_}", data=known | data)


def log(call: str, *texts: str, stream: str = "stdout", function: str = "orders") -> EventOut:
    return event("log", call, function, lines=[{"stream": stream, "text": text, "at_us": 1} for text in texts])


def finished(call: str, status: str = "success", function: str = "orders", **data: Any) -> EventOut:
    known = {"status": status, "duration_us": 12_300, "queue_us": 0, "init_us": 0, "cold_start": False}
    return event("finished", call, function, **known | data)


def whole(call: str, *texts: str, function: str = "orders") -> list[EventOut]:
    return [event("started", call, function), log(call, *texts, function=function), finished(call, function=function)]


def feed(buffer: LogBuffer, *events: EventOut) -> None:
    buffer.apply([(event, AT) for event in events])


def told(lines: list[Line]) -> list[str]:
    """The lines, short: `orders:c1 success` for a header, `+c1` where a call goes on, else `stdout one`."""
    return [
        f"{line.call.function_name}:{line.call.id} {line.call.status or 'running'}"
        if line.kind == "header"
        else f"+{line.call.id}"
        if line.kind == "more"
        else f"{line.kind} {line.text}"
        for line in lines
    ]


# The buffer.


def test_a_call_is_a_header_with_its_lines_beneath() -> None:
    buffer = LogBuffer()
    feed(buffer, event("started", "c1"), log("c1", "one"), log("c1", "two", stream="stderr"))
    assert told(buffer.shown) == ["orders:c1 running", "stdout one", "stderr two"]
    feed(buffer, finished("c1", "error", error_type="ValueError", error_message="no\nrate"))
    assert told(buffer.shown)[0] == "orders:c1 error"
    assert told(buffer.shown)[3:] == ["error ValueError: no", "error rate"]


def test_calls_that_ran_at_once_are_told_apart() -> None:
    buffer = LogBuffer()
    feed(buffer, event("started", "c1"), event("started", "c2"), log("c1", "a"), log("c2", "b"))
    assert told(buffer.shown) == ["orders:c1 running", "stdout a", "orders:c2 running", "stdout b"]
    feed(buffer, log("c1", "c"))
    assert told(buffer.shown)[4:] == ["+c1", "stdout c"]


def test_a_call_whose_beginning_was_missed_is_shown_all_the_same() -> None:
    buffer = LogBuffer()
    feed(buffer, log("c1", "a"), finished("c2"))
    assert told(buffer.shown) == ["id-orders:c1 running", "stdout a", "orders:c2 success"]
    buffer.set_names({"id-orders": "orders"})
    assert told(buffer.shown)[0] == "orders:c1 running"


def test_the_ring_is_bounded_and_keeps_the_newest() -> None:
    buffer = LogBuffer(capacity=100)
    for number in range(200):
        feed(buffer, *whole(f"c{number}", "a", "b", "c"))
    assert len(buffer.lines) == 100
    assert len(buffer._calls) <= 100
    assert told(buffer.shown)[-4:] == ["orders:c199 success", "stdout a", "stdout b", "stdout c"]
    feed(buffer, *[log("c0", *["x"] * 500)])
    assert len(buffer.lines) == 100
    assert buffer.shown == buffer.lines


def test_a_call_that_still_runs_is_known_after_its_header_has_gone() -> None:
    buffer = LogBuffer(capacity=10)
    feed(buffer, event("started", "slow"))
    for number in range(20):
        feed(buffer, *whole(f"c{number}", "a"))
    feed(buffer, log("slow", "still here"))
    assert told(buffer.shown)[-2:] == ["+slow", "stdout still here"]
    assert buffer.shown[-1].call.function_name == "orders"


def test_filters_keep_the_header_of_what_passes() -> None:
    buffer = LogBuffer()
    feed(buffer, *whole("c1", "an apple", "a pear"), *whole("c2", "a plum"), *whole("c3", "Apple pie", function="pay"))
    buffer.set_filter(Filter.parse("apple"))
    assert told(buffer.shown) == ["orders:c1 success", "stdout an apple", "pay:c3 success", "stdout Apple pie"]
    buffer.set_filter(Filter.parse("!apple"))
    assert "stdout an apple" not in told(buffer.shown)
    assert "stdout a plum" in told(buffer.shown)
    buffer.set_filter(Filter.parse("", ["id-pay"]))
    assert told(buffer.shown) == ["pay:c3 success", "stdout Apple pie"]
    buffer.set_filter(Filter.parse("/orders/c2"))
    assert told(buffer.shown) == ["orders:c2 success"]
    buffer.set_filter(Filter())
    assert buffer.shown == buffer.lines


@pytest.mark.parametrize("typed", ["apple", "!apple", "error", "!error", "pay"])
def test_filtering_as_lines_come_gives_the_same_as_filtering_afterwards(typed: str) -> None:
    live, after = LogBuffer(capacity=60), LogBuffer(capacity=60)
    live.set_filter(Filter.parse(typed))
    for number in range(40):
        batches = [
            [event("started", f"c{number}", "pay" if number % 3 else "orders"), log(f"c{number}", "apple", "pear")],
            [log(f"c{number - 1}", "late")] if number % 4 == 1 else [],
            [finished(f"c{number}", "error" if number % 5 == 0 else "success", "pay" if number % 3 else "orders")],
        ]
        for batch in batches:
            feed(live, *batch)
            feed(after, *batch)
    after.set_filter(Filter.parse(typed))
    assert told(live.shown) == told(after.shown)


def test_a_header_comes_into_sight_when_it_ends_as_was_asked_for() -> None:
    buffer = LogBuffer()
    buffer.set_filter(Filter.parse("timeout"))
    feed(buffer, event("started", "c1"), event("started", "c2"))
    assert buffer.shown == []
    feed(buffer, finished("c2"), finished("c1", "timeout"))
    assert told(buffer.shown) == ["orders:c1 timeout"]


def test_past_calls_come_first_and_only_once() -> None:
    buffer = LogBuffer()

    def past(id_: str, seconds: int) -> InvocationOut:
        return InvocationOut(
            id=id_,
            function_id="id-orders",
            input=None,
            output=None,
            status=OutcomeStatus.SUCCESS,
            duration_ms=1.0,
            duration_us=1_000,
            source="test",
            http_method=None,
            http_path=None,
            version=3,
            cold_start=True,
            queue_us=0,
            init_us=0,
            memory_mb=None,
            error_type=None,
            input_truncated=False,
            output_truncated=False,
            created_at=AT + timedelta(seconds=seconds),
        )

    buffer.set_names({"id-orders": "orders"})
    buffer.prime([past("c2", 2), past("c1", 1)])
    buffer.prime([past("c2", 2)])
    assert told(buffer.shown) == ["orders:c1 success", "orders:c2 success"]
    feed(buffer, event("started", "c9"), *whole("c10"))
    buffer.prime([past("c0", 0), past("c9", 9)])
    assert told(buffer.shown) == [f"orders:{call} success" for call in ("c0", "c1", "c2", "c9", "c10")], (
        "what is older comes first, and a call whose end was missed has ended"
    )
    assert [line.number for line in buffer.lines] == sorted({line.number for line in buffer.lines})
    buffer.prime([past("d2", 2), past("d1", 1), past("c9", 9)])
    assert told(buffer.lines)[-2:] == ["orders:d1 success", "orders:d2 success"], "what was missed comes last"
    assert [line.number for line in buffer.lines] == sorted({line.number for line in buffer.lines})
    full = LogBuffer(capacity=3)
    feed(full, *whole("c5", "a"))
    full.prime([past("c1", 1), past("c2", 2)])
    assert told(full.lines) == ["id-orders:c2 success", "orders:c5 success", "stdout a"]


def test_a_very_long_line_is_cut_and_says_so() -> None:
    buffer = LogBuffer()
    feed(buffer, event("started", "c1"), log("c1", "x" * 1_000_000))
    assert len(buffer.lines[1].text) < LONGEST + 50
    assert "991,808 more characters" in buffer.lines[1].text


# How lines read.


@pytest.mark.parametrize("width", [30, 60, 80, 120])
@pytest.mark.parametrize("status", [None, *(status.value for status in OutcomeStatus), "new-kind"])
def test_headers_fit_and_say_the_status_in_a_word(width: int, status: str | None) -> None:
    buffer = LogBuffer()
    feed(buffer, event("started", "c1", "漢字-images-and-more" * 3))
    buffer.lines[0].call.status = status
    text = "".join(piece for piece, _ in header(buffer.lines[0], width))
    assert (status or "running").replace("_", " ") in text
    if width >= 60:
        assert cell_len(text) <= width + 4


def test_signs_differ_where_colours_do() -> None:
    assert status_piece("success") == ("✓ success", "good")
    assert status_piece("error")[0] == "✗ error"
    assert status_piece(None) == ("… running", "running")


def test_streams_are_told_apart_without_colour_and_what_was_sought_is_marked() -> None:
    assert printed("stderr", "x", 0)[0][0] == "err │ "
    assert printed("stdout", "x", 0)[0][0] == "    │ "
    assert printed("stdout", "an Apple, apple", 0, Filter.parse("apple").pattern)[1:] == [
        ("an ", "text"),
        ("Apple", "match"),
        (", ", "text"),
        ("apple", "match"),
        ("", "text"),
    ]


# The pane.


async def test_without_calls_it_says_what_to_do_and_no_timer_runs() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert "No calls yet." in screen(app)
        pane.append_event(EventOut(id="e-1", type="pool.changed", data={}))
        assert pane._timer is None


async def test_what_happens_comes_into_sight_by_itself() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        for one in whole("c1", "hello", "[@click=app.quit]x[/]", "\x1b[31mred"):
            pane.append_event(one)
        await until(lambda: "hello" in screen(app))
        shown = screen(app)
        assert "orders" in shown
        assert "GET /orders/c1" in shown
        assert "✓ success" in shown
        assert "[@click=app.quit]x[/]" in shown
        assert "␛[31mred" in shown
        assert "FOLLOW" in rows(app)[0]
        assert pane._timer is None
        await pilot.click(LogPane, offset=(12, 3))
        assert app.is_running


async def full(pane: LogPane, app: Host, pilot: Any, calls: int = 40) -> None:
    for number in range(calls):
        for one in whole(f"c{number}", f"line {number}"):
            pane.append_event(one)
    await until(lambda: f"line {calls - 1}" in screen(app))
    await pilot.pause()


def texts(app: Host) -> list[str]:
    """The lines without head and scrollbar."""
    return [row[:98].rstrip() for row in rows(app)[1:]]


async def test_scrolling_up_stays_there_and_says_how_much_is_new() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        await full(pane, app, pilot)
        pane.view.focus()
        await pilot.press("pageup")
        await pilot.pause()
        assert not pane.following
        assert "PAUSED" in rows(app)[0]
        before = texts(app)
        for one in whole("new", "news"):
            pane.append_event(one)
        await until(lambda: "2 new below ↓" in rows(app)[0])
        assert texts(app) == before
        await pilot.press("end")
        await pilot.pause()
        assert pane.following
        assert "news" in screen(app)


async def test_scrolling_down_to_the_end_follows_again() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        await full(pane, app, pilot)
        pane.view.focus()
        await pilot.press("pageup", "pageup")
        assert not pane.following
        await pilot.press("pagedown", "pagedown", "pagedown")
        await pilot.pause()
        assert pane.following


async def test_what_one_reads_stays_in_place_while_the_ring_turns() -> None:
    pane = LogPane(capacity=200)
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        await full(pane, app, pilot, calls=100)
        pane.view.focus()
        await pilot.press("pageup")
        await pilot.pause()
        before = texts(app)
        for number in range(10):
            for one in whole(f"n{number}", "news"):
                pane.append_event(one)
        await until(lambda: "20 new below" in rows(app)[0])
        await pilot.pause()
        assert texts(app) == before
        assert len(pane.buffer.lines) == 200


async def test_filtering_by_text_and_by_function() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        for one in [*whole("c1", "an apple"), *whole("c2", "a pear"), *whole("c3", "a plum", function="pay")]:
            pane.append_event(one)
        await until(lambda: "a plum" in screen(app))
        pane.view.focus()
        await pilot.press("slash", *"apple")
        await pilot.pause()
        assert "an apple" in screen(app)
        assert "a pear" not in screen(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "with “apple”" in rows(app)[0]
        assert pane.view.has_focus
        await pilot.press("exclamation_mark")
        await pilot.pause()
        assert pane.query_one("#filter", Input).value == "!apple"
        assert "an apple" not in screen(app)
        assert "a pear" in screen(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "an apple" in screen(app)
        pane.show_function("id-pay", "pay")
        await pilot.pause()
        assert "a plum" in screen(app)
        assert "a pear" not in screen(app)
        pane.show_function("id-none", "none")
        await until(lambda: "Looking …" in screen(app))
        pane.take_older(Ask(None, {"function_id": "id-none"}), [])
        assert "Looking …" in screen(app), "not what was asked for"
        assert pane.older._asked is not None
        pane.take_older(pane.older._asked, [])
        await pilot.pause()
        assert "Nothing here passes the filter." in screen(app)


async def test_the_line_under_the_cursor_stays_in_its_place_when_all_lines_are_shown_again() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 24)) as pilot:
        for call in range(40):
            for one in whole(f"c{call}", *(f"line {number} of {call}" for number in range(20))):
                pane.append_event(one)
        await until(lambda: "line 19 of 39" in screen(app))
        pane.view.focus()
        await pilot.press("slash", *"line", "space", "7", "space", *"of", "space", "3", "enter")
        await until(lambda: "with “line 7 of 3”" in rows(app)[0] and "line 7 of 39" in screen(app))
        await pilot.press("up", "up", "up", "up", "up")
        current = pane.view.current
        assert current is not None
        at = next(y for y, row in enumerate(rows(app)) if current.text in row)
        await pilot.press("escape")
        await until(lambda: "line 8 of 3" in screen(app))
        assert current.text in rows(app)[at]
        assert pane.view.current is current


async def test_wrapping_shows_all_of_a_line_and_back() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(60, 12)) as pilot:
        for one in whole("c1", "漢字" * 40 + " Ω"):
            pane.append_event(one)
        await until(lambda: "漢字" in screen(app))
        assert "Ω" not in screen(app)
        pane.view.focus()
        await pilot.press("w")
        await pilot.pause()
        assert "Ω" in screen(app)
        await pilot.resize_terminal(100, 12)
        await pilot.pause()
        assert "Ω" in screen(app)
        await pilot.press("w")
        await pilot.pause()
        assert "Ω" not in screen(app)


async def test_a_line_and_a_call_can_be_copied_and_a_call_opened() -> None:
    pane, ears = LogPane(), Ears()
    app = Host(pane)
    async with app.run_test(size=(100, 12), message_hook=ears) as pilot:
        for one in [*whole("c1", "one", "two"), *whole("c2", "three")]:
            pane.append_event(one)
        await until(lambda: "three" in screen(app))
        pane.view.focus()
        await pilot.press("up", "y")
        assert app.clipboard == "three"
        await pilot.press("up", "up", "Y")
        assert app.clipboard.splitlines()[1:] == ["one", "two"]
        assert "orders" in app.clipboard.splitlines()[0]
        await pilot.press("enter")
        await pilot.pause()
        assert [message.invocation_id for message in ears.of(LogPane.InvocationChosen)] == ["c1"]


async def test_what_is_selected_with_the_mouse_can_be_copied() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        for one in whole("c1", "one two", "漢字 three", "four"):
            pane.append_event(one)
        await until(lambda: "four" in screen(app))
        await pilot.mouse_down(LogPane, offset=(10, 2))
        await pilot.hover(LogPane, offset=(8, 4))
        await pilot.mouse_up(LogPane, offset=(8, 4))
        await pilot.pause()
        selected = app.screen.get_selected_text()
        assert selected is not None
        assert [line.removeprefix("    │ ") for line in selected.splitlines()] == ["two", "漢字 three", "four"[:3]]


async def test_a_storm_of_sizes_leaves_it_whole() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        for one in whole("c1", *("漢字 " * number for number in range(60))):
            pane.append_event(one)
        await until(lambda: "漢字" in screen(app))
        pane.view.wrap = True
        for width, height in ((3, 2), (200, 50), (1, 1), (40, 5), (80, 24)):
            await pilot.resize_terminal(width, height)
            pane.append_event(log("c1", f"at {width}"))
        await until(lambda: "at 80" in screen(app))
        assert pane.following


async def test_clearing_forgets_the_lines_and_goes_on() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        await full(pane, app, pilot)
        pane.view.focus()
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert "No calls yet." in screen(app)
        for one in whole("new", "news"):
            pane.append_event(one)
        await until(lambda: "news" in screen(app))


async def test_events_from_before_there_was_a_screen_are_not_lost() -> None:
    pane = LogPane()
    for one in whole("c1", "early"):
        pane.append_event(one)
    app = Host(pane)
    async with app.run_test(size=(80, 12)):
        await until(lambda: "early" in screen(app))


async def test_a_flood_leaves_the_screen_usable_and_memory_bounded() -> None:
    pane = LogPane(capacity=5_000)
    app = Host(pane)
    async with app.run_test(size=(120, 36)) as pilot:
        for number in range(2_000):
            for one in whole(f"c{number}", *(f"line {line}" for line in range(20))):
                pane.append_event(one)
        await until(lambda: pane.buffer.lines and pane.buffer.lines[-1].call.id == "c1999")
        await pilot.pause()
        assert len(pane.buffer.lines) == 5_000
        assert len(pane.view._rows) == 5_000
        assert "line 19" in rows(app)[-1]


async def test_a_hidden_pane_takes_in_what_comes_and_shows_its_end_when_it_is_back() -> None:
    pane = LogPane()
    app = Host(pane)
    async with app.run_test(size=(100, 12)) as pilot:
        await full(pane, app, pilot)
        pane.display = False
        await pilot.pause()
        for number in range(30):
            for one in whole(f"h{number}", f"hidden {number}"):
                pane.append_event(one)
        await until(lambda: pane.buffer.lines[-1].text == "hidden 29")
        pane.display = True
        await until(lambda: "hidden 29" in screen(app))
