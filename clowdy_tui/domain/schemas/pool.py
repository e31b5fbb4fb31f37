"""The sandboxes that are there."""

from typing import Literal

from clowdy_tui.domain.schemas.base import Outgoing


class PoolInstance(Outgoing):
    """One sandbox. A spare belongs to no function."""

    id: str
    function_id: str | None
    function_name: str | None
    version: int | None
    state: Literal["spare", "starting", "busy", "idle"]
    age_s: float
    calls: int
    memory_mb: float | None
