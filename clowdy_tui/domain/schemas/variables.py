"""A project's variables."""

from clowdy_tui.domain.schemas.base import Incoming, Moment, Outgoing


class VariableIn(Incoming):
    key: str
    value: str
    is_secret: bool = True


class VariableOut(Outgoing):
    """A secret's `value` reads `****` unless it was asked for with the scope `reveal`."""

    id: str
    key: str
    value: str
    is_secret: bool
    created_at: Moment
    updated_at: Moment
