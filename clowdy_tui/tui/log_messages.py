"""What workers tell the app about the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from clowdy_tui.tui.widgets.log_search import Ask

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut


@dataclass
class OlderFetched(Message):
    """The page that was asked for; None where it could not be had."""

    ask: Ask
    calls: list[InvocationOut] | None


@dataclass
class NewestFetched(Message):
    calls: list[InvocationOut]
