"""What workers and dialogs tell the app about calls and inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.message import Message

from clowdy_tui.tui.widgets.call_pages import PageAsk

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut


@dataclass
class CallsFetched(Message):
    """A page of the history; None where it could not be had, and then `problem` says why."""

    ask: PageAsk
    calls: list[InvocationOut] | None
    problem: str = ""


@dataclass
class CallAsked(Message):
    """Something is to be done with a call: `replay`, `edit`, `compare`, `curl` or `cli`."""

    action: str
    call: InvocationOut


@dataclass
class InputChosen(Message):
    """An input for the console: JSON text, and the name that it is saved under, where it is."""

    function_id: str
    text: str
    name: str = ""


@dataclass
class Picked(Message):
    """What was chosen in a list that a flow waits for."""

    value: Any
