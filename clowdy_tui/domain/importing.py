"""What an import brings, and what is said of each thing in it (pydantic). Where it comes from is not known here.

Things are told apart by `source`, their id where they come from. What one row holds is checked row by row, so that a
bad one is refused alone: hence the plain types.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from clowdy_tui.domain.schemas import Incoming, Outgoing

Kind = Literal["project", "function", "version", "route", "variable"]
Action = Literal["created", "unchanged", "refused"]


def _no_number(value: Any) -> Any:
    if isinstance(value, int | float):
        # Taken by pydantic as seconds or milliseconds, by its size: what was meant cannot be known.
        raise ValueError("a time is written as ISO 8601 text")
    return value


Time = Annotated[datetime, BeforeValidator(_no_number)]


class ImportVersion(Incoming):
    version: int
    code: str
    created_at: Time | None = None


class ImportFunction(Incoming):
    """`code` is what runs; where no version in `versions` holds it, it is one more. In a project its owner counts."""

    source: str
    name: str
    code: str
    description: str = ""
    runtime: str = "python"
    status: str = "active"
    network_enabled: bool = False
    versions: list[ImportVersion] = Field(default_factory=list)
    created_at: Time | None = None
    owner: str | None = None


class ImportRoute(Incoming):
    source: str
    function_source: str
    method: str
    path: str
    description: str = ""


class ImportVariable(Incoming):
    key: str
    value: str
    is_secret: bool = True


class ImportProject(Incoming):
    source: str
    name: str
    slug: str = ""
    description: str = ""
    created_at: Time | None = None
    owner: str | None = None
    functions: list[ImportFunction] = Field(default_factory=list)
    routes: list[ImportRoute] = Field(default_factory=list)
    variables: list[ImportVariable] = Field(default_factory=list)


class ImportIn(Incoming):
    """`functions` are those without a project. `owner`, of a project or a function, is for who administers alone.

    With `dry_run` everything is tried and nothing is kept.
    """

    dry_run: bool = False
    projects: list[ImportProject] = Field(default_factory=list)
    functions: list[ImportFunction] = Field(default_factory=list)


class ImportItem(Outgoing):
    """What became of one thing, or would. `note` says why it was refused, or what is different now."""

    kind: Kind
    source: str
    name: str
    action: Action
    id: str | None = None
    note: str = ""


class ImportOut(Outgoing):
    dry_run: bool
    items: list[ImportItem]
