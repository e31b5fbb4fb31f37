"""Find, replace, go to line: the search itself, the bar, and the dialog."""

from typing import Any

import pytest

from clowdy_tui.tui.screens.go_to_line import parse_line
from clowdy_tui.tui.widgets import code_search
from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.code_area_marks import Hit, Marks, Problem
from clowdy_tui.tui.widgets.code_search import MOST, BadPattern, Query, find_all, replaced, replacement_at
from clowdy_tui.tui.widgets.find_bar import FindBar
from tests.tui.driving import NARROW, open_function, screen, shown, shows, type_text, until
from tests.tui.fake import example

# The search.


@pytest.mark.parametrize(
    ("text", "query", "hits"),
    [
        ("aXa\nxx", Query("x"), [((0, 1), (0, 2)), ((1, 0), (1, 1)), ((1, 1), (1, 2))]),
        ("aXa\nxx", Query("X", case=True), [((0, 1), (0, 2))]),
        ("item items my_item", Query("item", word=True), [((0, 0), (0, 4))]),
        ("a.c abc", Query("a.c"), [((0, 0), (0, 3))]),
        ("a.c abc", Query("a.c", is_regex=True), [((0, 0), (0, 3)), ((0, 4), (0, 7))]),
        ("one\ntwo", Query(r"e\nt", is_regex=True), [((0, 2), (1, 1))]),
        ("one\ntwo", Query("^t", is_regex=True), [((1, 0), (1, 1))]),
        ("漢字é🎉 漢", Query("漢"), [((0, 0), (0, 1)), ((0, 5), (0, 6))]),
        ("abc", Query(""), []),
        ("abc", Query("x*", is_regex=True), []),
    ],
)
def test_hits(text: str, query: Query, hits: list[Any]) -> None:
    assert find_all(text, query) == [Hit(*hit) for hit in hits]


def test_a_pattern_that_is_none_says_what_is_wrong_and_where() -> None:
    with pytest.raises(BadPattern, match=r"missing \), at 3"):
        find_all("x", Query("a(", is_regex=True))


def test_a_pattern_that_takes_for_ever_is_given_up() -> None:
    with pytest.raises(BadPattern, match="too long"):
        find_all("a" * 40 + "!", Query(r"(a|a)*$", is_regex=True))


def test_hits_are_shown_up_to_a_number_and_replaced_all(monkeypatch: pytest.MonkeyPatch) -> None:
    # Not the deadline is looked at here, on a machine that may be busy.
    monkeypatch.setattr(code_search, "WITHIN_S", 60)
    monkeypatch.setattr(code_search, "REPLACED_WITHIN_S", 60)
    text = "x" * (MOST + 5)
    assert len(find_all(text, Query("x"))) == MOST
    assert replaced(text, Query("x"), "y") == ("y" * (MOST + 5), MOST + 5)


def test_replacing_with_groups_and_literally() -> None:
    assert replaced("a1 b2", Query(r"(\w)(\d)", is_regex=True), r"\2\1") == ("1a 2b", 2)
    assert replaced("a1 b2", Query("a1"), r"\1") == (r"\1 b2", 1)
    with pytest.raises(BadPattern, match="what to put there"):
        replaced("a1", Query(r"(\w)", is_regex=True), r"\9")
    hit = Hit((0, 3), (0, 5))
    assert replacement_at("a1 b2", Query(r"(\w)(\d)", is_regex=True), hit, r"<\2>") == "<2>"
    assert replacement_at("a1 xx", Query(r"(\w)(\d)", is_regex=True), hit, r"<\2>") is None


# The marks.


def test_problems_move_along_with_their_lines() -> None:
    marks = Marks()
    marks.set_problems([Problem((row, 0), (row, 3), f"p{row}") for row in (1, 4, 6)])
    marks.edited(2, 2, 5)
    assert [problem.start[0] for problem in marks.problems] == [1, 7, 9]
    marks.edited(5, 7, 5)
    assert [(problem.start[0], problem.message) for problem in marks.problems] == [(1, "p1"), (7, "p6")]
    assert marks.problem_after((1, 0)) == marks.problems[1]
    assert marks.problem_after((9, 0)) == marks.problems[0]


def test_a_hit_over_several_lines_marks_each() -> None:
    marks = Marks()
    hit = Hit((0, 2), (2, 1))
    marks.set_hits([hit], hit)
    assert [marks.of(row) for row in range(3)] == [((2, -1, "current"),), ((0, -1, "current"),), ((0, 1, "current"),)]


# The bar.


def _area(app: Any) -> CodeArea:
    area = app.workbench.tabs.area
    assert area is not None
    return area


async def test_finding_as_one_types_and_stepping_through() -> None:
    async with screen(size=NARROW) as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("ctrl+f")
        await shows(pilot, "Find")
        await type_text(pilot, "total")
        await until(pilot, lambda: "1/3" in shown(app))
        assert _area(app).selected_text == "total"
        await pilot.press("enter")
        await until(pilot, lambda: "2/3" in shown(app))
        await pilot.press("up", "up")
        await until(pilot, lambda: "3/3" in shown(app))
        await pilot.press("alt+c", "alt+w", "alt+x")
        await until(pilot, lambda: "/3" in shown(app))
        await type_text(pilot, "(")
        await shows(pilot, "missing )")
        await pilot.press("backspace", *"zz")
        await shows(pilot, "not found")
        await pilot.press("escape")
        await until(pilot, lambda: app.focused is _area(app))
        assert "Find" not in shown(app)


async def test_what_is_selected_is_looked_for_and_the_text_may_change_meanwhile() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        _area(app).selection = type(_area(app).selection)((8, 4), (8, 9))
        await pilot.press("ctrl+f")
        await until(pilot, lambda: "1/3" in shown(app))
        _area(app).insert("total = 1\n", (0, 0))
        await until(pilot, lambda: "/4" in shown(app))


async def test_replacing_one_by_one_and_all_with_one_undo() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, "orders")
        before = _area(app).text
        await pilot.press("alt+r")
        await shows(pilot, "With")
        await type_text(pilot, "items")
        await pilot.press("tab")
        await until(pilot, lambda: app.focused is not None and app.focused.id == "replacement")
        await type_text(pilot, "wares")
        await pilot.press("enter")
        await until(pilot, lambda: "def total(wares)" in _area(app).text)
        assert _area(app).text.count("wares") == 1
        await pilot.press("alt+a")
        await shows(pilot, "replaced")
        # And still so when it was looked for once more, because the text has changed.
        await until(pilot, lambda: not app.workbench.query_one(FindBar)._just_replaced)
        await shows(pilot, "replaced")
        assert "items" not in _area(app).text
        assert _area(app).text == before.replace("items", "wares")
        await pilot.press("escape", "ctrl+z")
        await until(pilot, lambda: _area(app).text.count("wares") == 1)


async def test_the_mouse_presses_what_the_keys_do() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("ctrl+f")
        await shows(pilot, "Find")
        await type_text(pilot, "total")
        await until(pilot, lambda: "1/3" in shown(app))
        await pilot.click("FindBar #next")
        await until(pilot, lambda: "2/3" in shown(app))
        await pilot.click("FindBar #case")
        await until(pilot, lambda: app.query_one("FindBar #case").has_class("-on"))
        await pilot.click("FindBar #close")
        await until(pilot, lambda: not app.workbench.query_one(FindBar).display)


async def test_the_bar_follows_to_another_file() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        await open_function(app, pilot, "orders")
        await pilot.press("ctrl+f")
        await shows(pilot, "Find")
        await type_text(pilot, "event")
        await until(pilot, lambda: "/3" in shown(app))
        await pilot.press("ctrl+pageup")
        await until(pilot, lambda: _area(app).text.startswith("def handler") and "2" in shown(app))
        await pilot.press("ctrl+w")
        await until(pilot, lambda: len(app.workbench.tabs.documents) == 1)


# Go to line.


@pytest.mark.parametrize(
    ("text", "location"),
    [("3", (2, 0)), (" 3:5 ", (2, 4)), ("0", (0, 0)), ("99", (9, 0)), ("-1", (9, 0)), ("-2", (8, 0)), ("x", None),
     ("", None), ("3:x", None)],
)  # fmt: skip
def test_what_a_line_is(text: str, location: Any) -> None:
    assert parse_line(text, 10) == location


async def test_going_to_a_line_and_back() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("down", "alt+g")
        await shows(pilot, "Go to line")
        await pilot.press("1", "2")
        await until(pilot, lambda: _area(app).cursor_location == (11, 0))
        await pilot.press("escape")
        await until(pilot, lambda: _area(app).cursor_location == (1, 0))
        await pilot.press("f12", "colon", "9", "colon", "5", "enter")
        await until(pilot, lambda: app.screen is app.workbench and _area(app).cursor_location == (8, 4))


async def test_commenting_by_key_and_leader() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        for key in ("ctrl+slash", "ctrl+underscore"):
            await pilot.press(key)
            await until(pilot, lambda: _area(app).text.startswith("# def"))
            await pilot.press("f12", "number_sign")
            await until(pilot, lambda: _area(app).text.startswith("def"))
