"""What the console is made of: folds, where the time went, lines for a shell, templates, two answers compared."""

import json
import shlex
from typing import Any

import pytest

from clowdy_tui.domain.schemas import InvocationDetail, LogLine, OutcomeStatus
from clowdy_tui.tui.input_templates import templates
from clowdy_tui.tui.screens.compare import Answer, CompareDialog
from clowdy_tui.tui.shell_lines import command_of_call, command_of_input, curl_of_call, curl_of_input, input_of
from clowdy_tui.tui.widgets.result import ResultView
from clowdy_tui.tui.widgets.result_fold import Fold, Folds, find_folds
from clowdy_tui.tui.widgets.result_json import pretty
from clowdy_tui.tui.widgets.result_lines import call_lines
from clowdy_tui.tui.widgets.timing import timing_bar, timing_legend, timing_words
from tests.tui.fake import example
from tests.tui.test_console import answer
from tests.tui.test_log_past import past
from tests.tui.widget_host import Host, screen, until

VALUE = {"a": [1, {"b": []}, {"c": {"d": "ends in {"}}], "e": {}, "f": [[1], [2]]}
URL = "http://127.0.0.1:8000"


# Folds.


def folded(value: Any, *toggled: int) -> list[str]:
    lines = pretty(value).lines
    folds = Folds(len(lines), find_folds(lines))
    for line in toggled:
        folds.toggle(line)
    return [lines[number].strip() for number in folds.shown]


def test_what_opens_closes_on_the_line_that_belongs_to_it() -> None:
    lines = pretty(VALUE).lines
    found = find_folds(lines)
    assert found[0] == Fold(len(lines) - 1, 0)
    for start, (end, depth) in ((start, (fold.end, fold.depth)) for start, fold in found.items()):
        assert len(lines[start]) - len(lines[start].lstrip()) == 2 * depth
        assert len(lines[start]) - len(lines[start].lstrip()) == len(lines[end]) - len(lines[end].lstrip())
        opening, closing = lines[start].rstrip()[-1], lines[end].strip().rstrip(",")
        assert {"{": "}", "[": "]"}[opening] == closing
    assert len(found) == 8


def test_folding_hides_what_is_inside_and_unfolding_brings_it_back() -> None:
    assert folded(VALUE, 0) == ["{"]
    assert folded(VALUE, 0, 0) == [line.strip() for line in pretty(VALUE).lines]
    assert folded({"a": [1, 2]}, 2) == ["{", '"a": [', "}"], "a line inside folds what it is in"


def test_all_can_be_folded_but_the_outermost() -> None:
    lines = pretty(VALUE).lines
    folds = Folds(len(lines), find_folds(lines))
    folds.close(1)
    assert [lines[number].strip() for number in folds.shown] == ["{", '"a": [', '"e": {},', '"f": [', "}"]
    assert lines[folds.shown[folds.place_of(3)]].strip() == '"a": [', "what hides a line"
    folds.open_all()
    assert len(folds.shown) == len(lines)


def test_a_value_that_is_cut_folds_as_far_as_it_goes() -> None:
    assert find_folds(["{", '  "a": [', "    1,"]) == {}
    many = Folds(5_000, find_folds(pretty([[number] for number in range(3_000)]).lines))
    many.close(1)
    assert len(many.shown) < 2_000


async def test_an_answer_folds_by_key_and_by_mouse() -> None:
    view = ResultView()
    app = Host(view)
    async with app.run_test(size=(80, 24)) as pilot:
        view.show(answer(VALUE))
        view.focus()
        await until(lambda: '"d": "ends in {"' in screen(app))
        assert "▾ {" in screen(app)
        await pilot.press("down", "space")
        await pilot.pause()
        assert '▸ "a": [' not in screen(app)
        assert '▸   "a": [ … ],' in screen(app)
        assert '"d": "ends in {"' not in screen(app)
        await pilot.press("enter")
        await pilot.pause()
        assert '"d": "ends in {"' in screen(app)
        await pilot.press("minus")
        await pilot.pause()
        assert screen(app).count("▸") == 2
        await pilot.press("plus")
        await pilot.pause()
        assert "▸" not in screen(app)
        await pilot.click(ResultView, offset=(1, 0))
        await pilot.pause()
        assert "▸ { … }" in screen(app)
        await pilot.press("y")
        assert json.loads(app.clipboard) == VALUE, "folded or not, all of it"


async def test_the_cursor_goes_through_a_long_answer_and_keeps_in_sight() -> None:
    view = ResultView()
    app = Host(view)
    async with app.run_test(size=(60, 10)) as pilot:
        view.show(answer(list(range(100))))
        view.focus()
        await pilot.press("end")
        await until(lambda: "99" in screen(app))
        await pilot.press("pageup", "pageup")
        await pilot.pause()
        assert "99" not in screen(app)
        await pilot.press("home")
        await until(lambda: "▾ [" in screen(app))


# Where the time went.


@pytest.mark.parametrize("times", [(0, 0, 1), (0, 0, 0), (10, 60, 5), (5_000, 1_000_000, 3), (900_000, 60, 900_000)])
@pytest.mark.parametrize("width", [8, 20, 41])
def test_the_bar_is_as_wide_as_it_should_be_and_shows_each_part_that_took_time(
    times: tuple[int, int, int], width: int
) -> None:
    bar = timing_bar(*times, width).plain
    assert len(bar) == width
    for us, sign in zip(times, "░▒", strict=False):
        assert (sign in bar) is (us >= 50)
    assert "█" in bar


def test_the_time_is_said_in_words_too() -> None:
    assert timing_words(0, 0, 1_200) == ["1.2 ms"]
    assert timing_words(200, 35_000, 1_200) == ["run 1.2 ms", "init 35 ms", "queue 0.2 ms"]
    assert timing_legend(200, 35_000, 1_200).plain == "░ queue 0.2 ms   ▒ init 35 ms   █ run 1.2 ms"


# Lines for a shell.


def test_lines_for_a_shell_hold_what_they_should_whatever_is_in_it() -> None:
    fake = example()
    project = next(iter(fake.all_projects.values()))
    function = next(function for function in fake.all_functions.values() if function.name == "orders")
    value = {"who": 'it\'s $HOME `x` "y"', "漢": [1, None]}
    words = shlex.split(curl_of_input(function, value, URL))
    assert words[:2] == ["curl", f"{URL}/api/invoke/{function.id}"]
    assert json.loads(words[words.index("-d") + 1]) == {"input": value}
    private = function.model_copy(update={"visibility": "private"})
    assert '-H "Authorization: Bearer $CLOWDY_TOKEN"' in curl_of_input(private, value, URL)
    words = shlex.split(command_of_input(function, project, value, version=3))
    assert words[:3] == ["clowdy", "invoke", "shop/orders"]
    assert json.loads(words[words.index("--input") + 1]) == value
    assert words[-2:] == ["--version", "3"]
    assert shlex.split(command_of_input(function, None, None)) == ["clowdy", "invoke", function.id]


def test_a_call_by_a_route_becomes_its_request_again() -> None:
    fake = example()
    project = next(iter(fake.all_projects.values()))
    function = next(function for function in fake.all_functions.values() if function.name == "orders")
    event = {
        "method": "POST", "path": "/orders/7", "raw_query": "q=1&q=2", "body": {"n": "it's"},
        "headers": {"content-type": "application/json", "user-agent": "curl/8", "authorization": "****", "x-a": "b c"},
    }  # fmt: skip
    call = past(1, input=json.dumps(event), http_method="POST", http_path="/orders/7", source="gateway")
    words = shlex.split(curl_of_call(call, function, project, URL))
    assert words[:4] == ["curl", "-X", "POST", f"{URL}/api/gateway/shop/orders/7?q=1&q=2"]
    headers = [words[place + 1] for place, word in enumerate(words) if word == "-H"]
    assert headers == ["content-type: application/json", "authorization: ****", "x-a: b c"]
    assert json.loads(words[-1]) == {"n": "it's"}
    assert command_of_call(call) == f"clowdy replay {1:016x}"
    direct = past(2, input='{"n": 1}')
    assert json.loads(shlex.split(curl_of_call(direct, function, project, URL))[-1]) == {"input": {"n": 1}}


@pytest.mark.parametrize(
    ("fields", "said"), [({"input": None}, "not kept"), ({"input": "[1", "input_truncated": True}, "beginning")]
)
def test_an_input_that_is_not_there_is_said(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        input_of(past(1, **fields))


def test_templates_begin_with_the_functions_own_routes() -> None:
    fake = example()
    route = next(iter(fake.all_routes.values()))
    found = list(templates([route]))
    assert [template.title for template in found] == [
        "POST /orders", "HTTP event", "AWS v2.0 event", "Empty object"
    ]  # fmt: skip
    assert found[0].value["path"] == "/orders"
    assert found[1].value["method"] == "POST"
    assert found[2].value["version"] == "2.0"
    assert found[2].value["requestContext"]["http"]["method"] == "POST"


# A call whole, and two answers.


def whole(**fields: Any) -> InvocationDetail:
    known = past(1, "one").model_dump() | {
        "stack_trace": None,
        "logs": [LogLine(stream="stdout", text="one", at_us=1_500)],
    }
    return InvocationDetail.model_validate(known | fields)


def test_a_call_is_shown_whole_with_the_time_of_each_line() -> None:
    lines = call_lines(
        whole(
            input='{"n": [1]}', output=None, status=OutcomeStatus.ERROR, error_type="ValueError",
            error_message="no rate", stack_trace="Traceback\n  line 3\n",
        )
    )  # fmt: skip
    shown = [line.text for line in lines]
    assert shown[:5] == ["── error ──", "ValueError: no rate", "", "Traceback", "  line 3"]
    assert "── request ──" in shown
    assert '  "n": [' in shown
    assert "── answer ──" not in shown
    assert shown[-2:] == ["── printed, 1 line ──", "  1.5 ms  one"]
    cut = call_lines(whole(input='{"n": [1', input_truncated=True, output=None))
    assert ("title", "── request, cut ──") in [(line.kind, line.text) for line in cut]
    assert ("plain", '{"n": [1') in [(line.kind, line.text) for line in cut]
    assert any("not kept" in line.text for line in cut)


@pytest.mark.parametrize("size", [(80, 24), (140, 36)])
async def test_two_answers_are_shown_with_what_differs(size: tuple[int, int]) -> None:
    app = Host(ResultView())
    async with app.run_test(size=size) as pilot:
        left = Answer.of_run(answer({"ok": True, "total": 3}, version=7))
        right = Answer.of_run(answer({"ok": True, "total": 4}, version=8))
        await app.push_screen(CompareDialog("orders", left, right))
        await until(lambda: "≠ the answers differ" in screen(app))
        assert '-   "total": 3' in screen(app)
        assert '+   "total": 4' in screen(app)
        assert ("│" in next(row for row in screen(app).splitlines() if '"total": 3' in row)[5:-5]) is (size[0] > 100)
        await pilot.press("escape")
        await app.push_screen(CompareDialog("orders", left, left))
        await until(lambda: "= the same answer" in screen(app))
        await pilot.press("escape")
        failed = Answer.of_call(whole(status=OutcomeStatus.TIMEOUT, error_type="Timeout", error_message="after 1 s"))
        await app.push_screen(CompareDialog("orders", left, failed))
        await until(lambda: "+ Timeout: after 1 s" in screen(app))
