"""The test console: input checked as one types, runs asked for, results shown apart from what was printed."""

from typing import Any

import pytest

from clowdy_tui.domain.schemas import InvokeOut, LogLine, OutcomeStatus
from clowdy_tui.tui.widgets.console import RunButton, TestConsole
from clowdy_tui.tui.widgets.console_json import parse
from clowdy_tui.tui.widgets.result import ResultView
from clowdy_tui.tui.widgets.result_json import DEEPEST, MAX_CHARACTERS, MAX_LINES, compact, pretty
from clowdy_tui.tui.widgets.result_lines import result_lines
from tests.tui.widget_host import Ears, Host, rows, screen, until


def answer(output: Any = None, **fields: Any) -> InvokeOut:
    """A call's answer, successful unless `fields` say otherwise."""
    known: dict[str, Any] = {
        "success": True,
        "output": output,
        "duration_ms": 12.3,
        "invocation_id": "i1",
        "cold_start": False,
        "status": OutcomeStatus.SUCCESS,
        "version": 7,
        "duration_us": 12_300,
    }
    return InvokeOut(**known | fields)


# The input.


@pytest.mark.parametrize(
    ("text", "value"), [("", None), ("  \n", None), ("{}", {}), ('{"é": [1, 2.5, null]}', {"é": [1, 2.5, None]})]
)
def test_json_becomes_a_value(text: str, value: Any) -> None:
    parsed = parse(text)
    assert parsed.ok
    assert parsed.value == value


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ('{"a": 1,}', 1, 8, "a comma too many"),
        ("[1,\n2,\n\n]", 2, 2, "a comma too many"),
        ("{1: 2}", 1, 2, '"name" missing'),
        ("[1 2]", 1, 4, "comma missing"),
        ('{\n  "a": x\n}', 2, 8, "value missing"),
        ('{"a" 1}', 1, 6, "colon missing"),
        ("{}\n{}", 2, 1, "nothing may follow"),
        ('["a', 1, 2, "string does not end"),
        ("[1,\n NaN]", 2, 2, "NaN is not JSON"),
        ('"\\ud800"', 1, 1, "half of a surrogate pair cannot be sent"),
        ("[" * 100_000, 1, 1, "nested too deeply"),
        ("1" * 5_000, 1, 1, ""),
    ],
)
def test_what_is_not_json_is_said_with_its_place(text: str, line: int, column: int, said: str) -> None:
    parsed = parse(text)
    assert not parsed.ok
    assert (parsed.line, parsed.column) == (line, column)
    assert said in parsed.problem


# The result.


def test_pretty_json_reads_like_the_standard_librarys() -> None:
    import json

    for value in (None, 1, "é\n", [], {}, [[], {}], {"a": [1, {"b": None}], "c": {"d": {}}}, [[[1], 2], 3]):
        assert "\n".join(pretty(value).lines) == json.dumps(value, indent=2, ensure_ascii=False)
        assert pretty(value).whole


def test_of_a_big_value_only_the_head_is_made() -> None:
    class Counted(list[int]):
        asked = 0

        def __iter__(self) -> Any:
            for member in super().__iter__():
                Counted.asked += 1
                yield member

    shown = pretty(Counted(range(1_000_000)))
    assert not shown.whole
    assert len(shown.lines) == MAX_LINES
    assert Counted.asked <= MAX_LINES + 1
    long = pretty(["x" * 1_000] * 5_000)
    assert not long.whole
    assert sum(map(len, long.lines)) < MAX_CHARACTERS + 2_000
    (line,) = pretty("x" * 5_000_000).lines
    assert len(line) < 2_100
    assert "4,998,000 more characters" in line


def test_any_depth_can_be_shown() -> None:
    value: Any = 1
    for _ in range(3_000):
        value = [value]
    shown = pretty(value)
    assert not shown.whole
    assert len(shown.lines) > 1_000
    assert max(map(len, shown.lines)) <= 2 * DEEPEST + 2


def test_what_was_printed_stands_apart_from_the_result_and_its_streams_apart_from_each_other() -> None:
    out = answer({"ok": True}, logs=[LogLine(stream="stdout", text="one"), LogLine(stream="stderr", text="two\tx")])
    kinds = [(line.kind, line.text) for line in result_lines(out)]
    assert kinds == [
        ("json", "{"),
        ("json", '  "ok": true'),
        ("json", "}"),
        ("title", "── printed, 2 lines ──"),
        ("stdout", "one"),
        ("stderr", "two x"),
    ]


def test_an_error_has_its_type_its_message_and_its_trace() -> None:
    out = answer(
        success=False,
        status=OutcomeStatus.ERROR,
        error="no\x1b[31m rate\n[/]",
        error_type="ValueError",
        stack_trace="Traceback:\n  File x\n",
    )
    assert [(line.kind, line.text) for line in result_lines(out)] == [
        ("error", "ValueError: no␛[31m rate"),
        ("error", "[/]"),
        ("blank", ""),
        ("trace", "Traceback:"),
        ("trace", "  File x"),
    ]
    assert result_lines(answer(success=False, status=OutcomeStatus.OUT_OF_MEMORY))[0].text == "out of memory"


def test_copying_gives_all_of_it() -> None:
    assert compact({"é": ["x" * 5_000]}) == '{"é": ["' + "x" * 5_000 + '"]}'


# The widget.


async def test_without_a_function_it_says_what_to_do() -> None:
    console = TestConsole(ssh=True)
    app = Host(console)
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
        assert "Open a function to test it." in screen(app)
        console.request_run()


async def test_running_sends_the_value_and_shows_the_answer() -> None:
    console, ears = TestConsole(ssh=True), Ears()
    app = Host(console)
    async with app.run_test(size=(120, 12), message_hook=ears) as pilot:
        console.set_function("f1", "orders")
        await pilot.pause()
        assert "Not run yet." in screen(app)
        console.input.load_text('{"id": 7}')
        await pilot.pause()
        await pilot.click(RunButton)
        await pilot.pause()
        (asked,) = ears.of(TestConsole.RunRequested)
        assert (asked.function_id, asked.text, asked.value) == ("f1", '{"id": 7}', {"id": 7})
        console.show_running()
        await pilot.pause()
        assert "… running" in rows(app)[0]
        console.request_run()
        await pilot.pause()
        assert len(ears.of(TestConsole.RunRequested)) == 1
        console.show_result(answer({"ok": True}, cold_start=True, queue_us=100, init_us=35_000, memory_mb=31.4))
        await pilot.pause()
        assert "✓ success · run 12 ms · cold · v7 · init 35 ms · queue 0.1 ms" in rows(app)[0]
        assert '"ok": true' in screen(app)
        assert console._ticks is None


async def test_the_verdict_follows_the_typing_and_a_fault_is_gone_to() -> None:
    console, ears = TestConsole(ssh=True), Ears()
    app = Host(console)
    async with app.run_test(size=(80, 10), message_hook=ears) as pilot:
        console.set_function("f1", "orders")
        await pilot.pause()
        console.input.focus()
        assert "✓ JSON" in rows(app)[-1]
        await pilot.press("enter", "x")
        await pilot.pause()
        assert "✗ 2:1 nothing may follow" in rows(app)[-1]
        console.input.move_cursor((0, 0))
        console.request_run()
        await pilot.pause()
        assert ears.of(TestConsole.RunRequested) == []
        assert console.input.cursor_location == (1, 0)
        console.input.load_text("")
        await pilot.pause()
        assert "✓ empty: null" in rows(app)[-1]
        console.request_run()
        await pilot.pause()
        assert ears.of(TestConsole.RunRequested)[0].value is None


async def test_each_function_keeps_its_input_and_its_answer() -> None:
    console = TestConsole(ssh=True)
    app = Host(console)
    async with app.run_test(size=(80, 10)) as pilot:
        console.set_function("f1", "orders")
        console.input.load_text("[1]")
        console.show_running()
        console.set_function("f2", "pay")
        await pilot.pause()
        assert console.input.text == "{}"
        assert "running" not in rows(app)[0].partition("│")[2]
        console.show_result(answer("from orders"), "f1")
        await pilot.pause()
        assert "from orders" not in screen(app)
        console.set_function("f1", "orders")
        await pilot.pause()
        assert console.input.text == "[1]"
        assert "from orders" in screen(app)
        assert not console.running


async def test_what_went_wrong_is_read_without_scrolling_at_any_width() -> None:
    console = TestConsole(ssh=True)
    app = Host(console)
    async with app.run_test(size=(80, 10)) as pilot:
        console.set_function("f1", "orders")
        console.show_error("the gateway refused this call, because so many others wait for the same function")
        for width in (80, 60, 100):
            await pilot.resize_terminal(width, 10)
            await pilot.pause()
            view = app.query_one(ResultView)
            assert view.virtual_size.width <= view.size.width
            assert "".join(line.text for line, _ in view._lines).endswith("wait for the same function")


async def test_an_error_at_the_gateway_is_shown_literally() -> None:
    console = TestConsole(ssh=True)
    app = Host(console)
    async with app.run_test(size=(100, 10)) as pilot:
        console.set_function("f1", "[/]orders\x1b")
        console.show_running()
        console.show_error("nobody answers at [@click=app.quit]x[/] \x1b[31m")
        await pilot.pause()
        assert "✗ not run" in rows(app)[0]
        assert "nobody answers at [@click=app.quit]x[/] ␛[31m" in screen(app)
        assert "[/]orders␛" in rows(app)[0]
        await pilot.click(ResultView, offset=(22, 2))
        assert app.is_running


async def test_five_megabytes_are_shown_as_a_head_and_copied_whole() -> None:
    console = TestConsole(ssh=True)
    app = Host(console)
    output = [{"number": number, "text": "x" * 60} for number in range(60_000)]
    async with app.run_test(size=(80, 24)) as pilot:
        console.set_function("f1", "orders")
        console.show_result(answer(output, logs=[LogLine(stream="stdout", text="y" * 1_000_000)] * 3))
        await pilot.pause()
        view = console.query_one(ResultView)
        view.focus()
        await pilot.press("end")
        await pilot.pause()
        assert view.virtual_size.height < MAX_LINES + 10
        text = "\n".join(line.text for line, _ in view._lines)
        assert "only the first" in text
        assert "996,000 more characters" in text
        await pilot.press("y")
        assert app.clipboard == compact(output)


async def test_a_long_input_is_checked_when_the_typing_pauses() -> None:
    console = TestConsole(ssh=True)
    app = Host(console)
    async with app.run_test(size=(80, 10)) as pilot:
        console.set_function("f1", "orders")
        console.input.load_text("[" + "1," * 50_000 + "1")
        await pilot.pause()
        assert console._parsed is None
        await until(lambda: console._parsed is not None)
        assert console._parsed is not None
        assert not console._parsed.ok


@pytest.mark.parametrize(("width", "stacked"), [(50, True), (80, False)])
async def test_it_stacks_where_it_is_narrow(width: int, stacked: bool) -> None:
    console = TestConsole(ssh=True)
    app = Host(console)
    async with app.run_test(size=(width, 16)) as pilot:
        console.set_function("f1", "orders")
        await pilot.pause()
        answer_region = console.query_one("#answer").region
        assert (answer_region.x == 0) is stacked
        assert answer_region.width > 25
