"""Calls as lines for a shell: what one copies to run them again without the screen."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import FunctionOut, InvocationOut, ProjectOut

_AUTHORIZED: Final = '-H "Authorization: Bearer $CLOWDY_TOKEN"'
# Of the headers that came with a call: curl sends its own of these, a proxy put the others there.
_LEFT_OUT: Final = ("accept", "accept-encoding", "user-agent", "content-length", "host", "connection", "x-request-id")
MASK: Final = "****"


def curl_of_input(function: FunctionOut, value: Any, url: str, *, version: int | None = None) -> str:
    """A call of a function with any JSON value; `url` is the gateway's."""
    path = f"{url}/api/invoke/{function.id}" + (f"?version={version}" if version else "")
    words = ["curl", shlex.quote(path)]
    if function.visibility == "private" or version:
        words.append(_AUTHORIZED)
    return " ".join([*words, "-d", shlex.quote(_json({"input": value}))])


def curl_of_call(call: InvocationOut, function: FunctionOut, project: ProjectOut | None, url: str) -> str:
    """A call that was made once: its request to the route, where it came by one, else its input.

    Raises:
        ValueError: its input was not kept, or not whole.
    """
    value = input_of(call)
    if project is None or not call.http_method or not isinstance(value, dict):
        return curl_of_input(function, value, url)
    query = value.get("raw_query") or value.get("rawQueryString") or ""
    words = ["curl"]
    if call.http_method != "GET":
        words += ["-X", call.http_method]
    address = f"{url}/api/gateway/{project.slug}{call.http_path or ''}{'?' if query else ''}{query}"
    words.append(shlex.quote(address))
    headers = value.get("headers")
    for name, text in headers.items() if isinstance(headers, Mapping) else ():
        if str(name).lower() not in _LEFT_OUT:
            words += ["-H", shlex.quote(f"{name}: {text}")]
    if (body := value.get("body")) is not None:
        words += ["--data-raw", shlex.quote(body if isinstance(body, str) else _json(body))]
    return " ".join(words)


def command_of_input(
    function: FunctionOut, project: ProjectOut | None, value: Any, *, version: int | None = None
) -> str:
    """`clowdy invoke` with any JSON value."""
    name = f"{project.name}/{function.name}" if project else function.id
    words = ["clowdy", "invoke", shlex.quote(name)]
    if value is not None:
        words += ["--input", shlex.quote(_json(value))]
    if version:
        words += ["--version", str(version)]
    return " ".join(words)


def command_of_call(call: InvocationOut) -> str:
    """`clowdy replay`."""
    return f"clowdy replay {call.id}"


def input_of(call: InvocationOut) -> Any:
    """What a call was given.

    Raises:
        ValueError: that was not kept, or not whole; says which.
    """
    if call.input is None:
        raise ValueError("Its input was not kept: the project's capture leaves it out")
    if call.input_truncated:
        raise ValueError("Only the beginning of its input was kept")
    return json.loads(call.input) if call.input.strip() else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
