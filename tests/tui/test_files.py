"""Functions of several files: in the tree, in the editor, at the gateway."""

from typing import Any

from textual.pilot import Pilot

from clowdy_tui.tui.state import Place
from tests.tui.driving import open_function, screen, shown, shows, type_text, until
from tests.tui.fake import PAY, FakeClowdy, example


def _pay(fake: FakeClowdy) -> Any:
    return next(function for function in fake.all_functions.values() if function.name == "pay")


def _with_rates() -> FakeClowdy:
    fake = example()
    pay = _pay(fake)
    fake.all_functions[pay.id] = pay.model_copy(update={"files": {"rates.json": '{"EUR": 1}\n'}})
    return fake


async def _choose(app: Any, pilot: Pilot[None], fake: FakeClowdy, path: str) -> None:
    pay = _pay(fake)
    place = Place("file", pay.project_id, pay.id, path=path)
    app.workbench.go("tree")
    app.workbench.project_tree.reveal(place)
    await until(pilot, lambda: app.state.place == place and app.state.region == "tree")


async def test_a_new_file_is_made_opened_and_saved() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, "pay")
        await pilot.press("f2")
        await until(pilot, lambda: app.state.region == "tree")
        await pilot.press("f")
        await shows(pilot, "New file in pay")
        await type_text(pilot, "/x.py")
        await shows(pilot, "must be relative")
        await pilot.press("home", "delete")
        await shows(pilot, "import x")
        await pilot.press("enter")
        await until(pilot, lambda: _pay(fake).files == {"x.py": ""})
        await shows(pilot, "pay/x.py")
        await until(pilot, lambda: app.state.region == "editor")
        await type_text(pilot, "RATE = 2\n")
        await until(pilot, lambda: app.state.unsaved_files)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: _pay(fake).files == {"x.py": "RATE = 2\n"})
        assert _pay(fake).code == PAY
        await until(pilot, lambda: not app.state.unsaved)


async def test_files_stand_below_their_function_and_open_from_there() -> None:
    fake = _with_rates()
    async with screen(fake) as (app, pilot):
        await _choose(app, pilot, fake, "rates.json")
        assert "rates.json" in shown(app)
        await pilot.press("enter")
        await shows(pilot, '{"EUR": 1}')
        await shows(pilot, "JSON · saved")
        await pilot.press("ctrl+p", *"payrat")
        await shows(pilot, "shop/pay/rates.json")


async def test_renaming_and_a_name_that_is_taken() -> None:
    fake = _with_rates()
    async with screen(fake) as (app, pilot):
        await _choose(app, pilot, fake, "rates.json")
        await pilot.press("enter")
        await shows(pilot, "pay/rates.json")
        await _choose(app, pilot, fake, "rates.json")
        await pilot.press("r")
        await shows(pilot, "Rename rates.json")
        await pilot.press("ctrl+u", *"function.py", "enter")
        await shows(pilot, "has a file of that name")
        await pilot.press("ctrl+u", "end", *"data", "slash", *"eur.json", "enter")
        await until(pilot, lambda: list(_pay(fake).files) == ["data/eur.json"])
        await shows(pilot, "pay/data/eur.json")
        await until(pilot, lambda: [document.path for document in app.workbench.tabs.documents] == ["data/eur.json"])


async def test_deleting_says_what_keeps_it() -> None:
    fake = _with_rates()
    async with screen(fake) as (app, pilot):
        await _choose(app, pilot, fake, "rates.json")
        await pilot.press("enter")
        await shows(pilot, "pay/rates.json")
        await _choose(app, pilot, fake, "rates.json")
        await pilot.press("d")
        await shows(pilot, "Version 2 keeps it.")
        await pilot.press("y")
        await until(pilot, lambda: _pay(fake).files == {})
        await until(pilot, lambda: not app.workbench.tabs.documents)
        assert _pay(fake).active_version == 3


async def test_what_is_unsaved_keeps_its_name_until_it_is_saved() -> None:
    fake = _with_rates()
    async with screen(fake) as (app, pilot):
        await _choose(app, pilot, fake, "rates.json")
        await pilot.press("enter")
        await until(pilot, lambda: app.state.region == "editor")
        await type_text(pilot, " ")
        await until(pilot, lambda: app.state.unsaved_files)
        await _choose(app, pilot, fake, "rates.json")
        await pilot.press("r")
        await shows(pilot, "Save it first")


async def test_a_file_deleted_elsewhere_closes_and_one_with_changes_stays() -> None:
    fake = _with_rates()
    async with screen(fake) as (app, pilot):
        await _choose(app, pilot, fake, "rates.json")
        await pilot.press("enter")
        await until(pilot, lambda: app.state.region == "editor")
        fake.put_version(_pay(fake), PAY, {})
        await until(pilot, lambda: not app.workbench.tabs.documents)
