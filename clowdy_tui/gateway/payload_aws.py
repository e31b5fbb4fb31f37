"""The event of API Gateway's HTTP APIs, payload format 2.0, for routes with `payload_format: "aws-2.0"`.

As AWS documents it, and where that leaves room, as API Gateway does it: the path is decoded, fields that hold nothing
are left out, cookies are no header, and a body is text only under a handful of content types.
"""

import base64
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from clowdy_tui.domain import names
from clowdy_tui.gateway.payload import readable

ACCOUNT: Final = "000000000000"
STAGE: Final = "$default"

# What API Gateway hands on as text; forms, other JSON types and bodies without a type come in base64.
_TEXT_TYPES: Final = frozenset({"application/json", "application/javascript", "application/xml"})

# Between the caller and us, or told in another way: `cookies`, and `content-length` anew.
_LEFT_OUT: Final = frozenset(
    {"connection", "content-length", "cookie", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, slots=True)
class Origin:
    """How a request reached us: the other end's address, the caller's behind it, and what the caller spoke to."""

    peer: str
    source_ip: str
    scheme: str
    port: str
    protocol: str


def build_aws_event(
    *,
    method: str,
    route_method: str,
    route_path: str,
    raw_path: str,
    params: Mapping[str, str],
    raw_query: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    request_id: str,
    api_id: str,
    origin: Origin,
    stage_variables: Mapping[str, str],
    authorizer: Mapping[str, Any] | None = None,
) -> bytes:
    """The event's JSON. `raw_path` is still percent-encoded; `authorizer` is what let the caller in, by its kind."""
    now_ms = time.time_ns() // 1_000_000
    joined, cookies = _headers(headers)
    joined["content-length"] = str(len(body))
    joined.setdefault("x-amzn-trace-id", f"Root=1-{now_ms // 1000:08x}-{secrets.token_hex(12)}")
    before = joined.get("x-forwarded-for")
    joined["x-forwarded-for"] = f"{before}, {origin.peer}" if before else origin.peer
    joined["x-forwarded-port"] = origin.port
    joined["x-forwarded-proto"] = origin.scheme
    domain = _without_port(joined.get("host", ""))
    path, key = unquote(raw_path), route_key(route_method, route_path)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": key,
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": joined,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": api_id,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": origin.protocol,
                "sourceIp": origin.source_ip,
                "userAgent": joined.get("user-agent", ""),
            },
            "requestId": request_id,
            "routeKey": key,
            "stage": STAGE,
            "time": _moment(now_ms),
            "timeEpoch": now_ms,
        },
        "isBase64Encoded": False,
    }
    if authorizer:
        event["requestContext"]["authorizer"] = authorizer
    if cookies:
        event["cookies"] = cookies
    if query := _query(raw_query):
        event["queryStringParameters"] = query
    if params:
        event["pathParameters"] = params
    if stage_variables:
        event["stageVariables"] = stage_variables
    if body:
        event["body"], event["isBase64Encoded"] = _body(body, joined.get("content-type", ""))
    return _encode(event).encode()


@lru_cache(maxsize=1024)
def route_key(method: str, path: str) -> str:
    """A route as API Gateway names it: `GET /users/{id}`, `ANY /files/{rest+}`."""
    marks = {"parameter": "{%s}", "wildcard": "{%s+}"}
    parts = (marks.get(part.kind, "%s") % part.text for part in names.parse_route(path).segments)
    return f"{method} /{'/'.join(parts)}"


def _headers(headers: Iterable[tuple[str, str]]) -> tuple[dict[str, str], list[str]]:
    """Headers by their names in lower case, those that came more than once joined; and the cookies, each for itself."""
    joined: dict[str, str] = {}
    cookies: list[str] = []
    for original, value in headers:
        name = original.lower()
        text = value if value.isascii() else readable(value)
        if name == "cookie":
            cookies += [cookie for part in text.split(";") if (cookie := part.strip())]
        elif name in joined:
            joined[name] = f"{joined[name]},{text}"
        elif name not in _LEFT_OUT:
            joined[name] = text
    return joined, cookies


def _query(raw: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True) if raw else ():
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def _body(body: bytes, content_type: str) -> tuple[str, bool]:
    """A body, and whether it is in base64."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith("text/") or kind in _TEXT_TYPES:
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode(), True


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() and (host.startswith("[") or ":" not in name) else host


def _moment(now_ms: int) -> str:
    # Not strftime: the names of its months are the locale's.
    at = time.gmtime(now_ms // 1000)
    date = f"{at.tm_mday:02}/{_MONTHS[at.tm_mon - 1]}/{at.tm_year}"
    return f"{date}:{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} +0000"
