"""Finding one's way: wishes for keys, the leader's sheet, jump mode, the help of where one is."""

import re
from importlib import import_module
from pathlib import Path

from textual.dom import DOMNode
from textual.events import Key
from textual.widgets import Input, OptionList

from clowdy_tui import tui
from clowdy_tui.tui.actions import ACTIONS, DOCK, GROUPS, REGISTRY
from clowdy_tui.tui.pane_keys import PANE_KEYS, PLACES
from clowdy_tui.tui.screens.help import HelpScreen
from clowdy_tui.tui.screens.jump import JumpScreen
from clowdy_tui.tui.screens.leader import fold
from clowdy_tui.tui.screens.palette import Palette
from clowdy_tui.tui.wishes import make_keymap
from tests.tui.driving import NARROW, open_function, screen, shown, shows, spot, until
from tests.tui.fake import busy_example
from tests.tui.test_panes import open_pane

FIXED = frozenset({"hint_quit", "ignore", "app.perform('app.quit')"})
"""What must stay where it is: the way out of a terminal that is too small, and what ctrl+c says."""

ASKED = frozenset({"names", "prompt"})
"""Places whose keys are looked at before a text gets them, and not bound."""

STOCK = re.compile(r"(?<!class )\b(Input|TextArea|OptionList|Select|Button|VerticalScroll|Tree|ScrollView)\(")
"""Widgets of Textual's whose keys have no names: ours stand in their place."""


def test_every_kind_of_key_can_be_wished_for() -> None:
    keymap = make_keymap(
        {
            "tree.item.delete": "n",
            "routes.route.try": "y, enter, ctrl+/",
            "leader.function.run": ";",
            "function.go": "",
            "tree.function.go": "?",
        }
    )
    actions = keymap.actions
    assert actions["item.delete"].tree_keys == ("n",)
    assert actions["function.new"].tree_keys == ()
    assert actions["function.new"].keys == ACTIONS["function.new"].keys
    assert actions["route.try"].local["routes"] == ("y", "enter", "ctrl+slash")
    assert actions["function.run"].letter == ";"
    assert actions["function.go"].keys == ()
    assert actions["function.go"].tree_keys == ("question_mark",)
    assert keymap.problems == (
        "keymap: n is now 'Delete' and no longer 'New function' in the tree",
        "keymap: ? is now 'Go to function' and no longer 'Help' in the tree",
        "keymap: ^/ is 'Comment in or out' everywhere, so it cannot be 'Try a route' in routes",
        "keymap: ⏎ is 'Take what the cursor is on' in 'Lists', so it cannot be 'Try a route' in routes",
    )
    assert make_keymap({}).problems == ()


def test_a_wish_that_cannot_be_met_is_answered_and_leaves_the_default() -> None:
    wishes = {
        "app.help": "ctr+e",
        "tree.item.delte": "x",
        "leader.app.quit": "r",
        "leader.app.help": "ab",
        "app.theme": "n",
        "list.down": "d",
    }
    keymap = make_keymap(wishes)
    assert keymap.actions["app.help"].keys == ACTIONS["app.help"].keys
    said = "\n".join(keymap.problems)
    assert "app.help: there is no key 'ctr+e'; write one like f5, ctrl+e or n" in said
    assert "no action 'item.delte'; did you mean tree.item.delete?" in said
    assert "r is now 'Quit' and no longer 'Run the function' after the leader" in said
    assert "leader.app.help: after the leader comes one character, not 'ab'" in said
    assert "n is 'Theme' everywhere, so it cannot be 'New function' in the tree" in said
    assert "d is 'Down' in 'Lists', so it cannot be 'Delete' there" in said


async def test_wished_keys_work_in_the_tree_in_a_pane_and_after_the_leader() -> None:
    wishes = {"tree.app.theme": "N", "routes.route.try": "y", "leader.app.help": "1"}
    async with screen(keymap=wishes) as (app, pilot):
        await pilot.press("N")
        await shows(pilot, "Clowdy Day")
        await pilot.press("escape", "f12", "1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")
        await open_pane(app, pilot, "routes")
        assert "y Try it" in shown(app).splitlines()[-1]
        await pilot.press("y")
        await until(pilot, lambda: app.state.region == "dock")


async def test_a_slash_in_the_tree_goes_to_a_function() -> None:
    async with screen() as (_, pilot):
        await pilot.press("slash")
        await shows(pilot, "Go to function …")


def test_the_leaders_sheet_has_every_letter_once_and_fits() -> None:
    sections = [(group, [action for action in REGISTRY if action.group == group]) for group in GROUPS]
    for width, height in ((78, 22), (116, 30), (196, 46)):
        columns = fold(sections, width // (12 if width < 100 else 27))
        told = [action.id for column in columns for _, actions in column for action in actions]
        assert sorted(told) == sorted(ACTIONS)
        lines = [sum(len(actions) + 1 for _, actions in column) + len(column) - 1 for column in columns]
        assert max(lines) <= height, (width, lines)


def test_a_group_too_long_for_a_column_goes_on_in_the_next() -> None:
    many = list(REGISTRY[:9])
    columns = fold([("Many", many), ("Few", many[:1])], 3)
    assert len(columns) <= 3
    assert [action for column in columns for group, part in column if group == "Many" for action in part] == many


async def test_a_letter_of_something_that_cannot_be_done_says_why() -> None:
    async with screen() as (_, pilot):
        await pilot.press("f12", "s")
        await shows(pilot, "Nothing is open")


async def test_jump_mode_goes_to_panes_and_tabs_by_letter_and_by_mouse() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        await open_pane(app, pilot, "routes")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        x, y = spot(app, " Press the letter")
        assert y == app.size.height - 1
        await pilot.press("a")
        await until(pilot, lambda: app.screen is app.workbench and app.state.region == "tree")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        # The letter on the first tab stands over the beginning of its name.
        x, y = spot(app, "ders.py")
        await pilot.click(offset=(x - 1, y))
        await until(pilot, lambda: app.state.pane_kind == "" and app.state.region == "editor")
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        x, y = spot(app, "gs │")
        await pilot.click(offset=(x - 1, y))
        await until(pilot, lambda: app.workbench.dock.shown == "logs" and app.state.region == "dock")
        await pilot.press("ctrl+o", "escape")
        await until(pilot, lambda: app.screen is app.workbench)
        assert app.state.region == "dock"


async def test_jump_mode_shows_no_letter_for_what_is_covered_and_goes_when_the_size_changes() -> None:
    async with screen(size=NARROW) as (app, pilot):
        assert app.workbench.project_tree.display
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, JumpScreen))
        assert len(app.screen.query(".letter")) >= 1
        tree = app.workbench.project_tree.region
        under = [
            label.region.offset for label in app.screen.query(".letter") if tree.contains_point(label.region.offset)
        ]
        assert under == [tree.offset]
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: app.screen is app.workbench)


async def test_help_says_first_what_works_where_one_is() -> None:
    async with screen(busy_example()) as (app, pilot):
        await pilot.press("question_mark")
        await shows(pilot, "Project tree")
        assert "New route" in shown(app)
        await pilot.press("escape")
        await pilot.press("f10")
        await shows(pilot, "12,408")
        await pilot.press("question_mark")
        await shows(pilot, "How often everything is called")

        assert spot(app, "Kill a sandbox")[1] < spot(app, "Run the function")[1]


def _bound() -> set[str]:
    """The ids of all keys that widgets and screens bind, what they have from Textual included."""
    root = Path(tui.__file__).parent
    for path in root.rglob("*.py"):
        import_module(
            ".".join(["clowdy_tui.tui", *path.relative_to(root).with_suffix("").parts]).removesuffix(".__init__")
        )
    found, waiting = set[str](), list[type[DOMNode]]([DOMNode])
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.__module__.startswith("clowdy_tui."):
            for bindings in kind._merge_bindings().key_to_bindings.values():
                for binding in bindings:
                    # What has no id could not be changed.
                    assert binding.id or binding.action in FIXED, (kind, binding)
                    found.add(binding.id or "")
    return found


def test_every_key_of_every_widget_is_in_a_registry_and_the_other_way_round() -> None:
    in_dock = {f"{where}.{id_}" for id_, action in ACTIONS.items() for where in action.local if where in DOCK}
    asked = {id_ for id_, key in PANE_KEYS.items() if key.where in ASKED}
    assert _bound() - {""} == {*PANE_KEYS, *in_dock} - asked
    sources = {path: path.read_text(encoding="utf-8") for path in Path(tui.__file__).parent.rglob("*.py")}
    assert not {path.name: found[0] for path, text in sources.items() if (found := STOCK.search(text))}
    assert set(PLACES) == {key.where for key in PANE_KEYS.values()}


def test_keys_inside_panes_are_changed_as_all_others_and_conflicts_are_told() -> None:
    keymap = make_keymap(
        {"logs.copy": "c", "logs.log.filter": "ctrl+f", "text.page_down": "none", "history.up": "",
         "logs.app.theme": "T", "logs.copi": "x"}
    )  # fmt: skip
    assert keymap.pane_keys["logs.copy"].keys == ("c",)
    assert keymap.pane_keys["history.up"].keys == ()
    assert keymap.changed() == {
        "logs.copy": "c", "logs.log.filter": "ctrl+f", "logs.log.context": "none", "history.up": "none"
    }  # fmt: skip
    assert [binding.key for binding in keymap.added("logs")] == ["T"]
    assert keymap.problems == (
        "keymap: text.page_down: there is no key 'none'; write one like f5, ctrl+e or n",
        "keymap: there is no action 'copi'; did you mean logs.copy?",
        "keymap: c is now 'Copy the line' and no longer 'Lines around hits' in the pane logs",
        "keymap: ^f is 'Find' everywhere, so it cannot be 'Filter the log' in logs",
    )


async def test_wished_keys_work_in_the_dock_in_a_text_and_in_a_dialog_and_the_old_ones_do_not() -> None:
    wishes = {
        "logs.log.filter": "t", "logs.app.theme": "T", "text.line_end": "alt+4", "dialog.leave": "f4",
        "history.call.curl": "u", "text.line_start": "alt+5", "list.down": "z", "tree.down": "i",
    }  # fmt: skip
    async with screen(busy_example(), keymap=wishes) as (app, pilot):
        await open_function(app, pilot, "pay")
        area = app.workbench.tabs.area
        assert area is not None
        await pilot.press("ctrl+e")
        await pilot.press("alt+4")
        await until(pilot, lambda: area.cursor_location[1] > 0)
        await pilot.press("f8", "slash", "t")
        field = app.workbench.dock.logs.query_one(Input)
        await until(pilot, lambda: field.has_focus)
        # In a field a letter is a letter.
        await pilot.press("t", "question_mark")
        await pilot.press("home", "alt+5", "x")
        await until(pilot, lambda: field.value == "xt?")
        await pilot.press("enter", "f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert re.search(r"\bt +Filter the log", shown(app))
        await pilot.press("f4")
        await until(pilot, lambda: app.screen is app.workbench)
        await pilot.press("T")
        await shows(pilot, "Clowdy Day")
        themes = app.screen.query_one(OptionList)
        before = themes.highlighted
        await pilot.press("down", "z", "enter")
        await until(pilot, lambda: app.screen is app.workbench)
        assert before is not None
        assert themes.highlighted == (before + 1) % themes.option_count
        tree = app.workbench.project_tree
        await pilot.press("f2")
        await until(pilot, lambda: tree.has_focus)
        line = tree.cursor_line
        await pilot.press("down", "i")
        await until(pilot, lambda: tree.cursor_line == line + 1)


async def test_what_is_typed_ahead_after_enter_goes_into_what_was_chosen() -> None:
    async with screen() as (app, pilot):

        async def choose(opened_by: str, query: str, ahead: str) -> None:
            await pilot.press(opened_by)
            await until(pilot, lambda: isinstance(app.screen, Palette) and app.screen.focused)
            # All at once, as a terminal hands over what was typed while the screen was busy.
            for key in (*query, "enter", *ahead):
                named = {" ": "space", "#": "number_sign"}.get(key, key)
                app.post_message(Key(named, key if len(key) == 1 else None))

        await pilot.press("f2")
        # In the tree these letters would ask whether something is to be deleted, and make a new function.
        await choose("ctrl+p", "new project", "dnx")
        await until(pilot, lambda: app.screen.query("#name") and app.screen.query_one("#name", Input).value == "dnx")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench)
        await choose("ctrl+g", "pay", "# hi")
        await until(pilot, lambda: app.workbench.tabs.area and app.workbench.tabs.area.text.startswith("# hi"))
        # Where nothing fits, they go on being what is looked for.
        await choose("ctrl+p", "zzzq", "y")
        await until(pilot, lambda: app.screen.query_one("#query", Input).value == "zzzqy")
