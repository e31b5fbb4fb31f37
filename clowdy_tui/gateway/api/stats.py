"""Figures."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from clowdy_tui.domain.names import ID_PATTERN
from clowdy_tui.domain.schemas import FunctionStats, Stats
from clowdy_tui.gateway import metrics
from clowdy_tui.gateway.endpoint import Call, Page, Parameters, endpoint
from clowdy_tui.gateway.paging import part

Id = Annotated[str, Field(pattern=ID_PATTERN)]


class StatsOf(Parameters):
    """Of what: one project, one function, the time since then (with its zone)."""

    project_id: Id | None = None
    function_id: Id | None = None
    since: AwareDatetime | None = None


@endpoint("GET", "/api/stats", scope="read", query=StatsOf, answer=Stats, statuses=(404,))
async def get_stats(call: Call[None, StatsOf]) -> Stats:
    """How many calls there were, how they ended and how long they took, and the last hour minute by minute."""
    query = call.query
    return await call.platform.stats.get(
        call.actor, project_id=query.project_id, function_id=query.function_id, since=query.since
    )


class StatsByFunction(Page):
    """Of what: one project, the time since then (with its zone). `before` is the id of a function."""

    project_id: Id | None = None
    since: AwareDatetime | None = None


@endpoint(
    "GET", "/api/stats/functions", scope="read", query=StatsByFunction, answer=list[FunctionStats], statuses=(404,)
)
async def get_function_stats(call: Call[None, StatsByFunction]) -> list[FunctionStats]:
    """The same figures of each function that was called, the most called first."""
    query = call.query
    figures = await call.platform.stats.by_function(call.actor, project_id=query.project_id, since=query.since)
    return part(figures, query, lambda one: one.function_id)


@endpoint("GET", "/metrics", scope="read", answer=str, content_type=metrics.CONTENT_TYPE)
async def get_metrics(call: Call[None, None]) -> str:
    """Figures since the start in Prometheus's text format, of the caller's functions and sandboxes."""
    return metrics.to_text(await call.platform.monitoring.read(call.actor))


ENDPOINTS = (get_stats, get_function_stats, get_metrics)
