"""The shell on a gateway in memory: panes, keys, attaching, and what it says when something is not there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.widgets._toast import Toast, ToastHolder

from clowdy_tui.domain.errors import DatabaseTooNew
from clowdy_tui.tui.actions import ACTIONS, FOOTER, GROUPS, REGISTRY
from clowdy_tui.tui.cheatsheet import cheatsheet
from clowdy_tui.tui.commands import COMMANDS
from clowdy_tui.tui.frame import MOST_TOASTS
from clowdy_tui.tui.screens.help import HelpScreen
from clowdy_tui.tui.screens.leader import LeaderScreen
from clowdy_tui.tui.screens.palette import Palette
from clowdy_tui.tui.screens.too_small import TooSmall
from clowdy_tui.tui.session import Session
from clowdy_tui.tui.state import Link
from clowdy_tui.tui.widgets.result import ResultView
from clowdy_tui.tui.wishes import make_keymap
from tests.tui.driving import NARROW, NORMAL, make_app, open_function, screen, shown, shows, type_text, until
from tests.tui.fake import FakeClowdy, connect_to, example, problem


def test_the_registry_is_whole() -> None:
    assert set(COMMANDS) == set(ACTIONS)
    assert {action.group for action in REGISTRY} == set(GROUPS)
    letters = [action.letter for action in REGISTRY if action.letter]
    assert len(letters) == len(set(letters))
    # Every action can be had on a terminal that eats its key.
    assert [action.id for action in REGISTRY if not action.letter] == ["app.leader"]
    assert {id_ for ids in FOOTER.values() for id_ in ids} <= set(ACTIONS)
    assert make_keymap({}).problems == ()


def test_the_cheatsheet_is_the_registry() -> None:
    assert (Path(__file__).parents[2] / "docs" / "keys.md").read_text() == cheatsheet()


def test_wishes_for_keys_are_met_or_answered() -> None:
    keymap = make_keymap({"function.run": "f6, ctrl+e", "function.rnu": "f5", "app.help": "ctrl+e"})
    assert keymap.actions["function.run"].keys == ("f6", "ctrl+e")
    assert keymap.actions["pane.next"].keys == ()
    assert keymap.actions["app.help"].keys == ()
    said = "\n".join(keymap.problems)
    assert "no action 'function.rnu'; did you mean function.run?" in said
    assert "F6 is now 'Run the function' and no longer 'Next pane'" in said
    assert "^e is now 'Run the function' and no longer 'Help'" in said


async def test_a_wished_key_works_and_a_clash_is_told() -> None:
    async with screen(keymap={"app.help": "f6"}) as (app, pilot):
        await shows(pilot, "F6 is now 'Help'")
        await pilot.press("f6")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_many_remarks_about_keys_are_one_notice_and_all_of_them_in_the_help() -> None:
    wishes = dict.fromkeys(("app.help", "function.run", "pane.tree", "pane.logs", "pane.chat", "pane.zoom"), "f6")
    async with screen(size=NARROW, keymap=wishes | {"app.palette": "f1"}) as (app, pilot):
        await shows(pilot, f"Settings: {len(app.keymap.problems)} remarks")
        assert len(app.query(Toast)) == 1
        assert "by clowdy doctor" in shown(app)
        # Of other notices the newest stay, and what is said twice stands once.
        for number in (1, 1, 1, 2, 3, 4, 5):
            app.tell(f"notice {number}")
        await shows(pilot, "notice 5")
        await until(pilot, lambda: len(app.query(Toast)) == len(app.query(ToastHolder)) == MOST_TOASTS)
        assert [shown(app).count(f"notice {number}") for number in (1, 2, 5)] == [0, 1, 1]
        # Over what is opened then lies none of them.
        app.tell("a warning", severity="warning")
        await shows(pilot, "a warning")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, Palette) and app.screen.focused)
        await shows(pilot, "a warning")
        assert "notice" not in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench)
        await pilot.press("f12", "h")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen.focused)
        await pilot.press("end")
        await shows(pilot, app.keymap.problems[-1][-30:])


async def test_the_footer_has_letters_where_they_are_keys_and_the_console_from_the_start() -> None:
    async with screen() as (app, pilot):
        console = app.workbench.dock.test
        await pilot.press("f4")
        await until(pilot, lambda: app.state.region == "dock" and app.focused is console.entrance)
        assert app.focused is not console.input
        await open_function(app, pilot, "pay")
        await pilot.press("f4")
        await until(pilot, lambda: console.input.has_focus and "F4 Test" not in shown(app).splitlines()[-1])
        assert "i Inputs" not in shown(app).splitlines()[-1]
        await pilot.press("tab")
        await until(pilot, lambda: "i Inputs" in shown(app).splitlines()[-1])
        assert app.state.region == "dock"
        await pilot.press("f5")
        await until(pilot, lambda: console.query_one(ResultView).has_focus and not console.running)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, Palette))
        await pilot.press("escape")
        await pilot.press("f8", "slash")
        await until(pilot, lambda: app.workbench.dock.logs.query_one("#filter").has_focus)
        assert "e Failed" not in shown(app).splitlines()[-1]


async def test_paints_before_the_gateway_is_there_and_leaves_it_at_the_end() -> None:
    begin, left = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[Session]:
        await begin.wait()
        async with connect_to(example())() as session:
            yield session
        left.set()

    app = make_app(slow)
    async with app.run_test(size=NARROW, notifications=True) as pilot:
        await shows(pilot, "The gateway is starting")
        assert app.state.link is Link.CONNECTING
        await pilot.press("ctrl+n")
        await shows(pilot, "still starting")
        begin.set()
        await until(pilot, lambda: app.state.link is Link.ONLINE)
        assert not left.is_set()
    assert left.is_set()


async def test_quitting_while_the_gateway_starts_does_not_wait_for_it() -> None:
    @asynccontextmanager
    async def never() -> AsyncIterator[Session]:
        await asyncio.Event().wait()
        yield Session(client=None, hosted=True, url="")  # type: ignore[arg-type]  # never reached

    app = make_app(never)
    async with asyncio.timeout(60), app.run_test(size=NARROW, notifications=True) as pilot:
        await shows(pilot, "The gateway is starting")


async def test_a_gateway_that_cannot_start_says_why_and_can_be_tried_again() -> None:
    tries = 0

    @asynccontextmanager
    async def second_time() -> AsyncIterator[Session]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise DatabaseTooNew("The database was written by a newer Clowdy. Update this one.")
        async with connect_to(example())() as session:
            yield session

    async with screen(connect=second_time) as (app, pilot):
        await shows(pilot, "written by a newer Clowdy")
        assert "no gateway" in shown(app)
        await pilot.press("ctrl+n")
        await shows(pilot, "There is no gateway")
        await pilot.press("f12", "f")
        await until(pilot, lambda: app.state.link is Link.ONLINE)


async def test_empty_says_what_to_press_and_the_first_function_asks_for_a_project() -> None:
    fake = FakeClowdy()
    async with screen(fake) as (app, pilot):
        await shows(pilot, "Nothing here yet")
        await pilot.press("ctrl+n")
        await shows(pilot, "New project")
        await type_text(pilot, "shop")
        await pilot.press("enter")
        await shows(pilot, "New function")
        await type_text(pilot, "orders")
        await pilot.press("enter")
        await until(pilot, lambda: app.state.open_function is not None)
        await shows(pilot, "def handler(event, context):")
    assert [function.name for function in fake.all_functions.values()] == ["orders"]


async def test_a_tree_that_was_there_is_there_again_after_a_narrow_while_and_covers_nothing_in_it() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        tree = app.workbench.project_tree
        await pilot.press("f2", "f2")
        await until(pilot, lambda: app.state.region == "editor" and not tree.display)
        await pilot.press("f2", "f4")
        await until(pilot, lambda: app.state.region == "dock" and tree.display)
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: app.workbench.has_class("-narrow"))
        assert not tree.display
        assert app.state.region == "dock"
        # It slides over and away there, and that is no wish for later.
        await pilot.press("f2")
        await until(pilot, lambda: tree.display and tree.has_focus)
        await pilot.press("f3")
        await until(pilot, lambda: not tree.display)
        await pilot.resize_terminal(*NORMAL)
        await until(pilot, lambda: tree.display and tree.outer_size.width == 34)
        # Also beneath a dialog; what has the focus stays in sight.
        await pilot.press("f2", "n")
        await until(pilot, lambda: app.screen.query("#name"))
        await pilot.resize_terminal(*NARROW)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench and app.workbench.has_class("-narrow"))
        await until(pilot, lambda: tree.display and tree.has_focus)


async def test_narrow_slides_the_tree_over_and_away() -> None:
    async with screen(size=NARROW) as (app, pilot):
        tree = app.workbench.project_tree
        assert tree.display
        assert tree.has_focus
        await pilot.press("escape")
        assert not tree.display
        await pilot.press("f2")
        assert tree.display
        await open_function(app, pilot, "orders")
        assert not tree.display
        await pilot.press("f9")
        assert app.workbench.query_one("#chat").display
        await pilot.press("f2")
        await until(pilot, lambda: tree.display and not app.workbench.query_one("#chat").display)


async def test_every_pane_by_key_and_by_leader() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        for key, letter, region in (
            ("f2", "t", "tree"),
            ("f3", "e", "editor"),
            ("f4", "i", "dock"),
            ("f9", "c", "chat"),
        ):
            await pilot.press(key)
            await until(pilot, lambda wanted=region: app.state.region == wanted)
            await pilot.press("f3")
            await until(pilot, lambda: app.state.region == "editor")
            await pilot.press("ctrl+@", letter)
            await until(pilot, lambda wanted=region: app.state.region == wanted)
        await pilot.press("f8")
        assert app.workbench.dock.shown == "logs"
        await pilot.press("f7")
        assert not app.workbench.query_one("#editor").display
        await pilot.press("f7")
        assert app.workbench.query_one("#editor").display
        seen = set()
        for _ in range(4):
            await pilot.press("f6")
            seen.add(app.state.region)
        assert seen == {"tree", "editor", "dock", "chat"}


async def test_the_leader_shows_the_letters_and_any_other_key_leaves() -> None:
    async with screen() as (app, pilot):
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(app.screen, LeaderScreen))
        assert "Run the function" in shown(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.workbench)


async def test_the_keys_that_work_everywhere_rest_while_a_dialog_is_open() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await pilot.press("ctrl+n")
        await shows(pilot, "New function")
        dialog = app.screen
        await pilot.press("ctrl+n", "f12", "ctrl+g", "f5", "ctrl+o")
        assert app.screen is dialog
        await type_text(pilot, "invoices")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "invoices" in [function.name for function in fake.all_functions.values()])
        await until(pilot, lambda: app.screen is app.workbench)
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(app.screen, LeaderScreen))
        await pilot.press("f12")
        await until(pilot, lambda: app.screen is app.workbench)


async def test_an_action_that_cannot_be_done_says_why() -> None:
    async with screen() as (_, pilot):
        await pilot.press("ctrl+s")
        await shows(pilot, "Nothing is open")
        await pilot.press("ctrl+p")
        await type_text(pilot, "save")
        await shows(pilot, "not now: Nothing is open")


async def test_the_palette_opens_a_function_by_a_few_letters() -> None:
    async with screen() as (app, pilot):
        await pilot.press("ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, Palette))
        await type_text(pilot, "shopord")
        await pilot.press("enter")
        await until(pilot, lambda: app.state.open_function is not None)
        assert "orders.py" in shown(app)


async def test_the_mouse_opens_runs_and_asks() -> None:
    async with screen() as (app, pilot):
        tree = app.workbench.project_tree
        line = next(y for y in range(30) if "orders" in shown(app).splitlines()[y])
        await pilot.click(offset=(9, line))
        await until(pilot, lambda: app.state.open_function is not None)
        assert not tree.has_focus
        footer = shown(app).splitlines()[-1]
        await pilot.click(offset=(footer.index("Help") + 1, 35))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await pilot.click("#close")
        line = next(y for y, text in enumerate(shown(app).splitlines()) if "Test │ Logs" in text)
        await pilot.click(offset=(shown(app).splitlines()[line].index("Logs") + 1, line))
        await until(pilot, lambda: app.workbench.dock.shown == "logs")


async def test_too_small_covers_all_and_goes_away() -> None:
    async with screen() as (app, pilot):
        await pilot.press("ctrl+n")
        await shows(pilot, "New function")
        await type_text(pilot, "half")
        await pilot.resize_terminal(50, 12)
        await until(pilot, lambda: isinstance(app.screen, TooSmall))
        assert "50×12 here, 60×18 needed" in shown(app)
        await pilot.resize_terminal(40, 10)
        await shows(pilot, "40×10 here")
        await pilot.resize_terminal(120, 36)
        await shows(pilot, "half")


async def test_a_storm_of_sizes_leaves_it_standing() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        for step in range(20):
            await pilot.resize_terminal(20 + step * 17 % 180, 5 + step * 7 % 50)
        await pilot.resize_terminal(120, 36)
        await shows(pilot, "orders.py")
        assert app.screen is app.workbench


HOSTILE = "[@click=app.quit]x[/] \x1b[31mred\x1b[0m \u202eeman"


async def test_names_are_text_and_nothing_else() -> None:
    fake = FakeClowdy()
    project = fake.add_project("shop")
    project = fake.all_projects[project.id] = project.model_copy(update={"name": HOSTILE, "description": "[/nonsense]"})
    fake.add_function(HOSTILE, "[/x]", project, description="\x1b[31mred")
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, HOSTILE)
        text = shown(app)
        assert "[@click=app.quit]x[/] ␛[31m" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
        await pilot.press("ctrl+p")
        await type_text(pilot, "click")
        await shows(pilot, "[@click=app.quit]")
        await pilot.press("escape", "f2", "d")
        await shows(pilot, "Delete function")
        await pilot.press("escape")
        fake.refuse = problem(422, "[/wrong] [@click=app.quit]here[/]")
        await pilot.press("r")
        await shows(pilot, "␛[31mred")
        assert not set("\x1b\u202e") & set(shown(app))
        await pilot.press("enter")
        await shows(pilot, "must not hold control characters")
        await type_text(pilot, "plain")
        await pilot.press("enter")
        await shows(pilot, "[/wrong] [@click=app.quit]here[/]")


async def test_an_unknown_theme_is_told_and_the_default_serves(tmp_path: Path) -> None:
    async with screen(theme="noon") as (app, pilot):
        await shows(pilot, "There is no theme 'noon'")
        assert app.theme == "clowdy-night"


async def test_a_theme_is_tried_on_and_taken() -> None:
    async with screen() as (app, pilot):
        await pilot.press("f12", "y")
        await shows(pilot, "Clowdy Day")
        names = list(app.themes)
        steps = ["home", *["down"] * names.index("clowdy-ember")]
        await pilot.press(*steps)
        await until(pilot, lambda: app.theme == "clowdy-ember")
        await pilot.press("escape")
        await until(pilot, lambda: app.theme == "clowdy-night")
        await pilot.press("f12", "y", *steps, "enter")
        await until(pilot, lambda: app.theme == "clowdy-ember" and app.screen is app.workbench)
