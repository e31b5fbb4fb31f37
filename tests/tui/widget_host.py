"""An app that shows one widget, with what the tests of widgets need around it."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.widget import Widget

from clowdy_tui.tui.themes import load_themes

THEMES = Path(__file__).parents[2] / "themes"
M = TypeVar("M", bound=Message)


class Host(App[None]):
    """Shows a widget in one of Clowdy's themes."""

    def __init__(self, widget: Widget, theme: str = "clowdy-night") -> None:
        super().__init__()
        self.widget = widget
        for known in load_themes([THEMES]).themes.values():
            self.register_theme(known.to_textual())
        self.theme = theme

    def compose(self) -> ComposeResult:
        yield self.widget


class Ears:
    """For `run_test(message_hook=…)`: keeps what the widgets said."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.messages.append(message)

    def of(self, kind: type[M]) -> list[M]:
        """The messages of a kind, each once, in order."""
        seen: dict[int, M] = {id(message): message for message in self.messages if isinstance(message, kind)}
        return list(seen.values())


async def until(condition: Callable[[], Any], *, seconds: float = 60.0) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        await asyncio.sleep(0.005)


def rows(app: App[Any]) -> list[str]:
    """What stands on the screen, a string a row, blanks at the end cut off."""
    return ["".join(segment.text for segment in strip).rstrip() for strip in app.screen._compositor.render_strips()]


def screen(app: App[Any]) -> str:
    """What stands on the screen."""
    return "\n".join(rows(app))
