"""What a provider of databases must give."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The database to make. `reference` is a new id of ours, `slug` the project's."""

    reference: str
    slug: str


@dataclass(frozen=True, slots=True)
class Made:
    """A database that is there. `url` is what functions get; `admin` a further secret that the provider wants back.

    `reference` is how the provider finds it again.
    """

    reference: str
    url: str = field(repr=False)
    admin: str = field(default="", repr=False)


class Provider(Protocol):
    """Makes databases and removes them. Whatever goes wrong is Unavailable, with a reason for a person."""

    @property
    def name(self) -> str: ...

    @property
    def needs_network(self) -> bool:
        """Whether functions reach it over the network only."""
        ...

    async def problem(self) -> str:
        """Why it cannot be used here, in a sentence that says what to do; empty where it can."""

    async def provision(self, wanted: Wanted, progress: Progress) -> Made:
        """Make a database. What a failure or a cancelling leaves half made is removed."""

    async def drop(self, reference: str) -> None:
        """Remove a database with all that is in it; one that is gone already is no error."""
