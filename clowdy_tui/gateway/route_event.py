"""What a function behind a route gets as its event, in the format that the route asks for."""

from typing import Final

from aiohttp import hdrs, web

from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.payload import EventHead, readable
from clowdy_tui.gateway.payload_aws import Origin, build_aws_event
from clowdy_tui.gateway.proxies import source_ip, spoken_to
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.routing import Match

AWS: Final = "aws-2.0"


def clean(text: str) -> str:
    """A part of the address as text: aiohttp takes any byte there."""
    return text if text.isascii() else readable(text)


def make_event(
    gateway: Context,
    request: web.Request,
    match: Match,
    *,
    project_id: str | None,
    raw_path: str,
    body: bytes,
    request_id: str,
    actor: Actor | None,
) -> bytes:
    """The event's JSON. `actor` is who was let in, where the route asked for a token."""
    route = match.route
    # HEAD is answered by GET's route, and the function need not know.
    method = "GET" if request.method == hdrs.METH_HEAD and route.method == hdrs.METH_GET else request.method
    raw_query = clean(request.rel_url.raw_query_string)
    caller = source_ip(request, gateway.trusted)
    if route.payload_format != AWS:
        head = EventHead.of(
            method=method,
            raw_path=raw_path,
            params=match.params,
            raw_query=raw_query,
            headers=request.headers.items(),
            source_ip=caller,
        )
        return head.event(request_id, body)
    project = gateway.platform.directory.project_by_id(project_id) if project_id is not None else None
    scheme, port = spoken_to(request, gateway.trusted, gateway.port)
    peer = request.remote or "127.0.0.1"
    protocol = f"HTTP/{request.version.major}.{request.version.minor}"
    return build_aws_event(
        method=method,
        route_method=route.method,
        route_path=route.path,
        raw_path=raw_path,
        params=match.params,
        raw_query=raw_query,
        headers=request.headers.items(),
        body=body,
        request_id=request_id,
        api_id=project_id or "",
        origin=Origin(peer, caller, scheme, port, protocol),
        stage_variables=project.open_variables if project is not None else {},
        # Where AWS tells what a JWT authorizer found: whose token it was, and what it may do.
        authorizer=None if actor is None else {"jwt": {"claims": {"sub": actor.user}, "scopes": sorted(actor.scopes)}},
    )
