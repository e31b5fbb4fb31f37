"""A planted secret, and everything that is painted while a person walks through all that could show it: on a real
gateway, with real calls that print it, raise with it and are named by it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType
from textual.screen import Screen

from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionIn, ProjectIn, VariableIn
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.assistant.config import AssistantConfig
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.chat.cards import PermissionCard, ToolLine
from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.session import Session
from clowdy_tui.tui.state import Place
from tests.model_server import Says, model_server
from tests.tui.driving import open_function, screen, shown, shows, type_text, until

pytestmark = pytest.mark.slow

SECRET = "zq7-planted-secret-42"
LEAKS = """
import os, sys
S = os.environ["PLANTED"]
print("imported with", S)
def handler(event):
    print("called with", S)
    os.write(2, f"raw {S}\\n".encode())
    if event == "type":
        raise type(f"Bad{S}", (Exception,), {})(S)
    raise ValueError(f"wrong key {S}")
"""


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The text of every frame."""
    frames: list[str] = []
    display = ClowdyApp._display

    def paint(app: ClowdyApp, painted: Screen[Any], renderable: RenderableType | None) -> None:
        display(app, painted, renderable)
        if painted is app.screen and renderable is not None:
            frames.append(shown(app))

    monkeypatch.setattr(ClowdyApp, "_display", paint)
    return frames


async def test_the_screen_never_shows_it_until_it_is_asked_for(prepared_dir: Path, painted: list[str]) -> None:
    async with model_server() as model:

        @asynccontextmanager
        async def connect() -> AsyncIterator[Session]:
            platform = await Platform.open(
                PlatformConfig(
                    data_dir=prepared_dir, driver="bubblewrap", assistant=AssistantConfig(base_url=model.url)
                )
            )
            try:
                project = await platform.projects.create(LOCAL, ProjectIn(name="shop"))
                await platform.functions.create(LOCAL, FunctionIn(name="leaks", code=LEAKS, project_id=project.id))
                await platform.environment.set(LOCAL, project.id, VariableIn(key="PLANTED", value=SECRET))
                async with (
                    Gateway(platform, GatewayConfig(host="127.0.0.1", port=0)) as gateway,
                    Clowdy(socket=gateway.socket_path) as client,
                ):
                    yield Session(client=client, hosted=True, url=gateway.url)
            finally:
                await platform.close()

        async with screen(connect=connect, size=(120, 40)) as (app, pilot):
            function = await open_function(app, pilot, "leaks")
            project = app.state.functions[function].project_id
            # the console, its answer, the log and the call in full
            await pilot.press("f5")
            await shows(pilot, "wrong key ****")
            failed = (await app.client.functions.invocations(function))[0].id
            await app.client.invoke(function, "type")
            await pilot.press("f8")
            await shows(pilot, "called with ****")
            await shows(pilot, "raw ****")
            await pilot.press("end", "enter")
            await shows(pilot, "Call of leaks")
            await pilot.press("escape")
            app.post_message(Perform("pane.history"))
            history = app.workbench.dock.history
            await until(pilot, lambda: history.view.has_focus and history.view.pages.row(0))
            await pilot.press("enter")
            await shows(pilot, "Call of leaks")
            await until(pilot, lambda: "wrong key ****" in shown(app) or "Bad****" in shown(app))
            await pilot.press("escape")
            await until(pilot, lambda: app.screen is app.workbench)
            # the variables: masked, edited, refused, imported
            app.panes.open(Place("variables", project))
            await shows(pilot, "••••••••")
            await pilot.press("enter")
            await shows(pilot, "Variable PLANTED")
            await pilot.press("escape")
            await pilot.press("a")
            await shows(pilot, "New variable")
            await type_text(pilot, "1X")
            await pilot.press("tab")
            await type_text(pilot, SECRET)
            await pilot.press("enter")
            await shows(pilot, "not beginning with a digit")
            await pilot.press("escape")
            # the dashboard with its calls
            app.post_message(Perform("pane.dashboard"))
            await until(pilot, lambda: app.state.where == "dashboard")
            await shows(pilot, "leaks")
            # the assistant: what it looks at, folded and unfolded, and what would be sent
            model.will(
                Says(calls=[("list_variables", {}), ("get_invocation", {"invocation_id": failed}),
                            ("view_logs", {"function_id": function})]),
                Says("I saw."),
            )  # fmt: skip
            await open_function(app, pilot, "leaks")
            await pilot.press("f9")
            await until(pilot, lambda: app.state.region == "chat")
            await type_text(pilot, "look")
            await pilot.press("enter")
            await until(pilot, lambda: app.screen.query(PermissionCard))
            await pilot.press("y")
            await shows(pilot, "I saw.")
            for line in app.screen.query(ToolLine):
                line.action_fold()
                await pilot.pause()
            await shows(pilot, '"PLANTED"')
            await type_text(pilot, "/sent what now")
            await pilot.press("enter")
            await until(pilot, lambda: len(app.screen_stack) > 1)
            await pilot.press("escape")

            assert len(painted) > 50
            assert any("called with ****" in text for text in painted)
            assert [text for text in painted if SECRET in text] == []
            assert SECRET not in json.dumps(model.asked)
            # And so this test would have seen it.
            app.panes.open(Place("variables", project))
            await until(pilot, lambda: app.state.where == "variables")
            await pilot.press("v")
            await shows(pilot, SECRET)
            await until(pilot, lambda: any(SECRET in text for text in painted))
