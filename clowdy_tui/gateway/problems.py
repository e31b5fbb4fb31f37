"""Errors as problem documents (RFC 9457): everything that is refused, by us, by pydantic or by aiohttp."""

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import hdrs, web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from clowdy_tui.domain.errors import ClowdyError, FieldError, InvalidInput
from clowdy_tui.domain.names import ID_PATTERN, INVOCATION_ID_PATTERN
from clowdy_tui.gateway.signature import SERVER

logger = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"

# Where the body ends is not known, or the rest is still on its way: nothing sensible can follow it.
_UNREAD: Final = frozenset({408, 413, 501})

# How pydantic's words read, where they are made for programmers.
_MESSAGES: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not a field that this takes",
    "string_unicode": "holds half of a surrogate pair, which is no text",
    "model_attributes_type": "must be an object",
    "model_type": "must be an object",
    "dict_type": "must be an object",
}

_PATTERNS: Final = {
    ID_PATTERN: "must be an id: 12 digits from 0 to f, in lower case",
    INVOCATION_ID_PATTERN: "must be the id of a call: 16 digits from 0 to f, in lower case",
}

_AIOHTTP: Final = {
    404: ("not-found", "Not found", "There is nothing at this path"),
    405: ("method-not-allowed", "Method not allowed", "This path does not take {method}, but {allow}"),
    413: ("body-too-large", "Body too large", "The body is larger than {limit} bytes"),
    417: ("bad-request", "Expectation failed", "Only '100-continue' can be expected"),
}


def problem(
    request: web.BaseRequest,
    *,
    status: int,
    type_: str,
    title: str,
    detail: str,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A problem document. `extra` are fields of its own, beside the ones that every problem has."""
    document = {
        **(extra or {}),
        "type": type_,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.rel_url.raw_path,
    }
    response = web.Response(status=status, body=json.dumps(document).encode(), headers=headers)
    response.headers[hdrs.CONTENT_TYPE] = CONTENT_TYPE
    response.headers[hdrs.SERVER] = SERVER
    if status in _UNREAD:
        response.force_close()
    return response


def refusal(request: web.BaseRequest, error: ClowdyError) -> web.Response:
    """The answer to a request that Clowdy refuses or cannot carry out."""
    extra = dict(error.extra)
    if isinstance(error, InvalidInput):
        extra["errors"] = [{"loc": [*item.loc], "msg": item.msg, "type": item.type} for item in error.errors]
    return problem(
        request,
        status=error.status,
        type_=error.type,
        title=error.title,
        detail=error.detail,
        extra=extra,
        headers=error.headers,
    )


def invalid(error: ValidationError, *, within: tuple[str, ...] = ()) -> InvalidInput:
    """What pydantic found, with each `loc` relative to the body (`within` goes before it)."""
    errors = tuple(
        FieldError(
            loc=(*within, *item["loc"]),
            msg=_message(item),
            type=item["type"],
        )
        for item in error.errors(include_url=False, include_input=False)
    )
    sentences = (f"{'.'.join(map(str, item.loc)) or 'The body'}: {item.msg}" for item in errors)
    return InvalidInput("; ".join(sentences), errors=errors)


def _message(item: ErrorDetails) -> str:
    if item["type"] == "string_pattern_mismatch":
        return _PATTERNS.get(item["ctx"]["pattern"], "is not written as it must be")
    return _MESSAGES.get(item["type"], item["msg"].removeprefix("Value error, "))


def from_aiohttp(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """What aiohttp refuses by itself: no such path, no such method, too large."""
    if error.status < 400:
        return error
    type_, title, detail = _AIOHTTP.get(error.status, ("bad-request", error.reason, error.reason))
    allow = ", ".join(sorted(error.allowed_methods)) if isinstance(error, web.HTTPMethodNotAllowed) else ""
    return problem(
        request,
        status=error.status,
        type_=type_,
        title=title,
        detail=detail.format(method=request.method, allow=allow, limit=request.client_max_size),
        headers={hdrs.ALLOW: allow} if allow else None,
    )


@web.middleware
async def answer_problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem document. Faults of our own are logged under an id."""
    try:
        return await handler(request)
    except ClowdyError as error:
        return refusal(request, error)
    except web.HTTPException as error:
        return from_aiohttp(request, error)
    except ConnectionError:
        # The caller hung up while its body was read: nobody is left to answer.
        raise
    except Exception:  # noqa: BLE001  it is logged where the answer is made
        return internal(request)


def internal(request: web.BaseRequest) -> web.Response:
    """The answer where the gateway failed; said while the fault is handled, which is logged."""
    error_id = secrets.token_hex(4)
    logger.exception("Error %s in %s %s", error_id, request.method, request.rel_url.raw_path)
    return problem(
        request,
        status=500,
        type_="internal",
        title="Internal error",
        detail=f"Something went wrong inside Clowdy. Its log says more, under {error_id}.",
        extra={"error_id": error_id},
    )
