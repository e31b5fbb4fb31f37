"""The event of payload format 2.0, as API Gateway makes it."""

import base64
import json
import re
import time
from typing import Any

import pytest

from clowdy_tui.gateway.payload_aws import Origin, build_aws_event, route_key

ORIGIN = Origin("192.0.2.1", "192.0.2.1", "http", "8000", "HTTP/1.1")


def event(**given: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "method": "POST",
        "route_method": "ANY",
        "route_path": "/",
        "raw_path": "/",
        "params": {},
        "raw_query": "",
        "headers": [],
        "body": b"",
        "request_id": "r1",
        "api_id": "0123456789ab",
        "origin": ORIGIN,
        "stage_variables": {},
    }
    built: dict[str, Any] = json.loads(build_aws_event(**(fields | given)))
    return built


def test_every_field_is_there() -> None:
    before = time.time_ns() // 1_000_000
    built = event(
        method="POST",
        route_method="POST",
        route_path="/my/:path/*rest",
        raw_path="/my/a%20b/c/d",
        params={"path": "a b", "rest": "c/d"},
        raw_query="parameter1=value1&parameter1=value2&parameter2=a%20b",
        headers=[
            ("Host", "shop.example.com:8000"),
            ("User-Agent", "agent"),
            ("Header2", "value1"),
            ("header2", "value2"),
            ("Cookie", "cookie1=a; cookie2=b"),
            ("Cookie", "cookie3=c"),
            ("Content-Type", "text/plain"),
            ("Connection", "keep-alive"),
            ("Transfer-Encoding", "chunked"),
            ("X-Amzn-Trace-Id", "Root=1-5-6"),
            ("X-Forwarded-For", "203.0.113.9"),
            ("X-Forwarded-Proto", "gopher"),
        ],
        body=b"Hello",
        origin=Origin("192.0.2.1", "203.0.113.9", "https", "443", "HTTP/1.0"),
        stage_variables={"table": "users"},
        authorizer={"jwt": {"claims": {"sub": "anna"}, "scopes": ["invoke"]}},
    )
    at = built["requestContext"].pop("timeEpoch")
    assert before <= at <= time.time_ns() // 1_000_000
    told = built["requestContext"].pop("time")
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", told)
    assert built == {
        "version": "2.0",
        "routeKey": "POST /my/{path}/{rest+}",
        "rawPath": "/my/a b/c/d",
        "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=a%20b",
        "cookies": ["cookie1=a", "cookie2=b", "cookie3=c"],
        "headers": {
            "host": "shop.example.com:8000",
            "user-agent": "agent",
            "header2": "value1,value2",
            "content-type": "text/plain",
            "content-length": "5",
            "x-amzn-trace-id": "Root=1-5-6",
            "x-forwarded-for": "203.0.113.9, 192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "a b"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "0123456789ab",
            "authorizer": {"jwt": {"claims": {"sub": "anna"}, "scopes": ["invoke"]}},
            "domainName": "shop.example.com",
            "domainPrefix": "shop",
            "http": {
                "method": "POST",
                "path": "/my/a b/c/d",
                "protocol": "HTTP/1.0",
                "sourceIp": "203.0.113.9",
                "userAgent": "agent",
            },
            "requestId": "r1",
            "routeKey": "POST /my/{path}/{rest+}",
            "stage": "$default",
        },
        "body": "Hello",
        "pathParameters": {"path": "a b", "rest": "c/d"},
        "isBase64Encoded": False,
        "stageVariables": {"table": "users"},
    }


def test_what_holds_nothing_is_left_out() -> None:
    built = event(headers=[("Host", "[::1]:8000")])
    assert set(built) == {
        "version",
        "routeKey",
        "rawPath",
        "rawQueryString",
        "headers",
        "requestContext",
        "isBase64Encoded",
    }
    assert (built["rawQueryString"], built["routeKey"]) == ("", "ANY /")
    assert built["requestContext"]["domainName"] == "[::1]"
    assert built["requestContext"]["http"]["userAgent"] == ""
    assert built["headers"]["content-length"] == "0"
    assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24}", built["headers"]["x-amzn-trace-id"])


@pytest.mark.parametrize(
    ("content_type", "body", "is_text"),
    [
        ("text/html; charset=utf-8", b"<p>", True),
        ("Application/JSON", b'{"a": 1}', True),
        ("application/xml", b"<a/>", True),
        ("application/javascript", b"1", True),
        ("application/json", b"\x1f\x8b\xff", False),
        ("application/x-www-form-urlencoded", b"a=1", False),
        ("application/vnd.api+json", b"{}", False),
        ("multipart/form-data; boundary=x", b"--x", False),
        ("application/octet-stream", b"text", False),
        (None, b"text", False),
    ],
)
def test_a_body_is_text_only_under_few_types(content_type: str | None, body: bytes, is_text: bool) -> None:
    built = event(body=body, headers=[("Content-Type", content_type)] if content_type else [])
    assert built["isBase64Encoded"] is not is_text
    assert built["body"] == (body.decode() if is_text else base64.b64encode(body).decode())


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/users/{id}", "GET /users/{id}"),
        ("GET", "/users/:id/posts", "GET /users/{id}/posts"),
        ("ANY", "/*proxy", "ANY /{proxy+}"),
        ("DELETE", "/a%20b", "DELETE /a b"),
        ("ANY", "/", "ANY /"),
    ],
)
def test_a_route_has_api_gateways_name(method: str, path: str, key: str) -> None:
    assert route_key(method, path) == key
