"""A project's settings and a function's limits: shown with their units, changed by forms that say what is wrong."""

from clowdy_tui.tui.panes.settings import SettingsPane
from clowdy_tui.tui.screens.settings_forms import NETWORK_APART, exposes
from clowdy_tui.tui.widgets.table import Table
from tests.tui.driving import NARROW, screen, shown, shows, spot, type_text, until
from tests.tui.fake import THEN, example
from tests.tui.test_panes import open_pane, project_id


async def test_limits_are_shown_with_units_and_changed_in_a_form() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "settings")
        assert "128 MiB  0.5 cores     30 s" in shown(app)
        assert "none has a network" in shown(app)
        await pilot.press("tab", "down", "enter")
        await shows(pilot, "Limits of pay")
        assert "MiB for each instance, 32 to 4096" in shown(app)
        await pilot.press("5", "1", "2", "tab", "2", "enter")
        await shows(pilot, "512 MiB    2 cores")
        pay = next(function for function in fake.all_functions.values() if function.name == "pay")
        assert (pay.memory_mb, pay.cpus, pay.timeout_s, pay.network_enabled) == (512, 2, 30, False)


async def test_a_limit_out_of_bounds_is_told_at_its_field_and_nothing_is_sent() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_pane(app, pilot, "settings")
        await pilot.press("tab", "l")
        await shows(pilot, "Limits of orders")
        await pilot.press("7", "enter")
        await shows(pilot, "greater than or equal to 32")
        await type_text(pilot, "x")
        await pilot.press("enter")
        await shows(pilot, "valid integer")
        assert all(function.memory_mb == 128 for function in fake.all_functions.values())


async def test_the_network_switch_says_what_it_exposes() -> None:
    fake = example()
    health = fake.health

    async def apart() -> object:
        return (await health()).model_copy(update={"enforced": ["memory", NETWORK_APART]})

    async with screen(fake, size=NARROW) as (app, pilot):
        await open_pane(app, pilot, "settings")
        await pilot.press("tab", "l", *["tab"] * 6)
        await shows(pilot, "it reaches nothing and nobody")
        await pilot.press("enter", "down", "enter")
        await shows(pilot, "shares this machine's network")
        await pilot.press("ctrl+s")
        await shows(pilot, "▲ on")
    assert next(iter(fake.all_functions.values())).network_enabled
    fake.health = apart  # type: ignore[method-assign, assignment]
    assert "not this machine's loopback" in exposes(await fake.health(), on=True)[0]
    assert exposes(None, on=True)[1] == "$warning"


async def test_every_setting_of_a_project_is_changed_and_can_be_taken_away() -> None:
    fake = example()
    async with screen(fake, size=(120, 50)) as (app, pilot):
        await open_pane(app, pilot, "settings")
        id_ = project_id(app)
        await pilot.press("enter", "tab")
        await shows(pilot, "its routes answer below /api/gateway/ and this")
        await type_text(pilot, "till")
        await pilot.press("enter")
        await shows(pilot, "/api/gateway/till")
        await pilot.press("down", "enter")
        await shows(pilot, "of every call what came in")
        await pilot.press("enter", "down", "enter")
        await shows(pilot, "only of calls that failed")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: fake.all_projects[id_].capture == "errors")
        await pilot.press("down", "enter")
        await shows(pilot, "empty: as many as anybody likes")
        await type_text(pilot, "100")
        await pilot.press("enter")
        await shows(pilot, "all callers together; then 429")
        await pilot.press("down", "enter")
        await shows(pilot, "with commas")
        await type_text(pilot, "example.org")
        await pilot.press("enter")
        await shows(pilot, "'example.org' is not an origin")
        await pilot.press("home", *"https", "colon", "slash", "slash", "enter")
        await shows(pilot, "any method, without cookies")
        cors = fake.all_projects[id_].cors
        assert cors is not None
        assert cors.origins == ("https://example.org",)
        await pilot.press("enter", "delete", "enter")
        await shows(pilot, "no page of another origin")
        assert fake.all_projects[id_].cors is None


async def test_an_api_key_is_shown_once_copied_and_deleted() -> None:
    fake = example()
    async with screen(fake, size=(120, 50)) as (app, pilot):
        pane = await open_pane(app, pilot, "settings")
        assert isinstance(pane, SettingsPane)
        await pilot.press("d")
        await shows(pilot, "Go to the list of API keys first")
        await pilot.press("a")
        await shows(pilot, "the key itself is shown once")
        await type_text(pilot, "till")
        await pilot.press("enter")
        await shows(pilot, "ck_xxx")
        await pilot.press("c")
        await until(pilot, lambda: app.clipboard.startswith("ck_"))
        await until(pilot, lambda: len(pane.keys) == 1)
        assert THEN.astimezone().strftime("%Y-%m-%d %H:%M") in shown(app)
        await pilot.click(offset=spot(app, "till", after="│"))
        pane.query_one("#keys", Table).focus_rows()
        await until(pilot, lambda: pane.chosen_key is not None)
        await pilot.press("d")
        await shows(pilot, "answered with 401 at once")
        await pilot.press("y")
        await until(pilot, lambda: pane.keys == ())
        await shows(pilot, "0 API keys")


async def test_a_functions_limits_open_from_the_tree_too() -> None:
    async with screen() as (app, pilot):
        await pilot.press("ctrl+g", *"hello", "enter")
        await until(pilot, lambda: app.state.open_function is not None)
        await pilot.press("f12", "L")
        await shows(pilot, "Limits of hello")


async def test_a_route_says_who_may_call_it() -> None:
    fake = example()
    async with screen(fake, size=(120, 50)) as (app, pilot):
        await open_pane(app, pilot, "routes")
        await pilot.press("enter", "tab", "tab", "tab", "enter")
        await shows(pilot, "who sends one of the project's API keys")
        await pilot.press("down", "down", "enter", "ctrl+s")
        await shows(pilot, "api key")
    assert [route.auth for route in fake.all_routes.values()].count("api_key") == 1
