"""A new key for what is kept encrypted."""

from clowdy_tui.domain.schemas import Outgoing


class Rotated(Outgoing):
    """How many values the new key encrypts now."""

    values: int
