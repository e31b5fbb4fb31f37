"""Versions: what differs, how it is shown, and the way back to one."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from clowdy_tui.services.bundle import unified_diff
from clowdy_tui.tui.versions.diff_view import DiffView
from clowdy_tui.tui.versions.diffing import Row, Side, changed_lines, differing, under_each_other
from clowdy_tui.tui.versions.screen import VersionsScreen
from clowdy_tui.tui.versions.small_diff import paint_small
from clowdy_tui.tui.versions.unified import rows_of
from clowdy_tui.tui.widgets.code_area import CodeArea
from tests.tui.driving import NARROW, NORMAL, make_app, open_function, screen, shown, shows, type_text, until
from tests.tui.fake import ORDERS, PAY, FakeClowdy, connect_to, example
from tests.tui.widget_host import Host, rows

# What differs.


def test_a_changed_line_is_a_pair_that_knows_what_changed_in_it() -> None:
    found = differing({"function.py": "a\nb = 1\nc\n"}, {"function.py": "a\nb = 12\nc\n"})
    assert found == [
        Row("file", text="function.py"),
        Row("same", Side(1, "a"), Side(1, "a")),
        Row("changed", Side(2, "b = 1", (5, 5)), Side(2, "b = 12", (5, 6))),
        Row("same", Side(3, "c"), Side(3, "c")),
    ]


def test_what_came_and_went_and_long_stretches_between() -> None:
    old = "".join(f"{number}\n" for number in range(40))
    new = old.replace("5\n", "", 1).replace("\n30\n", "\n30\nnew\n")
    found = differing({"function.py": old}, {"function.py": new})
    assert [row.text for row in found if row.kind == "gap"] == ["2 lines are the same", "19 lines are the same",
                                                                 "6 lines are the same"]  # fmt: skip
    changed = [row for row in found if row.kind == "changed"]
    assert changed == [Row("changed", Side(6, "5")), Row("changed", None, Side(31, "new"))]
    assert changed_lines({"function.py": old}, {"function.py": new}) == (1, 1)


def test_files_that_came_and_went_and_the_entry_first() -> None:
    found = differing({"function.py": "x\n", "z.py": "z\n"}, {"function.py": "y\n", "a.py": "a\n"})
    assert [row.text for row in found if row.kind == "file"] == ["function.py", "a.py (new)", "z.py (deleted)"]
    assert differing({"function.py": "x"}, {"function.py": "x"}) == []
    assert changed_lines({}, {"function.py": "a\nb\n"}) == (2, 0)


def test_under_each_other_first_goes_what_went() -> None:
    found = differing({"f": "a\nb\n"}, {"f": "c\nd\n"})
    shown = [(row.old.text if row.old else "", row.new.text if row.new else "") for row in under_each_other(found)[1:]]
    assert shown == [("a", ""), ("b", ""), ("", "c"), ("", "d")]


LONG = [f"    line {number}" for number in range(1, 31)]
OLD = {"function.py": "\n".join(LONG) + "\n", "gone.py": "--- x\n", "same.py": "x"}
NEW = {
    "function.py": "\n".join([*LONG[:5], "    line six", *LONG[6:20], "", *LONG[20:]]) + "\n",
    "same.py": "x",
    "z.py": "no newline",
}


def test_a_unified_diff_is_read_back_into_the_rows_that_the_files_have() -> None:
    def told(rows: list[Row]) -> list[Row]:
        return [replace(row, text=row.text.partition(" (")[0]) for row in rows if row.kind != "gap"]

    found = rows_of(unified_diff(OLD, NEW, "now", "then"))
    assert told(found) == told(differing(OLD, NEW))
    assert [row.text for row in found if row.kind == "gap"] == ["2 lines are the same", "8 lines are the same"]
    assert rows_of("what is no diff\n") == []
    cut = unified_diff(OLD, NEW, "now", "then").partition("\n+    line six")[0]
    assert rows_of(cut)[-1] == Row("changed", old=Side(6, "    line 6"))


def test_a_small_diff_shows_all_of_each_line_and_no_indentation_that_all_have() -> None:
    small = str(paint_small(rows_of(unified_diff({"f": OLD["function.py"]}, {"f": NEW["function.py"]}, "a", "b")), 40))
    assert "\n- line 6\n+ line six\n  line 7\n" in small
    row = Row("changed", new=Side(1, "    items = event.get(漢字, []) or ['nothing']"))
    lines = str(paint_small([Row("same", Side(1, "x"), Side(1, "x")), row], 24)).split("\n")
    assert lines == ["  x", "+     items = event.get(", "        漢字, []) or [", "        'nothing']"]


@pytest.mark.parametrize(("width", "beside"), [(120, True), (60, False)])
async def test_side_by_side_where_it_is_wide(width: int, beside: bool) -> None:
    view = DiffView()
    app = Host(view)
    async with app.run_test(size=(width, 10)) as pilot:
        view.show(differing({"f": "same\n\told 漢\x1b[31m\n"}, {"f": "same\n\tnew 漢\x1b[31m\n"}))
        await pilot.pause()
        assert view.is_side_by_side is beside
        lines = rows(app)
        if beside:
            assert "-     old 漢␛[31m" in lines[2]
            assert "+     new 漢␛[31m" in lines[2]
        else:
            assert "-     old 漢␛[31m" in lines[2]
            assert "+     new 漢␛[31m" in lines[3]
        await pilot.resize_terminal(60 if beside else 120, 10)
        await until(pilot, lambda: view.is_side_by_side is not beside)


async def test_changes_are_gone_through_by_key() -> None:
    text = "".join(f"{number}\n" for number in range(400))
    view = DiffView()
    async with Host(view).run_test(size=(80, 10)) as pilot:
        new = text.replace("\n5\n", "\nfive\n").replace("\n300\n", "\nmany\n")
        view.show(differing({"f": text}, {"f": new}))
        view.focus()
        await pilot.press("n")
        await pilot.press("n")
        await pilot.pause()
        assert view.scroll_offset.y > 0
        await pilot.press("N")
        await pilot.pause()


# The screen.


def _history(fake: FakeClowdy) -> str:
    """The orders in eight versions, the seventh active; its id."""
    orders = next(function for function in fake.all_functions.values() if function.name == "orders")
    for number, code in ((5, ORDERS.replace('"cake"', '"pie"')), (6, ORDERS.replace("An unknown", "A strange"))):
        fake.history[orders.id, number] = code
    fake.history[orders.id, 8] = ORDERS + "\n\nDONE = True\n"
    return orders.id


async def _open(app: Any, pilot: Pilot[None], fake: FakeClowdy) -> str:
    function_id = _history(fake)
    await open_function(app, pilot, "orders")
    await pilot.press("alt+v")
    await until(pilot, lambda: isinstance(app.screen, VersionsScreen))
    await until(pilot, lambda: "…" not in shown(app).split("Activate")[0].replace("Loading …", ""))
    return function_id


async def test_the_list_says_who_when_and_how_much() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await _open(app, pilot, fake)
        await shows(pilot, "v7 active")
        text = shown(app)
        assert "+3 -0" in text
        assert "· local" in text
        assert "From v6 to v7" in text
        assert "A strange item" in text
        await pilot.press("c")
        await shows(pilot, "From v7 to v7, the active one")
        await shows(pilot, "No line differs.")
        await pilot.press("down")
        await shows(pilot, "From v6 to v7, the active one")


async def test_activating_goes_live_and_can_be_taken_back() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await _open(app, pilot, fake)
        await pilot.press("a")
        await shows(pilot, "active one already")
        await pilot.press("down", "a")
        await until(pilot, lambda: fake.all_functions[function_id].active_version == 6)
        await shows(pilot, "answers with version 6 now")
        await until(pilot, lambda: "A strange" in _area(app).text)
        assert not app.state.unsaved


async def test_restoring_puts_it_into_the_editor_unsaved() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        function_id = await _open(app, pilot, fake)
        await pilot.press("down", "down", "r")
        await until(pilot, lambda: '"pie"' in _area(app).text)
        await until(pilot, lambda: app.state.unsaved == {function_id})
        assert fake.all_functions[function_id].active_version == 7
        await pilot.press("ctrl+z")
        await until(pilot, lambda: not app.state.unsaved)
        await pilot.press("ctrl+y", "ctrl+s")
        await until(pilot, lambda: fake.all_functions[function_id].active_version == 9)
        assert '"pie"' in fake.all_functions[function_id].code


async def test_a_version_of_several_files_is_restored_whole() -> None:
    fake = example()
    pay = next(function for function in fake.all_functions.values() if function.name == "pay")
    fake.files[pay.id, 2] = {"rates.json": "{}\n"}
    fake.all_functions[pay.id] = pay.model_copy(update={"files": {"rates.json": "{}\n"}})
    fake.put_version(fake.all_functions[pay.id], "import rates\n" + PAY, {"rates.py": "EUR = 1\n"})
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, "pay")
        await pilot.press("alt+v")
        await shows(pilot, "v3 active")
        await pilot.press("down")
        await shows(pilot, "From nothing to v2, the first")
        await pilot.press("r")
        await shows(pilot, "2 files as in version 2")
        await shows(pilot, "rates.py")
        names = {document.name for document in app.desk.unsaved}
        assert names == {"pay.py", "pay/rates.json"}


async def test_unsaved_text_can_be_compared_with() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        _history(fake)
        await open_function(app, pilot, "orders")
        await type_text(pilot, "# mine\n")
        await pilot.press("alt+v")
        await shows(pilot, "v7 active")
        await pilot.press("c", "c")
        await shows(pilot, "From v7 to what stands in the editor")
        await shows(pilot, "+ # mine")


async def test_a_gateway_that_is_gone_says_so_in_it() -> None:
    fake = example()
    async with screen(fake, size=NARROW) as (app, pilot):
        await open_function(app, pilot, "pay")
        fake.gone = True
        await pilot.press("alt+v")
        await shows(pilot, "✗ No gateway answers")
        await pilot.press("a", "r", "c", "escape")
        await until(pilot, lambda: app.screen is app.workbench)


def _area(app: Any) -> CodeArea:
    area = app.workbench.tabs.area
    assert area is not None
    return area


Act = Callable[[Pilot[None]], Awaitable[None]]


@pytest.mark.parametrize("size", [NARROW, NORMAL, (200, 50)], ids=["80x24", "120x36", "200x50"])
def test_looks(snap_compare: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    fake = example()
    app = make_app(connect_to(fake))

    async def act(pilot: Pilot[None]) -> None:
        await _open(app, pilot, fake)
        await pilot.press("down", "down")
        await shows(pilot, "From nothing to v5")
        await pilot.press("c")
        await shows(pilot, "From v5 to v7")
        app.clear_notifications()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=act)
