"""Names that are offered while one types."""

from typing import Any

import pytest

from clowdy_tui.tui.editing.names import Library, imported, offers, typed_before
from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.completion import CompletionList
from tests.tui.driving import NARROW, open_function, screen, shown, shows, type_text, until

FILE = ["import json", "import os.path as p, re", "from decimal import Decimal as D, ROUND_UP", "import requests",
        "orders = ordered = []", "def order(item):", "    return orders", ""]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "typed"),
    [("x = js", ("", "js")), ("x = json.lo", ("json", "lo")), ("a.b.c", ("a.b", "c")), ("f(", ("", "")),
     ("1.5", ("", "5")), ("größe.é", ("größe", "é")), ("", ("", ""))],
)  # fmt: skip
def test_what_is_being_typed(line: str, typed: tuple[str, str]) -> None:
    found = typed_before(line)
    assert (found.owner, found.prefix) == typed


def test_what_is_imported_from_the_standard_library() -> None:
    assert imported(FILE) == {
        "json": ["json"], "p": ["os.path"], "re": ["re"], "D": ["decimal", "Decimal"],
        "ROUND_UP": ["decimal", "ROUND_UP"],
    }  # fmt: skip


async def _names(before: str, language: str = "python") -> list[str]:
    return [offer.name for offer in await offers([*FILE, before], len(FILE), before, language, Library())]


async def test_the_file_s_own_names_come_first_the_near_and_frequent_before_others() -> None:
    assert await _names("    ord") == ["orders", "ordered", "order"]
    assert "ordered" in await _names("    Ord")


@pytest.mark.parametrize(
    ("before", "names"),
    [
        ("import jso", ["json"]),
        ("import re, decim", ["decimal"]),
        ("from coll", ["collections"]),
        ("from json import dum", ["dump", "dumps"]),
        ("json.dum", ["dump", "dumps"]),
        ("p.abs", ["abspath"]),
        ("D.from_f", ["from_float"]),
        ("context.aws", ["aws_request_id"]),
        ("    retu", ["return"]),
        ("    isinst", ["isinstance"]),
        ("unknown.x", []),
        ("requests.g", []),
        ("this.", []),
        ("import requ", []),
        ("    ", []),
    ],
)
async def test_names_of_the_language_and_its_library(before: str, names: list[str]) -> None:
    assert await _names(before) == names


async def test_modules_that_do_something_are_not_imported() -> None:
    library = Library()
    assert await library.names("antigravity") == []
    assert await library.names("no_such_module") == []
    assert await library.names("json", "nothing", "here") == []
    assert "loads" in await library.names("json")


async def test_another_language_offers_its_own_words_only() -> None:
    assert await _names("    ord", "yaml") == ["orders", "ordered", "order"]
    assert await _names("json.dum", "yaml") == []


# The list.


def _area(app: Any) -> CodeArea:
    area = app.workbench.tabs.area
    assert area is not None
    return area


def _list(app: Any) -> CompletionList | None:
    found = app.workbench.query(CompletionList)
    return found.first() if found and found.first().display else None


def _shows_for(app: Any, prefix: str) -> bool:
    found = _list(app)
    return found is not None and found._prefix == prefix


async def test_tab_takes_and_enter_is_a_new_line_until_one_chose() -> None:
    async with screen(size=NARROW) as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("enter", "up")
        await type_text(pilot, "json.du")
        await until(pilot, lambda: _shows_for(app, "du"))
        assert "dumps" in shown(app)
        await pilot.press("tab")
        await until(pilot, lambda: _area(app).text.startswith("json.dump\n"))
        await until(pilot, lambda: _list(app) is None)
        await type_text(pilot, " json.du")
        await until(pilot, lambda: _shows_for(app, "du"))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: "json.dump json.dumps\n" in _area(app).text)
        await type_text(pilot, " json.du")
        await until(pilot, lambda: _shows_for(app, "du"))
        await pilot.press("enter")
        await until(pilot, lambda: "json.dumps json.du\n" in _area(app).text)


async def test_who_types_ahead_of_the_list_gets_what_still_fits() -> None:
    async with screen(size=NARROW) as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("enter", "up")
        await type_text(pilot, "json.")
        await until(pilot, lambda: _shows_for(app, ""))
        # As keys come that are pressed before the list has followed.
        _area(app).insert("du")
        _list(app)._accept(0)
        await until(pilot, lambda: _area(app).text.startswith("json.dump\n"))


async def test_escape_and_a_move_put_it_away_and_prose_has_none() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("enter", "up")
        await type_text(pilot, "tot")
        await until(pilot, lambda: _list(app))
        await pilot.press("escape")
        await until(pilot, lambda: _list(app) is None)
        await type_text(pilot, "a")
        await until(pilot, lambda: _list(app))
        await pilot.press("left")
        await until(pilot, lambda: _list(app) is None)
        await pilot.press("end")
        await type_text(pilot, "  # tota")
        app.completing.now()
        await pilot.pause()
        assert _list(app) is None
        # Nor has what nobody typed: a version restored, a file tidied.
        _area(app).replace_text("def handler(event):\n    total = 1\n")
        _area(app).move_cursor((0, 7))
        app.completing.now()
        assert not [worker for worker in app.workers if worker.group == "complete" and not worker.is_finished]
        await type_text(pilot, "d")
        await until(pilot, lambda: _area(app).document.get_line(0).startswith("def hand"))
        app.completing.now()
        assert [worker for worker in app.workers if worker.group == "complete" and not worker.is_finished]


async def test_it_can_be_asked_for_and_clicked() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("enter", "up", "j")
        await pilot.press("f12", "full_stop")
        await until(pilot, lambda: _list(app) and app.screen is app.workbench)
        await pilot.mouse_down(CompletionList, offset=(2, 0))
        await until(pilot, lambda: _area(app).text.startswith("json\n"))
        await pilot.press("end", "enter", *"zzq")
        await pilot.press("alt+full_stop")
        await shows(pilot, "No name fits here")
