"""What a project has set for requests to its address, carried out before a function is looked for.

A project without rules costs two looks into memory. The headers for the browser are put on when an answer is begun,
so that a problem and a stream have them too.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web

from clowdy_tui.domain.errors import Forbidden, Throttled
from clowdy_tui.domain.rules import ANY, CorsRules
from clowdy_tui.gateway import auth
from clowdy_tui.gateway.context import Context
from clowdy_tui.gateway.proxies import source_ip
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.ratelimit import Limiter, retry_after

Serve = Callable[[Context, auth.Door, web.Request], Awaitable[web.StreamResponse]]

_ANY_METHOD: Final = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def guard_route(serve: Serve) -> Serve:
    """For requests to a project's address."""

    async def guarded(gateway: Context, door: auth.Door, request: web.Request) -> web.StreamResponse:
        directory = gateway.platform.directory
        project = directory.project(request.match_info["slug"])
        rules = directory.rules(project.id) if project is not None else None
        if rules is None:
            return await serve(gateway, door, request)
        if rules.cors is not None and request.method == "OPTIONS":
            origin, method = request.headers.get(hdrs.ORIGIN), request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_METHOD)
            if origin and method:
                return _preflight(rules.cors, origin, method, request)
        if rules.limiter is not None:
            _count(rules.limiter, gateway, request)
        return await serve(gateway, door, request)

    return guarded


def guard_invoke(serve: Serve) -> Serve:
    """For calls of a function by its id, which would else be the way around its project's limit. Its owner is free."""

    async def guarded(gateway: Context, door: auth.Door, request: web.Request) -> web.StreamResponse:
        directory = gateway.platform.directory
        target = directory.function(request.match_info["id"])
        rules = directory.rules(target.project_id) if target is not None and target.project_id else None
        if target is not None and rules is not None and rules.limiter is not None:
            actor = await door.actor(request)
            if actor is None or actor.user != target.owner:
                _count(rules.limiter, gateway, request)
        return await serve(gateway, door, request)

    return guarded


def put_headers_on(directory: Directory) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """What is to be called when an answer is begun."""

    async def put_on(request: web.Request, response: web.StreamResponse) -> None:
        origin = request.headers.get(hdrs.ORIGIN)
        if origin is None or (slug := request.match_info.get("slug")) is None:
            return
        project = directory.project(slug)
        rules = directory.rules(project.id) if project is not None else None
        if rules is not None and rules.cors is not None:
            _tell(rules.cors, origin, response)

    return put_on


def _count(limiter: Limiter, gateway: Context, request: web.Request) -> None:
    wait_s = limiter.take(source_ip(request, gateway.trusted))
    if wait_s:
        rule = limiter.rule
        whom = "This project" if rule.by == "project" else "A client of this project"
        requests = "1 request" if rule.requests == 1 else f"{rule.requests} requests"
        raise Throttled(
            f"{whom} may make {requests} in {rule.per_seconds:g} s",
            headers={hdrs.RETRY_AFTER: retry_after(wait_s)},
        )


def _allowed_origin(rules: CorsRules, origin: str) -> str | None:
    if ANY in rules.origins:
        return ANY
    return origin if origin.lower() in rules.origins else None


def _tell(rules: CorsRules, origin: str, response: web.StreamResponse) -> None:
    allowed = _allowed_origin(rules, origin)
    if allowed != ANY:
        # The answer differs by origin, which caches must know.
        response.headers.add(hdrs.VARY, hdrs.ORIGIN)
    # Where the project has rules, they count, and not what the function says of its own.
    response.headers.popall(hdrs.ACCESS_CONTROL_ALLOW_ORIGIN, None)
    response.headers.popall(hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS, None)
    if allowed is not None:
        response.headers[hdrs.ACCESS_CONTROL_ALLOW_ORIGIN] = allowed
        if rules.credentials:
            response.headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"


def _preflight(rules: CorsRules, origin: str, method: str, request: web.Request) -> web.Response:
    if _allowed_origin(rules, origin) is None:
        raise Forbidden("This project does not take calls from web pages of this origin")
    if ANY not in rules.methods and method.upper() not in rules.methods:
        raise Forbidden(f"This project lets web pages call {', '.join(rules.methods)}")
    asked = [name.strip() for name in request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS, "").split(",")]
    known = {name.lower() for name in rules.headers}
    if ANY not in known and (refused := [name for name in asked if name and name.lower() not in known]):
        raise Forbidden(f"This project does not take the headers {', '.join(refused)} from web pages")
    headers: dict[str, str] = {
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: _ANY_METHOD if ANY in rules.methods else ", ".join(rules.methods),
        hdrs.ACCESS_CONTROL_MAX_AGE: str(rules.max_age),
    }
    # Echoed where any will do: `*` would leave out Authorization, and counts for nothing beside credentials.
    if any(asked):
        headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = ", ".join(name for name in asked if name)
    return web.Response(status=204, headers=headers)
