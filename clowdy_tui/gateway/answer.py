"""From what a function returned to an HTTP answer, or to the sentence that says why it cannot be one."""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from clowdy_tui.domain.errors import InvalidAnswer

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_WHOLE: Final = re.compile(r"[0-9]{3}\Z")

# What has no body.
EMPTY: Final = frozenset({204, 304})

JSON: Final = [("Content-Type", "application/json")]
"""The headers of an answer that a function did not make itself."""

# What belongs to the connection, or is counted by us.
_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out. `headers` has the content type where there is a body."""

    status: int
    body: bytes
    headers: list[tuple[str, str]] = field(default_factory=list)


def read_answer(output: bytes) -> Answer:
    """What a function's return value, as JSON, answers.

    An object with `statusCode` is an answer of its own making; anything else goes out as it is, with 200.

    Raises:
        InvalidAnswer: it has a `statusCode`, and something in it cannot be sent.
    """
    if output.startswith(b"{") and b'"statusCode"' in output:
        try:
            value = json.loads(output, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidAnswer("The function's answer is not JSON") from error
        if "statusCode" in value:
            return _made(value)
    return Answer(200, output, JSON)


def read_head(head: bytes, *, binary: bool) -> tuple[int, list[tuple[str, str]]]:
    """The status and the headers of an answer that is streamed; `binary`: it began with bytes, and without a head.

    Raises:
        InvalidAnswer: something in it cannot be sent.
    """
    value = json.loads(head)
    if unknown := set(value) - {"statusCode", "headers", "cookies"}:
        raise InvalidAnswer(
            f"The head of a stream has statusCode, headers and cookies, not {_shown(min(unknown))}: yield the body"
        )
    status = _status(value.get("statusCode", 200))
    headers = _headers(value.get("headers"))
    headers += [("Set-Cookie", cookie) for cookie in _cookies(value.get("cookies"))]
    if status not in EMPTY and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/octet-stream" if binary else "text/plain; charset=utf-8"))
    return status, headers


def _no_constant(name: str) -> Any:
    raise InvalidAnswer(f"The function's answer holds {name}, which JSON does not have")


def _made(value: dict[str, Any]) -> Answer:
    status = _status(value["statusCode"])
    headers = _headers(value.get("headers"))
    headers += [("Set-Cookie", cookie) for cookie in _cookies(value.get("cookies"))]
    if status in EMPTY:
        return Answer(status, b"", headers)
    body, content_type = _body(value.get("body"), value.get("isBase64Encoded"))
    if content_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", content_type))
    return Answer(status, body, headers)


def _status(value: Any) -> int:
    if isinstance(value, str) and _WHOLE.match(value):
        value = int(value)
    if type(value) is not int or not 200 <= value <= 599:
        raise InvalidAnswer(f"statusCode must be a whole number from 200 to 599, not {_shown(value)}")
    return value


def _headers(value: Any) -> list[tuple[str, str]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise InvalidAnswer(f"headers must be an object, not {_shown(value)}")
    headers: list[tuple[str, str]] = []
    for name, given in value.items():
        if not _TOKEN.match(name):
            raise InvalidAnswer(f"headers: {_shown(name)} cannot be the name of a header")
        if name.lower() in _OURS:
            continue
        items = given if isinstance(given, list) else [given]
        headers += [(name, _header_text(f"The header {name}", item)) for item in items]
    return headers


def _header_text(what: str, value: Any) -> str:
    if type(value) in {int, float}:
        return str(value)
    if not isinstance(value, str):
        raise InvalidAnswer(f"{what} must be text, a number or a list of those, not {_shown(value)}")
    if _CONTROL.search(value) or not _is_text(value):
        raise InvalidAnswer(f"{what} holds a line end or another character that no header can have")
    return value


def _cookies(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidAnswer(f"cookies must be a list of texts, not {_shown(value)}")
    return [_header_text("A cookie", item) for item in value]


def _body(value: Any, is_base64: Any) -> tuple[bytes, str | None]:
    if is_base64 not in {None, True, False}:
        raise InvalidAnswer(f"isBase64Encoded must be true or false, not {_shown(is_base64)}")
    if value is None:
        return b"", None
    if is_base64:
        if not isinstance(value, str):
            raise InvalidAnswer(f"body must be text in base64 with isBase64Encoded, not {_shown(value)}")
        try:
            return base64.b64decode(value, validate=True), "application/octet-stream"
        except (binascii.Error, ValueError) as error:
            raise InvalidAnswer("isBase64Encoded is true, but body is not base64") from error
    if isinstance(value, str):
        if not _is_text(value):
            raise InvalidAnswer("body holds half of a surrogate pair, which is no text")
        return value.encode(), "text/plain; charset=utf-8"
    return json.dumps(value).encode(), "application/json"


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
