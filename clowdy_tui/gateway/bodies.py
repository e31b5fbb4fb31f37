"""JSON that comes in, read strictly: what is not JSON is refused with the place where it stops being it."""

import json
import re
from typing import Any, Final, NoReturn

from pydantic_core import from_json

from clowdy_tui.domain.errors import FieldError, InvalidInput


def refused(detail: str, *, kind: str = "json_invalid") -> InvalidInput:
    """The whole body is wrong: the one error's `loc` is empty."""
    return InvalidInput(f"The body {detail}", errors=(FieldError(loc=(), msg=detail, type=kind),))


def _no_constant(name: str) -> NoReturn:
    raise refused(f"is not JSON: {name} is not a JSON value")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput.of(twice, "is there twice", kind="duplicate_field")
    return found


def parse_json(body: bytes) -> Any:
    """The value that a body holds.

    Raises:
        InvalidInput: the body is not UTF-8, not JSON, or an object names a field twice.
    """
    return _guarded(body, lambda text: json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant))


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
_INPUT: Final = re.compile(r'[ \t\r\n]*\{[ \t\r\n]*"input"[ \t\r\n]*:[ \t\r\n]*')
_HEAD: Final = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"input"[ \t\r\n]*:[ \t\r\n]*')
_BLANKS: Final = b" \t\r\n"
_END: Final = re.compile(r"[ \t\r\n]*\}[ \t\r\n]*\Z")


def invoke_input(body: bytes) -> bytes:
    """The JSON text of `input` in a body `{"input": …}`, as the caller wrote it; `null` where there is none.

    Raises:
        InvalidInput: the body is not such an object.
    """
    head = _HEAD.match(body)
    if head is not None and (rest := body.rstrip(_BLANKS)).endswith(b"}"):
        value = rest[head.end() : -1].rstrip(_BLANKS)
        if is_surely_json(value):
            return value
    return _guarded(body, _input_of) if body else b"null"


def _input_of(text: str) -> bytes:
    # The usual body is cut, not rebuilt: the value is checked on the way, and passes through as it was written.
    if (start := _INPUT.match(text)) is not None:
        _, end = _DECODER.raw_decode(text, start.end())
        if _END.match(text, end):
            return text[start.end() : end].encode()
    if not text.strip(" \t\r\n"):
        return b"null"
    fields = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    if not isinstance(fields, dict):
        raise refused('must be an object like {"input": …}', kind="model_type")
    if unknown := [name for name in fields if name != "input"]:
        raise InvalidInput.of(unknown[0], "is not a field that this takes", kind="extra_forbidden")
    return json.dumps(fields.get("input")).encode()


def is_surely_json(data: bytes) -> bool:
    """A look that takes a third of the time that Python's parser does; what it refuses may be JSON all the same."""
    try:
        from_json(data, allow_inf_nan=False, cache_strings="none")
    except ValueError:
        return False
    return True


def is_json(text: str) -> bool:
    """Whether a text is one JSON value, by the letter of the standard."""
    try:
        json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError, InvalidInput):
        return False
    return True


def _guarded(body: bytes, read: Any) -> Any:
    try:
        return read(body.decode())
    except UnicodeDecodeError as error:
        raise refused(f"is not UTF-8: byte {body[error.start]:#04x} at position {error.start}") from error
    except json.JSONDecodeError as error:
        raise refused(f"is not JSON: {error.msg}, at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise refused("is nested too deeply") from error
    except ValueError as error:
        raise refused("holds a number with too many digits") from error
