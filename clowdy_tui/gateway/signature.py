"""What every answer has on it, whoever made it: who answers, and what the request is called."""

import re
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE
from multidict import istr

from clowdy_tui.domain.names import format_invocation_id, new_invocation_id

# What stands in the header of that name: not which library in which version has which holes.
SERVER: Final = "clowdy"

X_REQUEST_ID: Final = istr("X-Request-Id")
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}\Z")


def request_id_of(headers: Mapping[str, str], invocation_id: int) -> str:
    """What the caller calls its request, where that is a name; else the invocation's id."""
    given = headers.get(X_REQUEST_ID)
    return given if given and _REQUEST_ID.match(given) else format_invocation_id(invocation_id)


def sign(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Put on an answer what is not there yet. A request that called no function is named as a call would be."""
    headers = response.headers
    if X_REQUEST_ID not in headers:
        headers[X_REQUEST_ID] = request_id_of(request.headers, new_invocation_id())
    if headers.get(hdrs.SERVER, SERVER_SOFTWARE) == SERVER_SOFTWARE:
        headers[hdrs.SERVER] = SERVER


async def sign_prepared(request: web.Request, response: web.StreamResponse) -> None:
    """The same, to be called when an answer is begun."""
    sign(request, response)
