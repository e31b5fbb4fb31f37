"""A project's rules, ready to be carried out on each request."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clowdy_tui.domain.rules import CorsRules, RateLimit
from clowdy_tui.services.ratelimit import Limiter


@dataclass(frozen=True, slots=True)
class ProjectRules:
    """None: it has set none."""

    cors: CorsRules | None
    limiter: Limiter | None


def make_rules(settings: Mapping[str, Any], before: ProjectRules | None) -> ProjectRules | None:
    """The rules in a project's settings; None where there are none. What was counted for the same limit is kept."""
    cors = CorsRules.model_validate(settings["cors"]) if settings.get("cors") else None
    limit = RateLimit.model_validate(settings["rate_limit"]) if settings.get("rate_limit") else None
    if cors is None and limit is None:
        return None
    limiter = before.limiter if before is not None else None
    if limit is None:
        limiter = None
    elif limiter is None or limiter.rule != limit:
        limiter = Limiter(limit)
    return ProjectRules(cors, limiter)
