"""The event that a function gets from the gateway: what the caller sent, as JSON."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote

from clowdy_tui.gateway.bodies import is_json, is_surely_json

_LEFT_OUT: Final = frozenset({"host", "connection", "content-length"})
_NULL: Final = b"null"
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


@dataclass(frozen=True, slots=True)
class EventHead:
    """What an event has of its request's head: encoded once, for all bodies that come with the same head."""

    before_id: bytes
    before_body: bytes

    @classmethod
    def of(
        cls,
        *,
        method: str,
        raw_path: str,
        params: Mapping[str, str],
        raw_query: str,
        headers: Iterable[tuple[str, str]],
        source_ip: str,
    ) -> Self:
        """`raw_path` is still percent-encoded."""
        query, multi_query = parse_query(raw_query)
        joined = join_headers(headers)
        event: dict[str, Any] = {
            "method": method,
            "path": unquote(raw_path),
            "params": params,
            "query": query,
            "headers": joined,
            "raw_query": raw_query,
            "multi_query": multi_query,
            "cookies": parse_cookies(joined.get("cookie", "")),
        }
        return cls(
            f'{_encode(event)[:-1]},"request_id":'.encode(), f',"source_ip":{_encode(source_ip)},"body":'.encode()
        )

    def event(self, request_id: str, body: bytes) -> bytes:
        """The event's JSON; a body that is JSON passes through as it was written."""
        json_body, body_base64 = read_body(body)
        return b'%b%b%b%b,"body_base64":%b}' % (
            self.before_id,
            _encode(request_id).encode(),
            self.before_body,
            json_body,
            body_base64,
        )


def read_body(body: bytes) -> tuple[bytes, bytes]:
    """A body as JSON (what parses as JSON is that, other text a string, none null), and in base64 if no text."""
    if not body:
        return _NULL, _NULL
    if is_surely_json(body):
        return body, _NULL
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return _NULL, b'"%b"' % base64.b64encode(body)
    return (body if is_json(text) else _encode(text).encode()), _NULL


def parse_query(raw: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The last value of each name, and all of them."""
    if not raw:
        return {}, {}
    every: dict[str, list[str]] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        every.setdefault(name, []).append(value)
    return {name: values[-1] for name, values in every.items()}, every


def join_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Headers by their names in lower case; those that came more than once are joined."""
    joined: dict[str, str] = {}
    for original, value in headers:
        name = original.lower()
        if name in _LEFT_OUT:
            continue
        text = value if value.isascii() else readable(value)
        if name in joined:
            text = f"{joined[name]}{'; ' if name == 'cookie' else ', '}{text}"
        joined[name] = text
    return joined


def parse_cookies(header: str) -> dict[str, str]:
    """Cookies by name. Of two with one name the first, which browsers send for the closer path."""
    cookies: dict[str, str] = {}
    for part in header.split(";") if header else ():
        name, equals, value = part.partition("=")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        if equals and (name := name.strip()):
            cookies.setdefault(name, value)
    return cookies


def readable(text: str) -> str:
    """Text that aiohttp took from bytes that need not be UTF-8: as UTF-8, or else as Latin-1, which takes any."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
