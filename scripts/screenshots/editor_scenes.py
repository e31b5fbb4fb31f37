"""The editor's pictures: found and replaced, names offered, what is wrong, versions."""

from textual.pilot import Pilot

from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.versions.screen import VersionsScreen
from clowdy_tui.tui.widgets.completion import CompletionList
from scripts.screenshots.scenes import Scene, open_, until


async def _open(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await open_(app, pilot, "pay")
    await open_(app, pilot, "orders")


async def _find(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    await pilot.press("alt+r")
    await until(pilot, lambda: app.focused is not None and app.focused.id == "find")
    await pilot.press(*"items", "enter")
    await pilot.press("tab", *"wares")


async def _names(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    area = app.workbench.tabs.area
    assert area is not None
    area.move_cursor((23, 28))
    await pilot.press("enter", *"sent = json.lo")
    await until(pilot, lambda: any(names.display for names in app.workbench.query(CompletionList)))
    await pilot.press("down")


async def _problems(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    await pilot.press("ctrl+end", *"import re", "enter", *"due = totl(items)", "enter")
    area = app.workbench.tabs.area
    assert area is not None
    await until(pilot, lambda: len(area.marks.problems) > 2)
    await pilot.press("ctrl+home", "alt+p", "alt+p", "alt+p")


async def _versions(app: ClowdyApp, pilot: Pilot[None]) -> None:
    await _open(app, pilot)
    await pilot.press("alt+v")
    await until(pilot, lambda: isinstance(app.screen, VersionsScreen) and bool(app.screen.query("#view")))
    await until(pilot, lambda: app.screen.query_one("#view").virtual_size.height > 5)
    await pilot.pause(0.3)


EDITOR_SCENES = (
    Scene("find-and-replace", _find),
    Scene("completion", _names),
    Scene("problems", _problems),
    Scene("versions", _versions),
)
