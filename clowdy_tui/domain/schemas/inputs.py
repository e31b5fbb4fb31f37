"""Inputs of a function that were given a name, to call it with again."""

from typing import Any, Final

from clowdy_tui.domain.schemas.base import Incoming, Moment, Name, Outgoing

MAX_INPUT_BYTES: Final = 256 * 1024
MAX_INPUTS: Final = 100


class SavedInputIn(Incoming):
    """`input` is any JSON, up to `MAX_INPUT_BYTES`; a name that is there already gets it in the old one's place."""

    name: Name
    input: Any = None


class SavedInputOut(Outgoing):
    name: str
    input: Any
    created_at: Moment
    updated_at: Moment
