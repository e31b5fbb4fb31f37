"""Projects."""

from typing import Literal

from pydantic import Field

from clowdy_tui.domain.rules import CorsRules, RateLimit
from clowdy_tui.domain.schemas.base import Incoming, Moment, Name, Outgoing

Capture = Literal["all", "errors", "none"]


class ProjectIn(Incoming):
    name: Name
    description: str = ""


class ProjectPatch(Incoming):
    """Only what is to change. `capture`: of which calls is kept what they carried, printed and raised.

    `cors` and `rate_limit`: null takes the rules away.
    """

    name: Name | None = None
    description: str | None = None
    slug: str | None = None
    capture: Capture | None = None
    cors: CorsRules | None = None
    rate_limit: RateLimit | None = None


class ProjectOut(Outgoing):
    id: str
    name: str
    slug: str
    description: str
    status: str
    function_count: int
    requirements_txt: str
    has_database: bool
    capture: Capture = "all"
    cors: CorsRules | None = None
    rate_limit: RateLimit | None = None
    created_at: Moment
    updated_at: Moment


class ProjectGone(Outgoing):
    """`left` is what of the project could not be removed, in sentences."""

    detail: str = "Project deleted"
    left: list[str] = Field(default_factory=list)
