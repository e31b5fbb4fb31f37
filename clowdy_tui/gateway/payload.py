"""The event that a function gets from the gateway: what the caller sent, as JSON."""

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from clowdy_tui.gateway.bodies import is_json

_LEFT_OUT: Final = frozenset({"host", "connection", "content-length"})
_encode: Final = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def build_event(
    *,
    method: str,
    raw_path: str,
    params: Mapping[str, str],
    raw_query: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    request_id: str,
    source_ip: str,
) -> bytes:
    """The event's JSON. `raw_path` is still percent-encoded; a body that is JSON passes through as it was written."""
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
        "request_id": request_id,
        "source_ip": source_ip,
    }
    json_body, body_base64 = read_body(body)
    text = f'{_encode(event)[:-1]},"body":{json_body},"body_base64":{_encode(body_base64)}}}'
    return text.encode()


def read_body(body: bytes) -> tuple[str, str | None]:
    """A body as JSON text (what parses as JSON is that, other text a string, none null), and in base64 if no text."""
    if not body:
        return "null", None
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "null", base64.b64encode(body).decode()
    return (text if is_json(body, text) else _encode(text)), None


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
