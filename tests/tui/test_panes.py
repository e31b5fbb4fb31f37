"""The panes in the centre: how they open, what the actions mean in them, how they follow what happens."""

from datetime import UTC, datetime

from rich.cells import cell_len
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from clowdy_tui.domain.schemas import VariableOut
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.panes.pane import ProjectPane
from clowdy_tui.tui.panes.routes import RoutesPane
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.table import Table
from tests.tui.driving import NARROW, open_function, screen, shown, shows, spot, type_text, until
from tests.tui.fake import FakeClowdy, busy_example, example


def project_id(app: ClowdyApp, name: str = "shop") -> str:
    """A project's id."""
    return next(project.id for project in app.state.projects.values() if project.name == name)


async def open_pane(app: ClowdyApp, pilot: Pilot[None], kind: str, project: str = "shop") -> ProjectPane:
    """Open a pane as enter in the tree does."""
    place = Place(kind, project_id(app, project))  # type: ignore[arg-type]
    tree = app.workbench.project_tree
    tree.focus()
    tree.reveal(place)
    await until(pilot, lambda: app.state.place == place and tree.has_focus)
    await pilot.press("enter")
    await until(pilot, lambda: app.state.pane_kind == kind and app.state.where == kind)
    pane = app.workbench.tabs.pane
    assert pane is not None
    return pane


async def test_enter_in_the_tree_opens_the_routes_beside_the_files() -> None:
    async with screen() as (app, pilot):
        await open_function(app, pilot, "orders")
        pane = await open_pane(app, pilot, "routes")
        assert isinstance(pane, RoutesPane)
        text = shown(app)
        assert "orders.py" in text
        assert "shop · routes" in text
        assert "/api/gateway/shop" in text
        assert pane.query_one(Table).list_.has_focus
        await pilot.press("ctrl+pageup")
        await until(pilot, lambda: app.state.pane_kind == "" and app.state.open_function is not None)
        await pilot.press("ctrl+pagedown")
        await until(pilot, lambda: app.state.where == "routes")
        # Once more is the same tab.
        await open_pane(app, pilot, "routes")
        assert app.workbench.tabs.panes == [pane]
        await pilot.press("ctrl+w")
        await until(pilot, lambda: app.state.pane_kind == "" and app.state.where == "editor")
        await pilot.press("ctrl+w")
        await shows(pilot, "4 functions, none open")


async def test_actions_mean_what_the_cursor_in_the_pane_is_on() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "routes")
        await pilot.press("down", "down")
        await until(pilot, lambda: app.state.route is not None and app.state.route.path == "/pay")
        assert app.state.target is not None
        assert app.state.target.name == "pay"
        await pilot.press("c")
        await until(pilot, lambda: app.clipboard == "curl -X POST http://127.0.0.1:8000/api/gateway/shop/pay")
        await pilot.press("d")
        await shows(pilot, "Delete route")
        await pilot.press("y")
        await until(pilot, lambda: "/pay" not in [route.path for route in fake.all_routes.values()])
        await until(pilot, lambda: app.state.route is not None and app.state.route.path == "/orders/:id")
        await pilot.press("enter")
        await shows(pilot, "Route GET /orders/:id")
        await pilot.press("escape", "a")
        await shows(pilot, "New route")
        await type_text(pilot, "refunds")
        await pilot.press("enter")
        await shows(pilot, "/refunds")
        await until(pilot, lambda: len(app.state.routes[project_id(app)]) == 3)


async def test_trying_a_route_puts_its_request_into_the_console() -> None:
    async with screen() as (app, pilot):
        await open_pane(app, pilot, "routes")
        await pilot.press("down")
        await until(pilot, lambda: app.state.route is not None and app.state.route.path == "/orders/:id")
        await pilot.press("t")
        await until(pilot, lambda: app.state.region == "dock")
        text = app.workbench.dock.test.input.text
        assert '"path": "/orders/1"' in text
        assert '"params": {\n    "id": "1"\n  }' in text
        await pilot.press("f5")
        await shows(pilot, "success")


async def test_a_project_without_routes_says_what_to_press_and_the_line_can_be_clicked() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "routes", "blog")
        assert "no function that one could lead to" in shown(app)
        fake.publish(
            "function.created", function_id=fake.add_function("post", "", fake.all_projects[project_id(app, "blog")]).id
        )
        await shows(pilot, "No address leads to a function yet")
        await pilot.click(offset=spot(app, "adds the first one"))
        await shows(pilot, "New route")


async def test_a_pane_follows_what_others_do_and_goes_with_its_project() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "routes")
        project = fake.all_projects[project_id(app)]
        pay = next(function for function in fake.all_functions.values() if function.name == "pay")
        route = fake.add_route(project, pay, "PUT", "/elsewhere")
        fake.publish("route.created", project_id=project.id, route_id=route.id)
        await shows(pilot, "/elsewhere")
        await fake.projects.update(project.id, name="till")
        await shows(pilot, "till · routes")
        await fake.projects.delete(project.id)
        await until(pilot, lambda: not app.workbench.tabs.panes)
        assert app.state.pane_kind == ""


async def test_the_mouse_folds_by_the_sign_opens_by_the_name_and_chooses_rows() -> None:
    async with screen() as (app, pilot):
        await shows(pilot, "/pay")
        _, refund = spot(app, "refund")
        x, y = shown(app).splitlines()[refund + 1].index("▾ routes"), refund + 1
        await pilot.click(offset=(x, y))
        await until(pilot, lambda: "/pay" not in shown(app))
        assert app.workbench.tabs.panes == []
        await pilot.click(offset=(x + 4, y))
        await until(pilot, lambda: app.state.where == "routes")
        where = spot(app, "/pay")
        await pilot.click(offset=where)
        await until(pilot, lambda: app.state.route is not None and app.state.route.path == "/pay")
        assert app.screen is app.workbench
        await pilot.click(offset=where)
        await shows(pilot, "Route POST /pay")
        await pilot.press("escape")
        await pilot.click(offset=spot(app, "×"))
        await until(pilot, lambda: app.state.pane_kind == "")


async def test_the_palette_opens_panes_and_narrow_leaves_columns_out() -> None:
    async with screen(size=NARROW) as (app, pilot):
        await pilot.press("ctrl+p")
        await type_text(pilot, "shoprout")
        await pilot.press("enter")
        await until(pilot, lambda: app.state.where == "routes")
        await until(pilot, lambda: not app.workbench.project_tree.display)
        heads = next(line for line in shown(app).splitlines() if "method" in line)
        assert "path" in heads
        assert "description" not in heads


KINDS = ("dashboard", "functions", "routes", "settings", "variables", "packages", "database")


async def test_a_storm_of_sizes_leaves_every_pane_standing() -> None:
    fake = busy_example()
    async with screen(fake) as (app, pilot):
        _own(fake, project_id(app), "one")
        for number, kind in enumerate(KINDS):
            app.panes.open(Place(kind, None if kind == "dashboard" else project_id(app)))  # type: ignore[arg-type]
            await until(pilot, lambda wanted=kind: app.state.where == wanted)
            for step in range(6):
                await pilot.resize_terminal(20 + (number + step) * 47 % 180, 5 + (number + step) * 17 % 50)
            await pilot.press("ctrl+o")
            await pilot.resize_terminal(61, 19)
            await pilot.resize_terminal(120, 36)
            await until(pilot, lambda: app.screen is app.workbench)
            await until(pilot, lambda: app.workbench.tabs.pane._has_data)  # type: ignore[union-attr]
            assert PANES[kind].title in shown(app), kind
            assert app.state.where == kind
        assert len(app.workbench.tabs.panes) == len(KINDS)


def _own(fake: FakeClowdy, project: str, name: str) -> None:
    """A variable, a list of packages that failed, a database at Neon, with this in all that comes from outside."""
    now = datetime.now(UTC)
    fake.variables.kept["KEY"] = VariableOut(
        id="a" * 12, key="KEY", value=name, is_secret=False, created_at=now, updated_at=now
    )
    fake.packages.found = fake.packages.found.model_copy(update={"status": "failed", "wanted_txt": name, "error": name})
    fake.databases.finish(project, provider="neon", neon_project_id=name, functions_without_network=[name])


async def test_hostile_names_and_wide_ones_stand_in_every_pane_as_text() -> None:
    fake = FakeClowdy()
    name = "[@click=app.quit]x[/]\x1b[31m 漢字🎉"
    project = fake.add_project("shop")
    project = fake.all_projects[project.id] = project.model_copy(update={"name": name, "description": "[/x]\u202e"})
    function = fake.add_function(name, "", project)
    fake.add_route(project, function, "GET", "/漢字🎉/:id")
    fake.add_instance("busy", function)
    fake.add_call(function, http_method="GET", http_path="/[bold]\x1b]0;title\x07", status="error")
    await fake.keys.create(project.id, name)
    _own(fake, project.id, name)
    async with screen(fake, size=(120, 50)) as (app, pilot):
        for kind in KINDS:
            app.panes.open(Place(kind, None if kind == "dashboard" else project.id))  # type: ignore[arg-type]
            await until(pilot, lambda wanted=kind: app.state.where == wanted)
            await until(pilot, lambda: app.workbench.tabs.pane._has_data)  # type: ignore[union-attr]
            text = shown(app)
            assert text.count("[@click=app.quit]x[/]␛[31m") >= 2, kind
            assert not set("\x1b\x07\u202e") & set(text), kind
            for line in text.splitlines():
                assert cell_len(line) <= 120, kind


async def test_a_hundred_kilobytes_pasted_into_a_form_and_into_a_field_arrive_as_text() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "variables")
        await pilot.press("i")
        await until(pilot, lambda: app.screen.query(CodeArea))
        value = "漢🎉 " * 1_100
        app.post_message(Paste("".join(f"LONG_{number}='{value}'\r\n" for number in range(12))))
        await until(pilot, lambda: app.screen.query_one(CodeArea).document.line_count == 13)
        assert len(app.screen.query_one(CodeArea).text.encode()) > 100_000
        await pilot.press("ctrl+s")
        await until(pilot, lambda: app.screen is app.workbench)
        assert {one.value for one in fake.variables.kept.values()} == {value}
        await pilot.press("f8", "slash")
        field = app.workbench.dock.logs.query_one(Input)
        await until(pilot, lambda: field.has_focus)
        app.post_message(Paste("\x1b[31mred " * 10_000))
        await until(pilot, lambda: len(field.value) == 90_000)
        await shows(pilot, "␛[31mred")
        assert "\x1b" not in shown(app)


async def test_names_in_a_pane_are_text_and_nothing_else() -> None:
    fake = FakeClowdy()
    project = fake.add_project("shop")
    function = fake.add_function("[@click=app.quit]x[/]\x1b[31m 漢字🎉", "", project)
    fake.add_route(project, function, "GET", "/[bold]/:id/漢字🎉")
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "routes")
        text = shown(app)
        assert "/[bold]/:id/漢字🎉" in text
        assert "[@click=app.quit]x[/]␛[31m 漢字🎉" in text
        assert "\x1b" not in text
