"""Inputs to begin with: the events of a function's routes, and those that any function may get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from clowdy_tui.domain.schemas import PayloadFormat, RouteOut
from clowdy_tui.tui.route_event import example_event

_NEVER: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Template:
    """An input, with a name that says what it is."""

    title: str
    about: str
    value: Any


def templates(routes: Sequence[RouteOut]) -> Iterator[Template]:
    """For each of the routes its own event; then an HTTP event in both formats, and an empty input."""
    for route in routes:
        yield Template(f"{route.method} {route.path}", "event of the route", example_event(route))
    yield Template("HTTP event", "template", example_event(_any_route("clowdy")))
    yield Template("AWS v2.0 event", "template", example_event(_any_route("aws-2.0")))
    yield Template("Empty object", "template", {})


def _any_route(payload_format: PayloadFormat) -> RouteOut:
    """A route that there is not: an event is made of its method and path."""
    return RouteOut(
        id="",
        project_id="",
        function_id="",
        function_name="",
        method="POST",
        path="/items/:id",
        description="",
        payload_format=payload_format,
        auth="none",
        url="http://localhost/",
        created_at=_NEVER,
        updated_at=_NEVER,
    )
