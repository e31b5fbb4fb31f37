"""What is told as it happens."""

from typing import Any

from clowdy_tui.domain.schemas.base import Outgoing


class EventOut(Outgoing):
    """One server-sent event: `id` and `type` are also the event's own fields."""

    id: str
    type: str
    data: dict[str, Any]
