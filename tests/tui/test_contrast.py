"""Everything that is written on the screen is legible: WCAG AA, in each theme, in every pane and in the dialogs."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.messages import Perform, PlaceChosen
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import Place
from clowdy_tui.tui.themes import contrast_ratio, load_themes
from tests.tui.driving import open_function, screen, until
from tests.tui.fake import busy_example

# A whole walk through the screen for each theme: begun last, they would be what all wait for.
pytestmark = pytest.mark.slow

THEMES = [*load_themes([Path(__file__).parents[2] / "themes"]).themes]
LEAST = 4.5
OVER = ("app.help", "app.leader", "app.palette", "app.theme", "app.gateway", "route.new", "key.new", "function.limits",
        "function.versions", "variable.new", "packages.edit")  # fmt: skip


def _faint(app: ClowdyApp) -> set[tuple[str, float]]:
    """What stands on the screen and has too little contrast, with how much it has."""
    found = set()
    # What lies under a dialog is dimmed on purpose.
    shown = app.screen.region if app.screen is app.workbench else app.screen.children[0].region
    for strip in app.screen._compositor.render_strips()[shown.y : shown.bottom]:
        for segment in strip.crop(shown.x, shown.right):
            style = segment.style
            if style is None or not any(char.isalnum() for char in segment.text):
                continue
            text, behind = style.color, style.bgcolor
            if text is None or behind is None or text.triplet is None or behind.triplet is None:
                continue
            pair = (behind, text) if style.reverse else (text, behind)
            one, other = (color.triplet.hex for color in pair if color.triplet)
            if (ratio := contrast_ratio(one, other)) < LEAST:
                found.add((segment.text.strip(), round(ratio, 2)))
    return found


@pytest.mark.parametrize("theme", THEMES)
async def test_all_that_is_written_is_legible(theme: str) -> None:
    faint: dict[str, set[tuple[str, float]]] = {}

    async def look(pilot: Pilot[None], app: ClowdyApp, what: str) -> None:
        await pilot.pause()
        if found := _faint(app):
            faint[what] = found

    async with screen(busy_example(), theme=theme) as (app, pilot):
        await look(pilot, app, "start")
        await open_function(app, pilot, "pay")
        await pilot.press("f5")
        await until(pilot, lambda: not app.state.running)
        await look(pilot, app, "file")
        project = next(project.id for project in app.state.projects.values() if project.name == "shop")
        for kind in PANES:
            app.post_message(PlaceChosen(Place(PANES[kind].id, project if PANES[kind].in_tree else None)))
            await until(pilot, lambda kind=kind: app.state.where == kind)
            await look(pilot, app, kind)
        for key in ("f8", "f4", "f9"):
            await pilot.press(key)
            await look(pilot, app, key)
        await open_function(app, pilot, "pay")
        for action_id in OVER:
            app.post_message(Perform(action_id))
            await until(pilot, lambda: app.screen is not app.workbench)
            await look(pilot, app, action_id)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.workbench)
    assert faint == {}
