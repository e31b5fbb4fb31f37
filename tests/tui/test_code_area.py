"""The code editor: keys, undo, brackets, wide characters, and that only what changed is painted again."""

import pytest
from rich.cells import cell_len
from textual.events import Paste
from textual.geometry import Offset
from textual.widgets.text_area import Selection

from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.code_area_brackets import matching_bracket
from clowdy_tui.tui.widgets.code_area_document import CodeDocument, UnwrappedView
from clowdy_tui.tui.widgets.code_area_indent import commented, indented, new_line
from tests.tui.widget_host import Host, rows, screen

# The document.


@pytest.mark.parametrize(
    "text", ["", "a", "a\n", "a\nb", "a\r\nb\r\n", "a\rb", "form\ffeed\n\x1cx\u2028y", "é 漢字 🎉\n\ttab"]
)
def test_opening_a_text_does_not_change_it(text: str) -> None:
    assert CodeDocument(text).text == text


def test_widths_follow_edits() -> None:
    document = CodeDocument("漢字\nab\tc\n")
    assert document.get_size(4).width == 5
    document.replace_range((0, 2), (0, 2), "漢")
    assert document.get_size(4).width == 6
    document.replace_range((0, 0), (1, 0), "")
    assert document.get_size(4) == (5, 2)
    document.replace_range((0, 0), (0, 0), "one\ntwo and more\n")
    assert document.get_size(4) == (12, 4)


def test_replacing_says_where_it_ended_and_what_was_there() -> None:
    document = CodeDocument("one\ntwo\nthree")
    result = document.replace_range((2, 2), (0, 1), "é\n漢")
    assert (result.replaced_text, result.end_location, document.text) == ("ne\ntwo\nth", (1, 1), "oé\n漢ree")
    assert document.replace_range((9, 9), (9, 9), "!").end_location == (1, 5)


def test_cells_and_characters() -> None:
    view = UnwrappedView(CodeDocument("é漢字\tx\x1by"), tab_width=4)
    assert [view.location_to_offset((0, column)).x for column in range(8)] == [0, 1, 3, 5, 8, 9, 10, 11]
    assert [view.offset_to_location(Offset(cell, 0))[1] for cell in range(12)] == [0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 7]
    assert view.offset_to_location(Offset(3, 99))[0] == 0


# Brackets, indentation, comments.


@pytest.mark.parametrize(
    ("text", "at", "partner"),
    [
        ("f(a[0], {1})", (0, 1), (0, 11)),
        ("f(a[0], {1})", (0, 11), (0, 1)),
        ("f(\n  [1,\n   2]\n)", (0, 1), (3, 0)),
        ("f(\n  [1,\n   2]\n)", (2, 4), (1, 2)),
        ("f(')', \")\")", (0, 1), (0, 10)),
        ("f(  # )\n)", (0, 1), (1, 0)),
        ("x = '('", (0, 5), None),
        ("(]", (0, 0), None),
        ("(", (0, 0), None),
        ("x", (0, 0), None),
        ("", (0, 0), None),
    ],
)
def test_partners_of_brackets(text: str, at: tuple[int, int], partner: tuple[int, int] | None) -> None:
    assert matching_bracket(text.split("\n"), at) == partner


def test_a_partner_is_not_looked_for_for_ever() -> None:
    assert matching_bracket(["(", *["x = 1"] * 5_000, ")"], (0, 0)) is None


@pytest.mark.parametrize(
    ("before", "after", "language", "inserted"),
    [
        ("    x = 1", "", "python", ("\n    ", "")),
        ("def f():", "", "python", ("\n    ", "")),
        ("def f():  # why: so", "", "python", ("\n    ", "")),
        ("f(", ")", "python", ("\n    ", "\n")),
        ("  f({", "", "python", ("\n      ", "")),
        ("    return 1", "", "python", ("\n", "")),
        ("    return foo(", "", "python", ("\n        ", "")),
        ("        pass", "", "python", ("\n    ", "")),
        ("\tif x:", "", "python", ("\n\t\t", "")),
        ("limits:", "", "yaml", ("\n    ", "")),
        ('{"a": [', "]}", "json", ("\n    ", "\n")),
        ("x:", "", "text", ("\n", "")),
        ("", "x", "python", ("\n", "")),
    ],
)
def test_a_new_line_is_indented(before: str, after: str, language: str, inserted: tuple[str, str]) -> None:
    assert new_line(before, after, language, 4) == inserted


def test_indenting_and_dedenting_lines() -> None:
    assert indented(["a", "", "  b"], 4) == ["    a", "", "      b"]
    assert indented(["    a", "", "      b", " c", "\td"], -4) == ["a", "", "    b", "c", "d"]


def test_comments_go_in_and_out() -> None:
    lines = ["    a", "", "      b"]
    out = commented(lines, "#")
    assert out == ["    # a", "", "    #   b"]
    assert commented(out, "#") == lines
    assert commented(["#a"], "#") == ["a"]


# The widget.


async def test_typing_python() -> None:
    area = CodeArea("", language="python", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        await pilot.press(*"def f", "(", "x", ")", ":", "enter", *"return x", "enter", *"y")
        assert area.text == "def f(x):\n    return x\ny"
        assert (area.line, area.column) == (3, 2)


async def test_enter_between_brackets_and_backspace_in_the_margin() -> None:
    area = CodeArea("f()", language="python", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        area.move_cursor((0, 2))
        await pilot.press("enter", "x")
        assert area.text == "f(\n    x\n)"
        await pilot.press("backspace", "backspace")
        assert area.text == "f(\n\n)"


async def test_tab_indents_and_shift_tab_takes_it_back_and_the_selection_stays() -> None:
    area = CodeArea("a\nb\nc", language="python", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        area.selection = Selection((0, 0), (1, 1))
        await pilot.press("tab")
        assert area.text == "    a\n    b\nc"
        assert area.selection == Selection((0, 0), (1, 5))
        await pilot.press("shift+tab")
        assert area.text == "a\nb\nc"
        area.move_cursor((2, 0))
        await pilot.press("tab")
        assert area.text == "a\nb\n    c"
        await pilot.press("ctrl+z", "ctrl+z", "ctrl+z")
        assert area.text == "a\nb\nc"


async def test_the_comment_is_toggled() -> None:
    area = CodeArea("x = 1\ny = 2\n", language="python", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        area.selection = Selection((0, 2), (2, 0))
        area.action_toggle_comment()
        await pilot.pause()
        assert area.text == "# x = 1\n# y = 2\n"
        area.action_toggle_comment()
        await pilot.pause()
        assert area.text == "x = 1\ny = 2\n"


async def test_tab_leaves_an_editor_that_is_part_of_a_form() -> None:
    area = CodeArea("{}", language="json", tab_behavior="focus", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        await pilot.press("tab")
        assert area.text == "{}"


async def test_hundreds_of_steps_can_be_undone() -> None:
    area = CodeArea("", language="python", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        for _ in range(300):
            area.insert("x")
            area.insert("\n")
        await pilot.pause()
        assert area.document.line_count == 301
        for _ in range(600):
            area.undo()
        assert area.text == ""
        for _ in range(600):
            area.redo()
        assert area.document.line_count == 301


async def test_what_came_from_outside_is_shown_literally() -> None:
    text = "[@click=app.quit]x[/]\n\x1b[31mred\n\ttab\u202e\n[/nonsense]"
    area = CodeArea(text, language="python", blink=False)
    app = Host(area)
    async with app.run_test() as pilot:
        await pilot.pause()
        shown = screen(app)
        assert "[@click=app.quit]x[/]" in shown
        assert "␛[31mred" in shown
        assert "    tab\ufffd" in shown
        assert "[/nonsense]" in shown
        assert area.text == text
        await pilot.click(CodeArea, offset=(8, 0))
        assert app.is_running


async def test_wide_characters_keep_their_cells() -> None:
    area = CodeArea("é漢字🎉 = 1\nx", language="python", show_line_numbers=False, blink=False)
    app = Host(area)
    async with app.run_test(size=(20, 5)) as pilot:
        area.focus()
        await pilot.pause()
        assert rows(app)[0] == "é漢字🎉 = 1"
        assert {
            cell_len("".join(segment.text for segment in strip)) for strip in app.screen._compositor.render_strips()
        } == {20}
        await pilot.click(CodeArea, offset=(4, 0))
        assert area.cursor_location == (0, 2)
        await pilot.press("backspace")
        assert area.text == "é字🎉 = 1\nx"


async def test_pasting_a_hundred_kilobytes_goes_in_as_it_is() -> None:
    pasted = "\r\n".join(f"line {number} é漢字\t\x1b[0m" for number in range(5_000))
    area = CodeArea("", language="python", blink=False)
    app = Host(area)
    async with app.run_test() as pilot:
        area.focus()
        app.post_message(Paste(pasted))
        await pilot.pause()
        assert area.text == pasted.replace("\r\n", "\n")
        await pilot.press("ctrl+z")
        assert area.text == ""


async def test_a_key_paints_the_lines_that_look_different_and_no_others() -> None:
    area = CodeArea("x = 1\n" * 1_000, language="python", blink=False)
    app = Host(area)
    async with app.run_test(size=(80, 24)) as pilot:
        area.focus()
        area.move_cursor((5, 5))
        await pilot.pause()
        painted: list[int] = []
        original = area.render_line
        area.render_line = lambda y: (painted.append(y), original(y))[1]  # type: ignore[method-assign]
        await pilot.press("2")
        await pilot.pause()
        assert set(painted) == {5}
        assert rows(app)[5].split() == ["6", "x", "=", "12"]
        painted.clear()
        await pilot.press("down")
        await pilot.pause()
        assert set(painted) == {5, 6}
        painted.clear()
        await pilot.press('"', '"', '"')
        await pilot.pause()
        assert set(painted) >= set(range(6, 24))


async def test_scrolling_and_resizing_paint_what_comes_into_sight() -> None:
    area = CodeArea("".join(f"v{number} = {number}\n" for number in range(1_000)), language="python", blink=False)
    app = Host(area)
    async with app.run_test(size=(40, 10)) as pilot:
        area.focus()
        area.move_cursor((500, 0), center=True)
        await pilot.pause()
        assert any("v500 = 500" in row for row in rows(app))
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        top = area.scroll_offset.y
        for y, row in enumerate(rows(app)):
            assert row.split()[:2] == [str(top + y + 1), f"v{top + y}"]


async def test_a_storm_of_sizes_leaves_it_whole() -> None:
    area = CodeArea("".join(f"v{number} = '漢字'\n" for number in range(100)), language="python", blink=False)
    app = Host(area)
    async with app.run_test(size=(80, 24)) as pilot:
        area.focus()
        for width, height in ((3, 2), (200, 50), (1, 1), (40, 5), (80, 24)):
            await pilot.resize_terminal(width, height)
            await pilot.press("down", "x")
        await pilot.pause()
        assert area.cursor_location == (5, 5)
        assert any("v3" in row and "x" in row for row in rows(app))


async def test_another_text_in_its_place_keeps_cursor_and_history() -> None:
    area = CodeArea("one\ntwo\nthree\n", language="python", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        area.move_cursor((1, 2))
        area.replace_text("one\nTWO\n")
        await pilot.pause()
        assert (area.text, area.cursor_location) == ("one\nTWO\n", (1, 2))
        area.undo()
        assert area.text == "one\ntwo\nthree\n"


async def test_colours_come_from_the_theme_and_can_be_set() -> None:
    area = CodeArea("import x", language="python", blink=False)
    app = Host(area)
    async with app.run_test() as pilot:
        area.move_cursor((0, 8))
        await pilot.pause()

        def colour() -> str:
            segment = next(segment for segment in area.render_line(0) if "import" in segment.text)
            assert segment.style is not None
            assert segment.style.color is not None
            return segment.style.color.get_truecolor().hex

        assert colour() == app.theme_variables["syntax-keyword"].lower()
        app.theme = "clowdy-day"
        await pilot.pause()
        assert colour() == app.theme_variables["syntax-keyword"].lower()
        area.set_syntax_colors({"keyword": "#123456"})
        await pilot.pause()
        assert colour() == "#123456"


async def test_a_cursor_that_must_not_blink_does_not() -> None:
    area = CodeArea("x", language="python", blink=False)
    async with Host(area).run_test() as pilot:
        area.focus()
        await pilot.pause()
        assert not area.blink_timer._active.is_set()
        assert area._draw_cursor


async def test_a_large_paste_is_one_step_and_no_key_is_lost() -> None:
    area = CodeArea("first\n", language="python", blink=False)
    app = Host(area)
    async with app.run_test(size=(80, 24)) as pilot:
        area.focus()
        pasted = "".join(f"line_{number} = '漢字 🎉 \x1b[31m'\n" for number in range(3_500))
        assert len(pasted.encode()) > 100_000
        app.post_message(Paste(pasted))
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert area.text == f"{pasted}xfirst\n"
        assert "␛[31m" in screen(app)
        await pilot.press("ctrl+z", "ctrl+z")
        await pilot.pause()
        assert area.text == "first\n"
