"""Finding one's way: wishes for keys, the leader's sheet, jump mode, the help of where one is."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import combinations
from pathlib import Path

import pytest
from textual._xterm_parser import XTermParser
from textual.dom import DOMNode
from textual.events import Key
from textual.keys import key_to_character
from textual.widget import Widget
from textual.widgets import Input, OptionList

from clowdy_tui import tui
from clowdy_tui.tui.actions import ACTIONS, DOCK, GROUPS, REGISTRY
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.pane_keys import CHAINS, PANE_KEYS, PLACES, TREE_ACTIONS, TYPED
from clowdy_tui.tui.screens.help import HelpScreen
from clowdy_tui.tui.screens.jump import JumpScreen
from clowdy_tui.tui.screens.leader import fold
from clowdy_tui.tui.terminal_keys import teach
from clowdy_tui.tui.wishes import _is_typed, make_keymap
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


def _named(place: str) -> dict[str, tuple[str, str]]:
    """What has keys in a place of `CHAINS`: under which name it is changed, with its title and its first key."""
    found = {id_: (key.title, key.keys[0]) for id_, key in PANE_KEYS.items() if place in (key.where, id_)}
    for id_, action in ACTIONS.items():
        if place == TREE_ACTIONS and action.tree_keys:
            found[f"tree.{id_}"] = action.title, action.tree_keys[0]
        elif place in action.local:
            found[f"{place}.{id_}"] = action.title, action.local[place][0]
    return found


@pytest.mark.parametrize("place", [*PLACES, *DOCK])
def test_two_things_that_want_the_same_key_in_a_place_are_told(place: str) -> None:
    named = list(_named(place).items())
    for (id_, (title, _)), (_, (other, key)) in zip(named, [*named[1:], *named[:1]], strict=True):
        if title != other:
            said = [problem for problem in make_keymap({id_: key}).problems if repr(title) in problem]
            assert any(repr(other) in problem for problem in said), (id_, key)


def test_what_is_kept_from_its_key_by_something_nearer_to_the_focus_is_told() -> None:
    told = 0
    for inner, outer in {pair for chain in CHAINS for pair in combinations(chain, 2)}:
        # By default some keys mean something in both.
        own = {key for one in PANE_KEYS.values() if inner in (one.where, one.id) for key in one.keys}
        wished = {name: (title, key) for name, (title, key) in _named(outer).items()
                  if key not in own and not (inner in TYPED and _is_typed(key))}  # fmt: skip
        for id_, (title, _) in list(_named(inner).items())[:1]:
            for other, key in list(wished.values())[:1]:
                problems = make_keymap({id_: key}).problems
                assert any(repr(title) in one and repr(other) in one for one in problems), (id_, other, key)
                told += 1
    assert told > 40


def test_a_character_is_no_key_where_one_types() -> None:
    keymap = make_keymap({"find.case": "c", "palette.down": "space,f6", "prompt.send": "plus", "list.down": "c"})
    assert keymap.pane_keys["find.case"].keys == PANE_KEYS["find.case"].keys
    assert keymap.pane_keys["palette.down"].keys == ("f6",)
    typed = [problem for problem in keymap.problems if "typed" in problem]
    assert typed == [
        "keymap: find.case: 'c' is typed there; write a key like f5 or ctrl+e",
        "keymap: palette.down: 'space' is typed there; write a key like f5 or ctrl+e",
        "keymap: prompt.send: 'plus' is typed there; write a key like f5 or ctrl+e",
    ]


def _told_to(widget: Widget) -> list[str]:
    """The places in which a key is looked for while this has the focus, in turn."""
    bound = [binding for node in widget.ancestors_with_self
             for bindings in node._bindings.key_to_bindings.values() for binding in bindings if binding.id]  # fmt: skip
    bound.sort(key=lambda binding: not binding.priority)
    return list(dict.fromkeys((binding.id or "").partition(".")[0] for binding in bound))


async def test_where_a_key_is_looked_for_in_turn_is_as_the_registry_has_it() -> None:
    known = {pair for chain in CHAINS for pair in combinations([one.partition(".")[0] for one in chain], 2)}
    met: set[str] = set()

    def look(root: DOMNode) -> None:
        for widget in root.query(Widget):
            if widget.focusable:
                told = _told_to(widget)
                met.update(told)
                # A pane's keys are there for its lines: in its field letters are letters.
                pairs = {pair for pair in combinations(told, 2) if not (pair[0] in TYPED and pair[1] in DOCK)}
                assert {pair for pair in pairs if "choice" not in pair} <= known, (widget, told)

    async with screen(busy_example()) as (app, pilot):
        await open_function(app, pilot, "orders")
        await pilot.press("alt+r")
        await until(pilot, lambda: app.screen.query_one("#replacement").focusable)
        look(app.workbench)
        for opened_by in ("f1", "alt+v", "ctrl+n", "ctrl+p"):
            await pilot.press(opened_by)
            await until(pilot, lambda: app.screen is not app.workbench and app.screen.focused)
            look(app.screen)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.workbench)
        await pilot.press("f10")
        await shows(pilot, "12,408")
        for keys in (("f4",), ("f8",), ("f12", "4"), ("f9",)):
            await pilot.press(*keys)
            look(app.workbench)
        await open_pane(app, pilot, "settings")
        look(app.workbench)
    assert {"tree", "text", "find", "logs", "history", "list", "pool", "prompt"} - met <= {"prompt"}


def _sentences() -> Iterator[tuple[str, str]]:
    """What the screen says, by file: texts of more than one word, no docstrings."""
    for path in Path(tui.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        # Docstrings, and those of attributes.
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in told:
                continue
            if " " in node.value.strip() and path.name != "cheatsheet.py":
                yield path.name, node.value


KEY = re.compile(r"\b(ctrl|alt)\+\w|\bF\d\d?\b|\^[a-z]\b|\b[Ee]sc(ape)?\b|\b[Ee]nter\b|\b[Tt]ab\b")

ABOUT_FILES = {"The tab to the ", "Next tab", "Prev tab", "Puts a letter on every pane and tab", "One tab a file. "}
"""Where a tab is no key."""


def test_no_sentence_names_a_key_that_may_have_been_changed() -> None:
    fixed = {("leader.py", "esc leaves")}
    wrong = [
        (name, text) for name, text in _sentences()
        if KEY.search(text) and (name, text) not in fixed
        and not any(text.startswith(about) for about in ABOUT_FILES)
        and not re.search("write (one|a key) like", text)
    ]  # fmt: skip
    assert not wrong
    named = {found[0].lower() + found[1:] for _, text in _sentences()
             for found in re.findall(r"\{([A-Za-z_]+(?:\.[a-z_]+)+)\}", text)}  # fmt: skip
    assert len(named) > 40
    assert named <= {*PANE_KEYS, *ACTIONS}


async def test_what_the_screen_says_names_the_keys_as_they_are() -> None:
    keymap = make_keymap({"function.save": "f3", "text.undo": "", "tree.open": "o", "app.leader": "f12"})
    said = "{Tree.open} opens; {function.save} saves it, {text.undo} takes it back; {function.toggle} or {item.edit}"
    assert keymap.say(said) == "o opens; F3 saves it, no key takes it back; F12 x or F12 m"
    assert Keymap(ACTIONS).say(said, "tree") == "Enter opens; ^s saves it, ^z takes it back; x or r"
    wishes = {"function.run": "alt+5", "pane.tree": "ctrl+t", "dialog.leave": "f4", "logs.all": "alt+k",
              "field.done": "ctrl+b"}  # fmt: skip
    async with screen(keymap=wishes) as (app, pilot):
        await pilot.press("f8")
        await shows(pilot, "Press ⌥5 to run the open function")
        await pilot.press("slash", *"none", "ctrl+b")
        await shows(pilot, "⌥k shows all lines again.")
        await pilot.press("f12", "asterisk")
        await shows(pilot, "Open a file first, from the tree (^t)")
        await pilot.press("ctrl+n")
        await shows(pilot, "Cancel  F4")
        assert re.search(r"\w  \^b", shown(app))


async def test_a_log_and_a_history_that_show_nothing_keep_the_focus_and_their_keys() -> None:
    async with screen(busy_example()) as (app, pilot):
        await pilot.press("f8")
        logs, history = app.workbench.dock.logs, app.workbench.dock.history
        await until(pilot, lambda: logs.view.has_focus and logs.buffer.shown)
        # Typed on, and not over what the key began with.
        await pilot.press("exclamation_mark", *"x")
        await until(pilot, lambda: logs.query_one("#filter", Input).value == "!x")
        await pilot.press("escape", "slash", *"zzz", "enter")
        await until(pilot, lambda: not logs.buffer.shown and not logs.view.display)
        await pilot.press("escape")
        await until(pilot, lambda: logs.buffer.shown and logs.view.display)
        logs.query_one("#filter", Input).value = "zzz"
        await until(pilot, lambda: not logs.view.display)
        await pilot.press("escape")
        await until(pilot, lambda: logs.view.display and logs.view.has_focus)
        await pilot.press("f12", "4")
        await until(pilot, lambda: history.view.has_focus and history.view.display)
        # As where no call fits.
        history.view.display = False
        await pilot.pause()
        await pilot.press("escape")
        await until(pilot, lambda: history.view.display and history.view.has_focus)


def _read(sent: str) -> list[str]:
    """The keys that Textual reads in what a terminal sends."""
    teach()
    parser = XTermParser()
    return [event.key for event in (*parser.feed(sent), *parser.feed("")) if isinstance(event, Key)]


def test_alt_backspace_is_not_read_as_the_key_that_closes_a_file() -> None:
    sent = {"\x1b\x7f": "alt+backspace", "\x1b\x08": "alt+backspace", "\x17": "ctrl+w", "\x7f": "backspace",
            "\x1b[127;3u": "alt+backspace", "\x1b[119;5u": "ctrl+w"}  # fmt: skip
    assert {came: _read(came) for came in sent} == {came: [key] for came, key in sent.items()}
    # All at once, as it comes over a slow line.
    assert _read("one\x1b\x7ftwo\x17") == [*"one", "alt+backspace", *"two", "ctrl+w"]
    assert _read("\x1bg12\x1b[A\x1bf\x1bOP") == ["alt+g", "1", "2", "up", "ctrl+right", "f1"]


def test_the_alt_keys_that_are_shown_are_what_a_plain_terminal_sends() -> None:
    first = {keys[0] for one in (*REGISTRY, *PANE_KEYS.values()) if (keys := one.keys)}
    sends = {"enter": "\r", "backspace": "\x7f", "delete": "[3;3~"}
    shown_first = {key for key in first if key.startswith("alt+")} | {"alt+enter"}
    assert len(shown_first) > 8
    for key in shown_first:
        name = key.removeprefix("alt+")
        assert _read("\x1b" + (sends.get(name) or key_to_character(name) or "")) == [key]


async def test_a_word_is_deleted_in_a_file_and_in_the_find_bar_and_the_file_stays() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        area = app.workbench.tabs.area
        assert area is not None
        await pilot.press(*"one", "space", *"two")
        await pilot.press("alt+backspace")
        await until(pilot, lambda: area.document.get_line(0).startswith("one "))
        assert "two" not in area.document.get_line(0)
        await pilot.press("ctrl+f", *"some", "space", *"word", "ctrl+w")
        find = app.screen.query_one("#find", Input)
        await until(pilot, lambda: find.value == "some ")
        await pilot.press("escape")
        await until(pilot, lambda: area.has_focus)
        await pilot.press("ctrl+w")
        await shows(pilot, "not saved")
