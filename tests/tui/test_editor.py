"""The editor pane: tabs, unsaved marks, and what it asks of whoever owns it."""

from dataclasses import replace

from clowdy_tui.tui.widgets.editor import Document, EditorTabs
from clowdy_tui.tui.widgets.tabs import TabBar
from tests.tui.widget_host import Ears, Host, rows, screen, until

ORDERS = Document("f1", "function.py", "orders", "def handler(event):\n    return 1\n", 7)
PAY = Document("f2", "function.py", "pay", "def handler(event):\n    return 2\n", 2)
LIMITS = Document("f1", "limits.yaml", "limits.yaml", "memory: 128\n", 7)


async def test_without_a_file_it_says_what_to_do() -> None:
    editor = EditorTabs(ssh=True)
    app = Host(editor)
    async with app.run_test(size=(80, 24)):
        assert "Choose a function" in screen(app)
        assert editor.active is None
        assert editor.unsaved() == []
        editor.next()
        editor.previous()
        editor.request_save()
        assert editor.close()


async def test_opening_shows_the_text_its_language_and_its_version() -> None:
    editor, ears = EditorTabs(ssh=True), Ears()
    app = Host(editor)
    async with app.run_test(size=(80, 24), message_hook=ears) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        assert "def handler(event):" in screen(app)
        assert rows(app)[-1].split("  ")[0].strip() == "Python · saved · v7"
        assert rows(app)[-1].endswith("Ln 1, Col 1")
        assert editor.area is not None
        assert editor.area.has_focus
        editor.open(LIMITS)
        await pilot.pause()
        assert "YAML" in rows(app)[-1]
        assert [message.document for message in ears.of(EditorTabs.ActiveChanged)] == [ORDERS, LIMITS]


async def test_a_file_opened_before_there_is_a_screen_is_there() -> None:
    editor = EditorTabs(ssh=True)
    editor.open(ORDERS)
    app = Host(editor)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "def handler(event):" in screen(app)


async def test_unsaved_work_is_marked_by_a_sign_and_saving_takes_the_mark_away() -> None:
    editor, ears = EditorTabs(ssh=True), Ears()
    app = Host(editor)
    async with app.run_test(size=(80, 24), message_hook=ears) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert "orders ●" in rows(app)[0]
        assert "● unsaved" in rows(app)[-1]
        assert editor.unsaved() == [ORDERS]
        assert editor.is_dirty(ORDERS)
        editor.request_save()
        await pilot.pause()
        (asked,) = ears.of(EditorTabs.SaveRequested)
        assert (asked.document, asked.text) == (ORDERS, "x" + ORDERS.text)
        editor.mark_saved("f1", "function.py", 8, asked.text)
        await pilot.pause()
        assert "●" not in screen(app)
        assert "saved · v8" in rows(app)[-1]
        assert [message.dirty for message in ears.of(EditorTabs.DirtyChanged)] == [True, False]


async def test_what_was_typed_while_saving_stays_unsaved() -> None:
    editor = EditorTabs(ssh=True)
    async with Host(editor).run_test(size=(80, 24)) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("x", "y")
        editor.mark_saved("f1", "function.py", 8, "x" + ORDERS.text)
        assert [document.version for document in editor.unsaved()] == [8]


async def test_undoing_all_makes_it_clean_again() -> None:
    editor = EditorTabs(ssh=True)
    async with Host(editor).run_test(size=(80, 24)) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert editor.unsaved()
        await pilot.press("ctrl+z")
        await pilot.pause()
        assert not editor.unsaved()


async def test_a_text_with_odd_line_ends_is_not_dirty_because_it_was_opened() -> None:
    editor = EditorTabs(ssh=True)
    odd = replace(ORDERS, text="a\r\nb\r\n\fc\u2028d\n")
    async with Host(editor).run_test(size=(80, 24)) as pilot:
        editor.open(odd)
        await pilot.pause()
        assert not editor.unsaved()
        await pilot.press("x")
        await pilot.press("backspace")
        await pilot.pause()
        assert not editor.unsaved()
        editor.refresh_document(odd)
        assert not editor.unsaved()


async def test_closing_unsaved_work_asks_first() -> None:
    editor, ears = EditorTabs(ssh=True), Ears()
    async with Host(editor).run_test(size=(80, 24), message_hook=ears) as pilot:
        editor.open(ORDERS)
        editor.open(PAY)
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        assert editor.close() is False
        await pilot.pause()
        assert [message.document for message in ears.of(EditorTabs.CloseRequested)] == [PAY]
        assert editor.text_of(PAY) == "x" + PAY.text
        assert editor.close(PAY, force=True) is True
        await pilot.pause()
        assert editor.documents == [ORDERS]
        assert editor.active == ORDERS
        assert editor.area is not None
        assert editor.area.has_focus
        assert editor.close()
        assert editor.active is None


async def test_tabs_go_round() -> None:
    editor = EditorTabs(ssh=True)
    async with Host(editor).run_test(size=(80, 24)) as pilot:
        for document in (ORDERS, PAY, LIMITS):
            editor.open(document)
        await pilot.pause()
        seen = []
        for step in (editor.next, editor.next, editor.next, editor.previous):
            step()
            seen.append(editor.active)
        assert seen == [ORDERS, PAY, LIMITS, PAY]


async def test_each_file_keeps_its_own_cursor_and_history() -> None:
    editor = EditorTabs(ssh=True)
    async with Host(editor).run_test(size=(80, 24)) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("down", "x")
        editor.open(PAY)
        await pilot.pause()
        await pilot.press("y")
        editor.open(ORDERS)
        await pilot.pause()
        assert editor.area is not None
        assert editor.area.cursor_location == (1, 1)
        await pilot.press("ctrl+z")
        assert editor.text_of(ORDERS) == ORDERS.text
        assert editor.text_of(PAY) == "y" + PAY.text


async def test_a_clean_file_follows_what_others_do_and_keeps_its_cursor() -> None:
    editor = EditorTabs(ssh=True)
    app = Host(editor)
    async with app.run_test(size=(80, 24)) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("down", "right", "right")
        editor.refresh_document(replace(ORDERS, text="# new\n" + ORDERS.text, version=8))
        await pilot.pause()
        assert editor.text_of(ORDERS) == "# new\n" + ORDERS.text
        assert editor.area is not None
        assert editor.area.cursor_location == (1, 2)
        assert "saved · v8" in rows(app)[-1]
        assert not editor.unsaved()


async def test_a_dirty_file_keeps_its_text_and_is_marked_as_changed_elsewhere() -> None:
    editor = EditorTabs(ssh=True)
    app = Host(editor)
    async with app.run_test(size=(80, 24)) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("x")
        editor.refresh_document(replace(ORDERS, text="other\n", version=8))
        await pilot.pause()
        assert editor.text_of(ORDERS) == "x" + ORDERS.text
        assert "changed elsewhere: v8" in rows(app)[-1]
        assert "orders !" in rows(app)[0]
        assert [document.version for document in editor.unsaved()] == [7]


async def test_when_somebody_else_saved_the_same_text_it_is_clean() -> None:
    editor = EditorTabs(ssh=True)
    async with Host(editor).run_test(size=(80, 24)) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("x")
        await pilot.pause()
        editor.refresh_document(replace(ORDERS, text="x" + ORDERS.text, version=8))
        assert not editor.unsaved()
        assert editor.active is not None
        assert editor.active.version == 8


async def test_the_mouse_chooses_and_closes() -> None:
    editor = EditorTabs(ssh=True)
    app = Host(editor)
    async with app.run_test(size=(80, 24)) as pilot:
        editor.open(ORDERS)
        editor.open(PAY)
        await pilot.pause()
        await pilot.click(TabBar, offset=(3, 0))
        await pilot.pause()
        assert editor.active == ORDERS
        await pilot.click(TabBar, offset=(rows(app)[0].rindex("×"), 0))
        await pilot.pause()
        assert editor.documents == [ORDERS]


async def test_many_tabs_scroll_and_the_active_one_is_in_sight() -> None:
    editor = EditorTabs(ssh=True)
    app = Host(editor)
    async with app.run_test(size=(60, 10)) as pilot:
        for number in range(12):
            editor.open(replace(ORDERS, function_id=f"f{number}", name=f"function-{number}"))
        await pilot.pause()
        assert "function-11" in rows(app)[0]
        assert rows(app)[0].startswith("‹")
        editor.next()
        await pilot.pause()
        assert "function-0" in rows(app)[0]
        assert rows(app)[0].endswith("›")
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert "function-0" in rows(app)[0]


async def test_names_from_outside_are_shown_literally() -> None:
    editor = EditorTabs(ssh=True)
    app = Host(editor)
    async with app.run_test(size=(80, 24)) as pilot:
        editor.open(replace(ORDERS, name="[@click=app.quit]x[/]\x1b[31m"))
        await pilot.pause()
        assert "[@click=app.quit]x[/]␛[31m" in rows(app)[0]
        await pilot.click(TabBar, offset=(4, 0))
        assert app.is_running


async def test_the_cursor_is_told() -> None:
    editor, ears = EditorTabs(ssh=True), Ears()
    async with Host(editor).run_test(size=(80, 24), message_hook=ears) as pilot:
        editor.open(ORDERS)
        await pilot.pause()
        await pilot.press("down", "right")
        await until(lambda: ears.of(EditorTabs.CursorMoved))
        await pilot.pause()
        last = ears.of(EditorTabs.CursorMoved)[-1]
        assert (last.line, last.column) == (2, 2)
