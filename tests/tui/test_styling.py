"""The stylesheet that keeps its answers says what Textual's own, which keeps none, would say."""

from typing import Any

import pytest
from textual.css import stylesheet
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.messages import Perform, PlaceChosen
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import Place
from tests.tui.driving import NARROW, open_function, screen, type_text, until
from tests.tui.fake import busy_example


def _styled(node: DOMNode) -> dict[str, Any]:
    return {"": dict(node.styles.base._rules)} | {
        part: dict(styles.base._rules) for part, styles in node._component_styles.items()
    }


def _compare(app: ClowdyApp) -> int:
    """Has each widget styled by Textual's own, which must change nothing; how many there are."""
    plain = Stylesheet(variables=app.get_css_variables())
    plain.source = dict(app.stylesheet.source)
    plain.parse()
    nodes = [app, *(node for shown in app.screen_stack for node in shown.walk_children(with_self=True))]
    for node in nodes:
        before = _styled(node)
        Stylesheet.apply(plain, node)
        assert _styled(node) == before, node.css_identifier
    return len(nodes)


@pytest.mark.parametrize("size", [NARROW, (170, 40)])
async def test_every_widget_is_styled_as_textual_would_whatever_has_changed(size: tuple[int, int]) -> None:
    async with screen(busy_example(), size=size) as (app, pilot):
        assert _compare(app) > 40
        await open_function(app, pilot, "pay")
        await type_text(pilot, "x")
        _compare(app)
        for key in ("f8", "f4", "f9", "f3", "f7", "f7", "ctrl+o", "escape"):
            await pilot.press(key)
            _compare(app)
        project = next(project.id for project in app.state.projects.values() if project.name == "shop")
        for kind in ("dashboard", "routes", "settings"):
            place = Place(PANES[kind].id, project if PANES[kind].in_tree else None)
            app.post_message(PlaceChosen(place))
            await until(pilot, lambda kind=kind: app.state.where == kind)
            await pilot.press("down")
            _compare(app)
        for action in ("app.palette", "route.new", "app.theme"):
            app.post_message(Perform(action))
            await until(pilot, lambda: app.screen is not app.workbench)
            await pilot.press("down", "tab")
            _compare(app)
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.workbench)
        app.theme = "clowdy-day"
        await pilot.pause()
        _compare(app)
        await pilot.resize_terminal(120, 36)
        await pilot.hover("#tree", (3, 3))
        _compare(app)


async def test_what_was_there_once_is_not_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    check = stylesheet._check_selectors

    def note(selectors: Any, nodes: Any) -> bool:
        asked.append(selectors)
        return check(selectors, nodes)

    async with screen(size=NARROW) as (app, pilot):
        await open_function(app, pilot, "pay")

        async def there_and_back() -> None:
            for key in ("f4", "f3"):
                await pilot.press(key)
                await pilot.pause()

        await there_and_back()
        monkeypatch.setattr(stylesheet, "_check_selectors", note)
        await there_and_back()
        assert asked == []
        # And so this test would have seen it.
        app.workbench.add_class("-never-seen", "-zoom-chat")
        app.stylesheet.update(app.workbench)
        assert asked
