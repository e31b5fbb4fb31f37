"""Ids, slugs, and the patterns of routes: the names that appear in addresses."""

import re
import secrets
import time
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, unquote

from clowdy_tui.domain.errors import FieldError, InvalidInput

ID_PATTERN: Final = r"^[0-9a-f]{12}$"
INVOCATION_ID_PATTERN: Final = r"^[0-9a-f]{16}$"
IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
MAX_NAME_LENGTH: Final = 100

_COUNTER_BITS: Final = 20
# The greatest whole number that SQLite keeps.
_LAST_ID: Final = 2**63 - 1
_last_invocation_id = 0


def new_id() -> str:
    """A new id for a project, function, variable, route or token: 12 hex characters."""
    return secrets.token_hex(6)


def new_invocation_id() -> int:
    """A new id for an invocation, unique and rising within this process.

    Milliseconds since 1970 in the high 43 bits, a counter in the low 20: a whole number, because SQLite keeps
    those three times faster than random text, and sorted by time, because lists are.
    """
    global _last_invocation_id
    _last_invocation_id = max(time.time_ns() // 1_000_000 << _COUNTER_BITS, _last_invocation_id + 1)
    return _last_invocation_id


def continue_invocation_ids(last: int) -> None:
    """Make every later id greater than `last`, the newest that is kept: the clock may have been set back since."""
    global _last_invocation_id
    _last_invocation_id = max(_last_invocation_id, last)


def format_invocation_id(value: int) -> str:
    """The id as it goes over the API: 16 hex characters, sorted like the number."""
    return f"{value:016x}"


def parse_invocation_id(text: str) -> int | None:
    """The number behind an id from the API; None where it is not one."""
    number = int(text, 16) if re.fullmatch(INVOCATION_ID_PATTERN, text) else None
    return number if number is not None and number <= _LAST_ID else None


def invocation_id_at(unix_ms: int) -> int:
    """The smallest id that an invocation made at this time can have: turns a time range into a key range.

    Before 1970 it is 0, and after 2248, where there are no ids any more, the last.
    """
    return min(max(unix_ms, 0) << _COUNTER_BITS, _LAST_ID)


def invocation_time_ms(value: int) -> int:
    """When an invocation began, in milliseconds since 1970."""
    return value >> _COUNTER_BITS


def slugify(name: str) -> str:
    """A project's name as it stands in an address.

    Lower case, everything but word characters, blanks and hyphens dropped, blanks and `_` to `-`, collapsed, trimmed.

    Raises:
        InvalidInput: nothing is left.
    """
    slug = re.sub(r"[^\w\s-]", "", name.lower())
    slug = re.sub(r"[\s_-]+", "-", slug).strip("-")
    if not slug:
        raise InvalidInput.of("name", f"{name!r} has no letter or digit to make an address from", kind="slug_empty")
    return slug


def clean_name(name: str, *, loc: str = "name") -> str:
    """A name as it is kept: trimmed, one line, printable.

    Raises:
        InvalidInput: empty, over 100 characters, or with control characters.
    """
    name = name.strip()
    if not name:
        raise InvalidInput.of(loc, "must not be empty", kind="name_empty")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidInput.of(loc, f"must not be longer than {MAX_NAME_LENGTH} characters", kind="name_too_long")
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name):
        raise InvalidInput.of(loc, "must not hold control characters", kind="name_control")
    return name


SegmentKind = Literal["literal", "parameter", "wildcard"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a route's path. `text` is the literal (percent-decoded) or the parameter's name."""

    kind: SegmentKind
    text: str


@dataclass(frozen=True, slots=True)
class RoutePattern:
    """A route's path, taken apart. Two patterns with the same `shape` take the same requests."""

    path: str
    segments: tuple[Segment, ...]

    @property
    def shape(self) -> str:
        """The path without the parameters' names: what must be unique in a project for one method.

        Literals are percent-encoded anew, so that one with a slash or a brace in it is taken for nothing else.
        """
        marks = {"parameter": "{}", "wildcard": "{*}"}
        return "/" + "/".join(marks.get(part.kind) or quote(part.text, safe="") for part in self.segments)


def parse_route(path: str) -> RoutePattern:
    """Take a route's path apart: `/users/:id`, `/users/{id}` (the same), `/files/*rest`.

    A trailing slash is dropped, a missing leading one added.

    Raises:
        InvalidInput: at `path`, saying which segment is wrong and what may stand there.
    """

    def refuse(message: str) -> InvalidInput:
        return InvalidInput.of("path", message, kind="route_pattern")

    if any(character.isspace() or ord(character) < 32 for character in path):
        raise refuse("must not hold blanks or control characters; write a blank as %20")
    if "?" in path or "#" in path:
        raise refuse("holds no query or fragment: a route matches the path alone")
    if len(path) > 1024:
        raise refuse("must not be longer than 1024 characters")
    trimmed = path.strip("/")
    if "//" in trimmed:
        raise refuse("has an empty segment ('//')")
    segments: list[Segment] = []
    names: set[str] = set()
    raw_segments = trimmed.split("/") if trimmed else []
    for index, raw in enumerate(raw_segments):
        segment = _parse_segment(raw)
        if segment is None:
            raise refuse(f"{raw!r} is neither a literal nor ':name', '{{name}}' or '*name' (letters, digits and _)")
        if segment.kind == "wildcard" and index != len(raw_segments) - 1:
            raise refuse(f"{raw!r} takes the rest of the path, so nothing can follow it")
        if segment.kind != "literal":
            if segment.text in names:
                raise refuse(f"the parameter {segment.text!r} appears twice")
            names.add(segment.text)
        segments.append(segment)
    return RoutePattern(path="/" + trimmed, segments=tuple(segments))


def _parse_segment(raw: str) -> Segment | None:
    kind: SegmentKind = "parameter"
    if raw.startswith(":"):
        name = raw[1:]
    elif raw.startswith("{") and raw.endswith("}"):
        name = raw[1:-1]
    elif raw.startswith("*"):
        kind, name = "wildcard", raw[1:]
    elif any(mark in raw for mark in "{}*:"):
        return None
    else:
        return Segment("literal", unquote(raw))
    return Segment(kind, name) if IDENTIFIER.match(name) else None


def check_bundle_path(path: str) -> None:
    """Refuse a bundle's path that is absolute, climbs out, is hidden from an import, or is not text.

    Raises:
        InvalidInput: at `files.<path>`.
    """
    parts = path.split("/")
    if (
        not path
        or len(path) > 255
        or any(part in {"", ".", ".."} for part in parts)
        or any(ord(character) < 32 or character in '\\:*?"<>|' for character in path)
    ):
        raise InvalidInput(
            "A file's path in a function must be relative, without '..'",
            errors=(FieldError(loc=("files", path), msg="must be relative, like helpers/db.py", type="bundle_path"),),
        )
