"""The dashboard: its figures, its order, the pool's map, and that it is fetched no more often than it should be."""

import re

from clowdy_tui.tui.panes.dashboard import DashboardPane
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.widgets.pool_map import PoolMap
from tests.tui.driving import NARROW, screen, shown, shows, spot, until
from tests.tui.fake import FakeClowdy, busy_example, example
from tests.tui.test_panes import open_pane


def order(text: str) -> list[str]:
    """The functions of the table, from the top."""
    return re.findall(r"[●○] (\w+)  shop .* ms ", text)


async def test_shows_figures_functions_pool_and_calls_and_takes_the_docks_room() -> None:
    async with screen(busy_example(), size=(120, 50)) as (app, pilot):
        await pilot.press("f10")
        await shows(pilot, "12,408")
        text = shown(app)
        assert "99 %" in text
        assert "60 min ago" in text
        assert "◆ 2 busy  ○ 3 idle  ◌ 1 starting  ◇ 4 spare" in text
        assert "✗ error" in text
        assert not app.workbench.dock.display
        await pilot.press("f8")
        await until(pilot, lambda: app.workbench.dock.display and app.state.region == "dock")
        await pilot.press("f3")
        await until(pilot, lambda: app.state.where == "dashboard" and not app.workbench.dock.display)


async def test_however_long_a_project_s_name_is_its_functions_are_told_apart() -> None:
    fake = busy_example()
    shop = next(project for project in fake.all_projects.values() if project.name == "shop")
    fake.all_projects[shop.id] = shop.model_copy(update={"name": "shop of the " + "very " * 9 + "late"})
    async with screen(fake, size=NARROW) as (app, pilot):
        await pilot.press("f10")
        await shows(pilot, "most called first")
        assert order(shown(app)) == ["orders", "pay"]


async def test_sorts_by_calls_time_and_failures_and_opens_what_is_chosen() -> None:
    async with screen(busy_example(), size=(120, 50)) as (app, pilot):
        await pilot.press("f10")
        await shows(pilot, "most called first")
        assert order(shown(app)) == ["orders", "pay"]
        await pilot.press("s")
        await shows(pilot, "slowest first")
        assert order(shown(app)) == ["pay", "orders"]
        await pilot.press("s")
        await shows(pilot, "most failing first")
        assert order(shown(app)) == ["pay", "orders"]
        await pilot.press("home", "enter")
        await until(pilot, lambda: app.state.open_function is not None and app.state.pane_kind == "")
        assert app.state.target is not None
        assert app.state.target.name == "pay"


async def test_a_sandbox_is_killed_by_key_and_a_busy_one_asks_first() -> None:
    fake = busy_example()
    async with screen(fake, size=(120, 50)) as (app, pilot):
        await pilot.press("f10")
        await shows(pilot, "ready for any")
        await pilot.press("K")
        await shows(pilot, "Choose a sandbox")
        pool = app.workbench.tabs.query_one(PoolMap)
        await pilot.press("tab")
        await until(pilot, lambda: app.state.pane.kind == "instance")
        await pilot.press("down", "right")
        await until(pilot, lambda: pool.chosen is not None and pool.chosen.state == "busy")
        busy = app.state.pane.instance_id
        assert busy is not None
        await pilot.press("K")
        await shows(pilot, "Kill a busy sandbox")
        await pilot.press("escape")
        assert busy in fake.all_instances
        await pilot.press("right")
        await until(pilot, lambda: pool.chosen is not None and pool.chosen.state == "idle")
        idle = app.state.pane.instance_id
        await pilot.press("K")
        await until(pilot, lambda: idle not in fake.all_instances)
        await until(pilot, lambda: pool.chosen is not None and pool.chosen.id != idle)
        await pilot.press("up", "w")
        await shows(pilot, "hello is warm")
        await until(pilot, lambda: "○ 3 idle" in shown(app))
        await pilot.click(offset=(spot(app, "◇ ◇")[0] + 2, spot(app, "◇ ◇")[1]))
        await until(pilot, lambda: pool.chosen is not None and pool.chosen.state == "spare")


async def test_a_call_opens_from_the_list() -> None:
    async with screen(busy_example(), size=(120, 50)) as (app, pilot):
        await pilot.press("f10")
        await shows(pilot, "✗ error")
        where = spot(app, "✗ error")
        await pilot.click(offset=where)
        await pilot.click(offset=where)
        await shows(pilot, "Call of pay")


async def test_of_one_project_it_has_only_that_ones() -> None:
    async with screen(busy_example(), size=(120, 50)) as (app, pilot):
        pane = await open_pane(app, pilot, "functions")
        assert isinstance(pane, DashboardPane)
        await shows(pilot, "◆ 2 busy  ○ 2 idle  ◌ 1 starting")
        assert "0 spare" not in shown(app)
        assert not any("hello" in line for line in shown(app).splitlines() if "│" in line[35:] and "hello" in line[36:])


async def test_counts_over_another_time() -> None:
    fake = busy_example()
    asked: list[object] = []
    stats = fake.stats

    async def stats_(**wanted: object) -> object:
        asked.append(wanted["since"])
        return await stats()

    fake.stats = stats_  # type: ignore[method-assign, assignment]
    async with screen(fake, size=NARROW) as (_, pilot):
        await pilot.press("f10")
        await shows(pilot, "the last hour")
        for span in ("the last day", "the last week", "all time", "the last hour"):
            await pilot.press("t")
            await shows(pilot, span)
        await until(pilot, lambda: None in asked)


async def test_is_fetched_once_a_second_at_most_and_not_while_it_is_behind() -> None:
    fake = busy_example()
    fetched = 0
    pool = fake.pool

    async def pool_() -> object:
        nonlocal fetched
        fetched += 1
        return await pool()

    fake.pool = pool_  # type: ignore[method-assign, assignment]
    async with screen(fake, size=(120, 50)) as (app, pilot):
        await pilot.press("f10")
        await shows(pilot, "12,408")
        before = fetched
        for _ in range(50):
            fake.publish("pool.changed", spare=0, starting=0, busy=1, idle=7)
        await until(pilot, lambda: app.state.warm == 8)
        await until(pilot, lambda: fetched > before)
        assert fetched == before + 1
        await pilot.press("ctrl+g", "enter")
        await until(pilot, lambda: app.state.pane_kind == "")
        before = fetched
        fake.publish("pool.changed", spare=0, starting=0, busy=2, idle=7)
        await until(pilot, lambda: app.state.warm == 9)
        assert fetched == before
        await pilot.press("f10")
        await until(pilot, lambda: fetched > before)


async def test_without_functions_it_says_what_to_do_and_without_calls_it_stands() -> None:
    async with screen(FakeClowdy()) as (_, pilot):
        await pilot.press("f10")
        await shows(pilot, "No function yet")
    async with screen(example(), size=NARROW) as (app, pilot):
        await pilot.press("f10")
        await shows(pilot, "cold starts")
        assert "–" in shown(app)


async def test_a_gateway_that_is_gone_is_told_and_asked_again() -> None:
    fake = busy_example()
    async with screen(fake) as (app, pilot):
        fake.gone = True
        app.panes.open(Place("dashboard"))
        await shows(pilot, "This could not be loaded")
        fake.gone = False
        await pilot.click(offset=spot(app, "tries again"))
        await shows(pilot, "12,408")
