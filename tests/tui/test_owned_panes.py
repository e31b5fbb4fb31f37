"""The panes for what a project owns: variables, packages, a database. By keys and by mouse, at three sizes."""

from clowdy_tui.domain.schemas import ProjectGone
from clowdy_tui.tui.panes.packages import PackagesPane
from clowdy_tui.tui.screens.confirm import Question
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.widgets.code_area import CodeArea
from tests.tui.driving import screen, shown, shows, spot, type_text, until
from tests.tui.fake import example
from tests.tui.fake_owned import LOCK, PROVIDERS, furnish
from tests.tui.test_panes import open_pane, project_id

SECRET = "hunter22-s3cret"


async def test_a_variable_is_set_shown_changed_and_deleted() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "variables")
        await shows(pilot, "find nothing of yours")
        await pilot.press("a")
        await shows(pilot, "New variable")
        await type_text(pilot, "1KEY")
        await shows(pilot, "not beginning with a digit")
        await pilot.press(*["backspace"] * 4)
        await type_text(pilot, "API_KEY")
        await pilot.press("tab")
        await type_text(pilot, SECRET)
        assert SECRET not in shown(app)
        await pilot.press("enter")
        await shows(pilot, "••••••••")
        assert SECRET not in shown(app)
        await pilot.press("v")
        await shows(pilot, SECRET)
        await shows(pilot, "secrets are shown")
        await pilot.press("v")
        await until(pilot, lambda: SECRET not in shown(app))
        await pilot.press("enter")
        await shows(pilot, "Variable API_KEY")
        await type_text(pilot, "another-value")
        await pilot.press("enter")
        await until(pilot, lambda: fake.variables.kept["API_KEY"].value == "another-value")
        await pilot.press("d")
        await shows(pilot, "Delete variable")
        await pilot.press("y")
        await shows(pilot, "find nothing of yours")
        assert fake.variables.kept == {}
        # With no variable left the project is not what is meant.
        await pilot.press("d")
        await shows(pilot, "Nothing here can be deleted")
        await pilot.press("r")
        await shows(pilot, "Nothing here to change yet")
        assert app.screen is app.workbench


async def test_a_dotenv_file_is_pasted_and_a_wrong_line_keeps_what_was_typed() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "variables")
        await shows(pilot, "find nothing of yours")
        await pilot.click(offset=spot(app, "pastes a .env file"))
        await shows(pilot, "Paste a .env file into shop")
        area = app.screen.query_one(CodeArea)
        area.replace_text("A=1\nnonsense here\n")
        await pilot.press("ctrl+s")
        await shows(pilot, "line 2: is no KEY=VALUE")
        assert "nonsense" in area.text
        assert fake.variables.kept == {}
        area.replace_text("A=1\nexport B='x y'\n")
        await pilot.press("ctrl+s")
        await shows(pilot, "2 variables")
        assert fake.variables.kept["B"].value == "x y"


async def test_packages_are_written_built_and_shown_by_version() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        pane = await open_pane(app, pilot, "packages")
        assert isinstance(pane, PackagesPane)
        await shows(pilot, "import nothing but Python's standard library")
        for key, why in (("u", "has no packages yet"), ("s", "Nothing is being built"), ("L", "There is no lock yet")):
            await pilot.press(key)
            await shows(pilot, why)
        await pilot.press("e")
        await shows(pilot, "Packages of shop")
        area = app.screen.query_one(CodeArea)
        area.replace_text("--index-url http://evil\n")
        await pilot.press("ctrl+s")
        await shows(pilot, "is an option, and only packages are taken")
        area.replace_text("requests>=2\n")
        await pilot.press("ctrl+s")
        await shows(pilot, "A new list is being built")
        await shows(pilot, "Resolving")
        shop = project_id(app)
        fake.packages.change(shop, "progress", progress="Prepared 5 packages")
        await shows(pilot, "Prepared 5 packages")
        fake.packages.finish(shop)
        await shows(pilot, "requests>=2")
        assert "2.32.5" in shown(app)
        assert "needed by another" in shown(app)
        await pilot.press("u")
        await until(pilot, lambda: fake.packages.upgraded == 1)
        await shows(pilot, "A new list is being built")
        await pilot.press("u")
        await shows(pilot, "A list is being built;")
        await pilot.press("s")
        await shows(pilot, "■ The last build was stopped. What was in use before stays.")
        assert "2.32.5" in shown(app)
        assert "✗" not in shown(app)
        await pilot.press("L")
        await until(pilot, lambda: app.clipboard == LOCK)


async def test_a_database_is_made_looked_at_and_removed_with_a_dump() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "database")
        await shows(pilot, "The project has no database")
        await shows(pilot, "NEON_API_KEY")
        await pilot.press("a")
        await shows(pilot, "The database is being made")
        shop = project_id(app)
        fake.databases.change(shop, "progress", progress="Starting it")
        await shows(pilot, "Starting it")
        fake.databases.finish(shop)
        await shows(pilot, "clowdy db psql shop")
        assert "7.6 MiB of 1.0 GiB" in shown(app)
        assert "app:***@" in shown(app)
        await until(pilot, lambda: app.state.projects[shop].has_database)
        await pilot.press("y")
        await shows(pilot, "The address is in the clipboard")
        assert app.clipboard == "postgresql://app:s3cret@/app?host=/var/lib/clowdy/x"
        assert "s3cret" not in shown(app)
        fake.databases.change(shop, "changed", read_only=True, size_bytes=2 * 1024**3)
        await shows(pilot, "new sessions cannot write")
        await pilot.click(offset=spot(app, "removes it; asks first"))
        await shows(pilot, "Remove the database")
        await pilot.press("k")
        await shows(pilot, "The project has no database")
        assert fake.databases.asked[-1] is True


async def test_functions_that_cannot_reach_neon_are_named_and_given_the_network() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "database")
        before = sum(one.network_enabled for one in fake.all_functions.values())
        fake.databases.finish(project_id(app))
        await shows(pilot, "clowdy db psql shop")
        await pilot.press("w")
        await shows(pilot, "Every function reaches the database")
        assert sum(one.network_enabled for one in fake.all_functions.values()) == before
        fake.databases.finish(project_id(app), provider="neon", functions_without_network=["orders", "pay"])
        await shows(pilot, "which these functions do not have")
        await pilot.press("w")
        await shows(pilot, "Switch it on")
        await pilot.press("y")
        await until(pilot, lambda: sum(one.network_enabled for one in fake.all_functions.values()) == before + 2)


async def test_at_neon_the_network_is_offered_and_thinking_better_of_it_makes_nothing() -> None:
    fake = example()
    able = [one.model_copy(update={"available": True, "problem": ""}) for one in PROVIDERS]
    fake.databases.found = fake.databases.found.model_copy(update={"providers": able})
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "database")
        shop = project_id(app)
        for provider, network, made in (
            ("escape", "", 0),
            ("n", "escape", 0),
            ("n", "y", 1),
            ("n", "n", 2),
            ("l", "", 3),
        ):
            await pilot.press("a")
            await shows(pilot, "Where shall the database of shop be?")
            await pilot.press(provider)
            if network:
                await shows(pilot, "Shall it be switched on for all functions of the project?")
                await pilot.press(network)
            await until(pilot, lambda: not isinstance(app.screen, Question))
            await until(pilot, lambda made=made: len(fake.databases.asked) == made)
            if fake.databases.found.status == "provisioning":
                await until(pilot, lambda: app.state.databases[shop].status == "provisioning")
                await pilot.press("a")
                assert app.screen is app.workbench, "one is being made already"
                fake.databases.change(shop, "failed", status="failed", error="no room")
                await until(pilot, lambda: app.state.databases[shop].status == "failed")
    asked = [(one.provider, one.enable_network) for one in fake.databases.asked]
    assert asked == [("neon", True), ("neon", False), ("local", False)]


async def test_how_it_ended_is_told_to_who_has_gone_on_to_something_else() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "packages")
        shop = project_id(app)
        fake.packages.change(shop, "failed", status="failed", error="no such thing")
        await shows(pilot, "The list saved last could not be built")
        assert "The packages could not be built" not in shown(app)
        await open_pane(app, pilot, "variables")
        fake.publish("packages.failed", project_id=shop, error="no such thing")
        await shows(pilot, "The packages could not be built")
        fake.publish("database.ready", project_id=shop)
        await shows(pilot, "The database is ready")


async def test_they_fit_into_the_narrowest_terminal() -> None:
    fake = example()
    async with screen(fake, size=(60, 18)) as (app, pilot):
        shop = project_id(app)
        furnish(fake, shop)
        await fake.variables.set(shop, "MODE", "[@click=app.quit]a very long value " * 9, is_secret=False)
        for kind, said in (("variables", "API_KEY"), ("packages", "2.32.5"), ("database", "DATABASE_URL")):
            pane = await open_pane(app, pilot, kind)
            await until(pilot, lambda pane=pane: pane._has_data)
            text = shown(app)
            assert said in text
            assert max(map(len, text.splitlines())) <= 60


async def test_deleting_a_project_says_what_of_it_is_left() -> None:
    fake = example()
    forget = fake.projects.delete
    left = "The layer 0123 is left for now, since a call works with it still: it goes when that has ended"

    async def delete(id_: str) -> ProjectGone:
        await forget(id_)
        return ProjectGone(left=[left])

    fake.projects.delete = delete  # type: ignore[method-assign]
    async with screen(fake, size=(200, 50)) as (app, pilot):
        tree = app.workbench.project_tree
        tree.focus()
        tree.reveal(Place("project", project_id(app)))
        await until(pilot, lambda: app.state.place.kind == "project" and tree.has_focus)
        await pilot.press("d")
        await shows(pilot, "Type its name to delete it")
        await type_text(pilot, "shop")
        await pilot.press("enter")
        await shows(pilot, "shop is deleted")
        await shows(pilot, "The layer 0123 is left for now")
