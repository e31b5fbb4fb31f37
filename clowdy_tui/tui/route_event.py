"""The event that a request to a route would give its function: what "try it" puts into the console, to be filled in."""

from typing import Any
from urllib.parse import urlsplit

from clowdy_tui.domain.names import parse_route
from clowdy_tui.domain.schemas import RouteOut

_EXAMPLES = {"id": "1", "name": "ada", "page": "1", "email": "ada@example.org"}
_WITH_BODY = ("POST", "PUT", "PATCH")


def example_event(route: RouteOut) -> dict[str, Any]:
    """In the route's own payload format, with a value for each parameter, and an empty object for a body."""
    method = "GET" if route.method == "ANY" else route.method
    pattern = parse_route(route.path)
    params = {part.text: _value(part.text, part.kind) for part in pattern.segments if part.kind != "literal"}
    path = "/" + "/".join(part.text if part.kind == "literal" else params[part.text] for part in pattern.segments)
    headers = {"accept": "*/*"}
    if method in _WITH_BODY:
        headers["content-type"] = "application/json"
    if route.payload_format == "aws-2.0":
        return _aws(route, method, path, params, headers)
    body: Any = {} if method in _WITH_BODY else None
    return {"method": method, "path": path, "params": params, "query": {}, "headers": headers, "body": body}


def _value(name: str, kind: str) -> str:
    return "a/b" if kind == "wildcard" else _EXAMPLES.get(name, "1" if name.endswith("id") else name)


def _aws(route: RouteOut, method: str, path: str, params: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    domain = urlsplit(route.url).hostname or "localhost"
    segments = (
        part.text if part.kind == "literal" else f"{{{part.text}{'+' if part.kind == 'wildcard' else ''}}}"
        for part in parse_route(route.path).segments
    )
    key = f"{route.method} /{'/'.join(segments)}"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "domainName": domain,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": ""},
            "routeKey": key,
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if params:
        event["pathParameters"] = params
    if method in _WITH_BODY:
        event["body"] = "{}"
    return event
