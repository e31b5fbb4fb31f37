"""Endpoints that answer for themselves, byte by byte, as facts: what the API's description says of them.

Those of the management API say it where they are declared; these serve bodies and answers that no schema can read.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from clowdy_tui.domain.schemas import Detail, InvokeIn, InvokeOut, Scope
from clowdy_tui.gateway.endpoint import Parameters

Version = Annotated[int, Field(ge=1, lt=1_000_000_000)]

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Operation:
    """What there is at a path. `scope` with `is_public`: a token is asked for only in some cases, told in `summary`.

    `content_type` None: an answer of any kind. `any_status`: the function decides. `headers`: further ones that a
    request may have, with what they mean. `is_timed`: answers say how long the call took.
    """

    name: str
    methods: tuple[str, ...]
    path: str
    tag: str
    summary: str
    statuses: tuple[int, ...]
    scope: Scope | None = None
    is_public: bool = True
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    answer: Any = str
    content_type: str | None = "application/json"
    any_status: bool = False
    takes_key: bool = False
    is_timed: bool = False
    headers: tuple[tuple[str, str], ...] = ()


class InvokeQuery(Parameters):
    version: Annotated[Version | None, Field(description="another version than the active one; asks for a token")] = (
        None
    )
    logs: Annotated[bool, Field(description="with what the call printed")] = False


class EventsQuery(Parameters):
    after: Annotated[str | None, Field(description="begin after the event with this id, as `Last-Event-ID`")] = None


_CALLS: Final = (401, 403, 404, 405, 408, 413, 429, 500, 501, 502, 503, 504)

_NAMED: Final = (("X-Request-Id", "What to call the request: up to 128 visible ASCII characters."),)
_OF_CALLS: Final = (
    *_NAMED,
    ("traceparent", "The trace that the call belongs to (W3C Trace Context); handed on to the function."),
)

OPERATIONS: Final = (
    Operation(
        name="invoke_function",
        methods=("POST",),
        path="/api/invoke/{id}",
        tag="calls",
        summary="Call a function; 200 whenever it ran. A private one, and another version, ask for its owner's token.",
        statuses=(400, 401, 403, 404, 408, 413, 415, 422, 429, 500, 501, 503),
        scope="invoke",
        query=InvokeQuery,
        body=InvokeIn,
        answer=InvokeOut,
        is_timed=True,
        headers=_NAMED,
    ),
    Operation(
        name="call_route_at_root",
        methods=METHODS,
        path="/api/gateway/{slug}",
        tag="calls",
        summary="Call the function behind a project's route /; its answer goes out as it is.",
        statuses=_CALLS,
        scope="invoke",
        content_type=None,
        any_status=True,
        takes_key=True,
        is_timed=True,
        headers=_OF_CALLS,
    ),
    Operation(
        name="call_route",
        methods=METHODS,
        path="/api/gateway/{slug}/{path}",
        tag="calls",
        summary="Call the function behind a project's route; `path` may have any number of segments.",
        statuses=_CALLS,
        scope="invoke",
        content_type=None,
        any_status=True,
        takes_key=True,
        is_timed=True,
        headers=_OF_CALLS,
    ),
    Operation(
        name="follow_events",
        methods=("GET",),
        path="/api/events",
        tag="events",
        summary="What happens, as server-sent events, for as long as you listen; from where you were before.",
        statuses=(401, 403, 422, 429, 500, 503),
        scope="read",
        is_public=False,
        query=EventsQuery,
        content_type="text/event-stream",
        headers=(("Last-Event-ID", "The last event that came before; what followed is sent first."),),
    ),
    Operation(
        name="dump_database",
        methods=("GET",),
        path="/api/projects/{id}/database/dump",
        tag="databases",
        summary="All that a project's database holds, in the custom format of pg_dump.",
        statuses=(400, 401, 403, 404, 422, 429, 500, 503),
        scope="reveal",
        is_public=False,
        content_type="application/octet-stream",
    ),
    Operation(
        name="restore_database",
        methods=("POST",),
        path="/api/projects/{id}/database/restore",
        tag="databases",
        summary="Put back what a dump holds (the body: pg_dump's custom format), all of it or nothing.",
        statuses=(400, 401, 403, 404, 408, 413, 422, 429, 500, 503),
        scope="write",
        is_public=False,
        answer=Detail,
    ),
    Operation(
        name="get_openapi",
        methods=("GET",),
        path="/openapi.json",
        tag="about",
        summary="This description, in OpenAPI 3.1.",
        statuses=(500,),
        answer=dict[str, Any],
    ),
    Operation(
        name="get_docs",
        methods=("GET",),
        path="/docs",
        tag="about",
        summary="This description, as a page for people.",
        statuses=(500,),
        content_type="text/html",
    ),
)
