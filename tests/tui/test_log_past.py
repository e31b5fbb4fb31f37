"""The log goes back as far as there are calls: page by page, narrowed down at the gateway, and never too much of it."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clowdy_tui.domain.schemas import InvocationOut, LogLine, OutcomeStatus
from clowdy_tui.tui.widgets.log_buffer import LogBuffer
from clowdy_tui.tui.widgets.log_call import Line
from clowdy_tui.tui.widgets.log_query import Filter
from clowdy_tui.tui.widgets.log_search import AT_A_STRETCH, PAGE, Ask, OlderCalls
from clowdy_tui.tui.widgets.logs import LogPane
from tests.tui.test_logs import event, feed, finished, log, told, whole
from tests.tui.widget_host import Ears, Host, rows, screen, until

BEGIN = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)


def past(number: int, *texts: str, **fields: Any) -> InvocationOut:
    """The call with this number, as the gateway's list has it."""
    known: dict[str, Any] = {
        "id": f"{number:016x}",
        "function_id": "id-orders",
        "input": None,
        "output": None,
        "status": OutcomeStatus.SUCCESS,
        "duration_ms": 1.0,
        "duration_us": 1_000,
        "source": "test",
        "http_method": None,
        "http_path": None,
        "version": 3,
        "cold_start": False,
        "queue_us": 0,
        "init_us": 0,
        "memory_mb": None,
        "error_type": None,
        "input_truncated": False,
        "output_truncated": False,
        "created_at": BEGIN + timedelta(seconds=number),
        "logs": [LogLine(stream="stdout", text=text) for text in texts],
    }
    return InvocationOut(**known | fields)


class Disk:
    """Calls 1 to `many`, as the gateway gives them out."""

    def __init__(self, many: int) -> None:
        self.many = many
        self.asked: list[Ask] = []

    def page(self, ask: Ask) -> list[InvocationOut]:
        self.asked.append(ask)
        before = int(ask.before, 16) if ask.before else self.many + 1
        found = [self.call(number) for number in range(before - 1, 0, -1)]
        if ask.query.get("status") == "failed":
            found = [call for call in found if call.status is not OutcomeStatus.SUCCESS]
        return found[: ask.limit]

    def call(self, number: int) -> InvocationOut:
        failed = number % 50 == 0
        return past(
            number,
            f"call {number} of the past",
            status=OutcomeStatus.ERROR if failed else OutcomeStatus.SUCCESS,
            error_type="ValueError" if failed else None,
            error_message="no rate" if failed else None,
        )


class Logs(Host):
    """A log pane whose wishes are met from a disk."""

    def __init__(self, disk: Disk, capacity: int = 20_000) -> None:
        self.pane = LogPane(capacity=capacity)
        self.disk = disk
        super().__init__(self.pane)

    def on_log_pane_older_wanted(self, message: LogPane.OlderWanted) -> None:
        self.pane.take_older(message.ask, self.disk.page(message.ask))

    def on_log_pane_newest_wanted(self) -> None:
        self.pane.prime(self.disk.page(Ask(None, {})))


def numbers(lines: Iterable[Line]) -> list[int]:
    return [int(line.call.id, 16) for line in lines if line.kind == "header"]


def keys(text: str) -> list[str]:
    return ["space" if character == " " else character for character in text]


# The buffer.


def test_past_calls_bring_what_they_printed_and_their_error() -> None:
    buffer = LogBuffer()
    buffer.set_names({"id-orders": "orders"})
    buffer.prime([past(2, "two", "ERROR x"), past(1, status=OutcomeStatus.ERROR, error_type="E", error_message="a\nb")])
    assert told(buffer.shown) == [
        f"orders:{1:016x} error", "error E: a", "error b", f"orders:{2:016x} success", "stdout two", "stdout ERROR x"
    ]  # fmt: skip
    assert [line.level for line in buffer.lines] == ["", "error", "error", "", "", "error"]
    assert [line.number for line in buffer.lines] == sorted({line.number for line in buffer.lines})


def test_older_calls_go_in_front_and_the_newest_give_way() -> None:
    buffer = LogBuffer(capacity=100)
    for number in range(1_000, 1_050):
        feed(buffer, *whole(f"{number:016x}", "new"))
    buffer.put_older([past(number, "old") for number in range(970, 1_000)], keep=True)
    assert numbers(buffer.lines)[0] == 975, "of one page no more than half of what there is room for"
    assert buffer.oldest == f"{975:016x}"
    assert len(buffer.lines) == 100
    assert buffer.cut_off
    assert buffer.missed == 50
    feed(buffer, *whole("f" * 16, "newest"))
    assert buffer.missed == 52
    assert "newest" not in {line.text for line in buffer.lines}
    buffer.clear()
    feed(buffer, *whole("e" * 16, "again"))
    assert [line.text for line in buffer.lines if not line.leads] == ["again"]


def test_whoever_follows_the_end_keeps_it() -> None:
    buffer = LogBuffer(capacity=100)
    for number in range(1_000, 1_045):
        feed(buffer, *whole(f"{number:016x}", "new"))
    buffer.put_older([past(number, "old") for number in range(970, 1_000)], keep=False)
    assert len(buffer.lines) == 100
    assert not buffer.cut_off
    assert numbers(buffer.lines)[-1] == 1_044
    assert numbers(buffer.lines)[0] == 995


def test_what_was_fetched_for_one_filter_goes_with_it() -> None:
    buffer = LogBuffer()
    feed(buffer, *whole(f"{1_000:016x}", "an apple"))
    buffer.set_filter(Filter.parse("apple"))
    buffer.put_older([past(1, "apple 1"), past(2, "a pear"), past(3, "apple 3", "a plum")], keep=True)
    assert [line.text for line in buffer.lines] == ["", "apple 1", "", "apple 3", "", "an apple"]
    assert buffer.oldest == f"{1:016x}"
    buffer.put_older([past(0, "a plum")], keep=True)
    assert buffer.oldest == f"{0:016x}", "as far as was looked"
    buffer.set_filter(Filter())
    assert [line.text for line in buffer.lines] == ["", "an apple"], "the pears of their time were never here"
    assert buffer.oldest == f"{1_000:016x}"


def test_a_call_that_prints_more_than_there_is_room_for_shows_its_end() -> None:
    buffer = LogBuffer(capacity=100)
    buffer.put_older([past(1, *(f"line {number}" for number in range(500)))], keep=True)
    assert buffer.lines[0].kind == "header"
    assert [line.text for line in buffer.lines[1:]] == [f"line {number}" for number in range(451, 500)]


# Around what was found.


@pytest.mark.parametrize("live", [True, False])
def test_lines_around_a_hit_are_of_the_same_call(live: bool) -> None:
    buffer = LogBuffer()
    wanted = Filter.parse("hit")
    if live:
        buffer.set_filter(wanted, context=1)
    feed(buffer, *whole("c0", "before"), event("started", "c1"), log("c1", "a", "b", "a hit", "c", "d", "hit", "hit"))
    feed(buffer, *whole("c2", "after"), log("c1", "hit again", "e", "f"))
    if not live:
        buffer.set_filter(wanted, context=1)
    assert told(buffer.shown) == [
        "orders:c1 running", "stdout b", "stdout a hit", "stdout c", "stdout d", "stdout hit", "stdout hit",
        "+c1", "stdout hit again", "stdout e",
    ]  # fmt: skip


def test_all_of_a_call_comes_into_sight_when_it_ends_as_was_asked_for() -> None:
    buffer = LogBuffer()
    buffer.set_filter(Filter.parse("status:failed"))
    feed(buffer, event("started", "c1"), log("c1", "one"), event("started", "c2"), log("c2", "two"))
    assert buffer.shown == []
    feed(buffer, finished("c1", "timeout"), finished("c2"))
    assert told(buffer.shown) == ["orders:c1 timeout", "stdout one"]


# Asking.


def test_pages_are_asked_for_one_at_a_time_and_not_for_ever() -> None:
    older = OlderCalls()
    wanted = Filter.parse("x")
    ask = older.next(wanted, "9", anew=True)
    assert ask == Ask("9", {})
    assert older.busy
    assert older.next(wanted, "9", anew=False) is None
    assert older.take(ask, [past(number) for number in range(PAGE, 0, -1)])
    for _ in range(AT_A_STRETCH - 1):
        ask = older.next(wanted, "1", anew=False)
        assert ask is not None
        older.take(ask, [past(number) for number in range(PAGE, 0, -1)])
    assert older.next(wanted, "1", anew=False) is None
    assert "↑ goes on" in older.said
    assert older.rests_at == past(1).created_at
    ask = older.next(wanted, "1", anew=True)
    assert ask is not None
    assert older.take(ask, [past(1)])
    assert older.said == "all there is"
    assert older.rests_at is None
    assert older.next(wanted, "1", anew=True) is None
    assert older.next(Filter.parse("y"), "1", anew=False) is not None, "for another filter it begins again"
    assert not older.take(ask, [past(1)]), "an answer that nobody waits for any more"


# The pane.


async def test_scrolling_up_goes_back_to_the_first_call_and_memory_stays_flat() -> None:
    disk = Disk(1_000)
    app = Logs(disk, capacity=600)
    async with app.run_test(size=(100, 20)) as pilot:
        app.pane.prime(disk.page(Ask(None, {}, 50)))
        app.pane.view.focus()
        await pilot.pause()
        for _ in range(400):
            if "call 1 of the past" in screen(app):
                break
            await pilot.press("pageup")
            assert len(app.pane.buffer.lines) <= 600
        assert "call 1 of the past" in screen(app)
        assert "all there is" in rows(app)[0]
        seen = [int(ask.before or "0", 16) for ask in disk.asked[1:]]
        assert seen == sorted(set(seen), reverse=True), "each page once"
        await pilot.press("end")
        await pilot.pause()
        assert "call 1000 of the past" in screen(app)
        assert app.pane.following
        assert not app.pane.buffer.cut_off


async def test_what_one_reads_stays_in_place_when_older_lines_come() -> None:
    disk = Disk(500)
    app = Logs(disk)
    async with app.run_test(size=(100, 20)) as pilot:
        app.pane.prime(disk.page(Ask(None, {}, 50)))
        view = app.pane.view
        view.focus()
        await pilot.press("home")
        await until(lambda: len(app.pane.buffer.lines) > 150)
        await pilot.pause()
        assert "call 451 of the past" in screen(app)
        assert view.current is not None
        assert view.current.call.id == f"{451:016x}"


async def test_a_filter_looks_further_back_by_itself() -> None:
    disk = Disk(1_000)
    app = Logs(disk)
    async with app.run_test(size=(100, 20)) as pilot:
        app.pane.prime(disk.page(Ask(None, {}, 50)))
        app.pane.view.focus()
        await pilot.press("slash", *keys("call 37 of"), "enter")
        await until(lambda: "call 37 of the past" in screen(app))
        assert numbers(app.pane.buffer.shown) == [37]
        await pilot.press("escape", "e")
        await until(lambda: any(ask.query.get("status") == "failed" for ask in disk.asked))
        await until(lambda: numbers(app.pane.buffer.shown) == [*range(50, 1_001, 50)])
        assert "✗ │ ValueError: no rate" in screen(app)


async def test_a_filter_that_finds_nothing_says_how_far_it_looked_and_goes_on_by_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("clowdy_tui.tui.widgets.log_search.AT_A_STRETCH", 2)
    disk = Disk(1_000)
    app = Logs(disk)
    async with app.run_test(size=(100, 20)) as pilot:
        app.pane.prime(disk.page(Ask(None, {}, 50)))
        app.pane.view.focus()
        await pilot.press("slash", *keys("call 37 of"), "enter")
        await until(lambda: "↑ looks further back" in screen(app))
        for _ in range(6):
            if numbers(app.pane.buffer.shown):
                break
            await pilot.press("up")
            await until(lambda: app.pane.older.rests_at is not None or numbers(app.pane.buffer.shown))
        assert numbers(app.pane.buffer.shown) == [37]


async def test_a_wrong_filter_is_said_and_changes_nothing() -> None:
    app = Logs(Disk(60))
    async with app.run_test(size=(120, 20)) as pilot:
        app.pane.prime(app.disk.page(Ask(None, {}, 50)))
        app.pane.view.focus()
        await pilot.press("slash", *"status:fialed", "enter")
        await pilot.pause()
        assert "status:failed?" in rows(app)[0]
        assert "call 60 of the past" in screen(app)
        assert app.pane.query_one("#filter").has_focus


async def test_one_function_alone_and_all_again() -> None:
    app = Logs(Disk(0))
    async with app.run_test(size=(100, 20)) as pilot:
        for one in [*whole("c1", "tea"), *whole("c2", "card", function="pay")]:
            app.pane.append_event(one)
        await until(lambda: "card" in screen(app))
        app.pane.view.focus()
        await pilot.press("o")
        await pilot.pause()
        assert "tea" not in screen(app)
        assert rows(app)[0].strip().startswith("pay")
        await pilot.press("o")
        await pilot.pause()
        assert "tea" in screen(app)


async def test_lines_around_a_hit_can_be_seen_by_a_key() -> None:
    app = Logs(Disk(0))
    async with app.run_test(size=(100, 20)) as pilot:
        for one in whole("c1", *(f"line {number:02d}" for number in range(30))):
            app.pane.append_event(one)
        await until(lambda: "line 29" in screen(app))
        app.pane.view.focus()
        await pilot.press("slash", *keys("line 15"), "enter", "c")
        await pilot.pause()
        assert "±1" in rows(app)[0]
        assert [line.text for line in app.pane.buffer.shown[1:]] == ["line 14", "line 15", "line 16"]
        assert "    · line 14" in screen(app), "and they can be told apart without colour"
        await pilot.press("c", "c", "c")
        await pilot.pause()
        assert [line.text for line in app.pane.buffer.shown[1:]] == ["line 15"]


async def test_what_is_shown_can_be_had_as_a_file() -> None:
    app, ears = Logs(Disk(0)), Ears()
    async with app.run_test(size=(100, 20), message_hook=ears) as pilot:
        for one in whole("c1", "an apple", "a pear"):
            app.pane.append_event(one)
        await until(lambda: "a pear" in screen(app))
        app.pane.view.focus()
        await pilot.press("slash", *"apple", "enter", "s")
        await pilot.pause()
        (wanted,) = ears.of(LogPane.SaveWanted)
        assert wanted.lines[1:] == ["an apple"]
        assert "orders GET /orders/c1 success" in wanted.lines[0]
