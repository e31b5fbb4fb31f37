"""Who asks, and what they may."""

from dataclasses import dataclass

from clowdy_tui.domain.errors import Forbidden
from clowdy_tui.domain.schemas import ALL_SCOPES, Scope


@dataclass(frozen=True, slots=True)
class Actor:
    """A user with scopes. `administers`: the installation's own things too (every user's tokens and instances, stop).

    Projects, functions and calls are seen by their owner alone. `name` is what `created_by` shows.
    """

    user: str
    scopes: frozenset[str]
    administers: bool = False
    name: str = ""

    def require(self, scope: Scope) -> None:
        """Raises Forbidden, naming the scope, where the actor has it not."""
        if scope not in self.scopes:
            raise Forbidden(f"This needs the scope {scope!r}, which this token does not have")

    @property
    def label(self) -> str:
        """What `created_by` shows."""
        return self.name or self.user


LOCAL = Actor("local", frozenset(ALL_SCOPES), administers=True, name="local")
