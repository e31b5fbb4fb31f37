"""The event that a function gets from the gateway."""

import base64
import json
from typing import Any

import pytest

from clowdy_tui.gateway.payload import EventHead, parse_cookies, readable


def event(**given: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "method": "POST",
        "raw_path": "/",
        "params": {},
        "raw_query": "",
        "headers": [],
        "source_ip": "192.0.2.1",
    }
    body, request_id = given.pop("body", b""), given.pop("request_id", "r1")
    built: dict[str, Any] = json.loads(EventHead.of(**(fields | given)).event(request_id, body))
    return built


def test_every_field_is_there() -> None:
    assert event(
        method="PUT",
        raw_path="/users/a%20b",
        params={"id": "a b"},
        raw_query="x=1&y=2&x=3",
        headers=[("Content-Type", "application/json"), ("Cookie", "s=1")],
        body=b'{"a": [1]}',
    ) == {
        "method": "PUT",
        "path": "/users/a b",
        "params": {"id": "a b"},
        "query": {"x": "3", "y": "2"},
        "headers": {"content-type": "application/json", "cookie": "s=1"},
        "body": {"a": [1]},
        "raw_query": "x=1&y=2&x=3",
        "multi_query": {"x": ["1", "3"], "y": ["2"]},
        "cookies": {"s": "1"},
        "body_base64": None,
        "request_id": "r1",
        "source_ip": "192.0.2.1",
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", None),
        (b"5", 5),
        (b"null", None),
        (b'"text"', "text"),
        (b" [1] ", [1]),
        (b"plain", "plain"),
        (b"a=1&b=2", "a=1&b=2"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "[Infinity]"),
        (b'{"a":', '{"a":'),
        (b"\xef\xbb\xbf{}", "\ufeff{}"),
        ("grüß".encode(), "grüß"),
        ('{"ü": "\U0001f600"}'.encode(), {"ü": "\U0001f600"}),
        (b"1" * 5000, "1" * 5000),
        (b"[" * 100_000, "[" * 100_000),
        (b'"a\nb"', '"a\nb"'),
        (b'","body":1,"x":"', '","body":1,"x":"'),
    ],
)
def test_a_body_is_json_where_it_parses_else_text(body: bytes, expected: Any) -> None:
    given = event(body=body)
    assert given["body"] == expected
    assert given["body_base64"] is None


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x89PNG\r\n\x1a\n", b'{"a":"\xff"}'])
def test_a_body_that_is_no_text_comes_in_base64(body: bytes) -> None:
    given = event(body=body)
    assert given["body"] is None
    assert base64.b64decode(given["body_base64"]) == body


def test_some_headers_are_left_out_and_repeated_ones_joined() -> None:
    headers = [
        ("Host", "x"),
        ("Connection", "close"),
        ("Content-Length", "3"),
        ("Authorization", "Bearer abc"),
        ("X-A", "1"),
        ("x-a", "2"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
    ]
    given = event(headers=headers)
    assert given["headers"] == {"authorization": "Bearer abc", "x-a": "1, 2", "cookie": "a=1; b=2"}
    assert given["cookies"] == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=1; b = two ;c", {"a": "1", "b": "two"}),
        ('a="quoted"; b=x=y', {"a": "quoted", "b": "x=y"}),
        ("a=1; a=2; =3; ;", {"a": "1"}),
    ],
)
def test_cookies(header: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(header) == cookies


def test_a_query_is_decoded_once_and_keeps_empty_values() -> None:
    given = event(raw_query="a=%2525&b=&c&d=x+y&%C3%BC=%FF")
    assert given["query"] == {"a": "%25", "b": "", "c": "", "d": "x y", "ü": "\ufffd"}


def test_header_bytes_that_are_not_utf_8_are_read_as_latin_1() -> None:
    as_aiohttp_has_it = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert readable(as_aiohttp_has_it) == "café"
    assert event(headers=[("X", as_aiohttp_has_it)])["headers"] == {"x": "café"}
    assert readable("schön") == "schön"
