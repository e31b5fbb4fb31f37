"""Variables as a `.env` file: read with python-dotenv, written so that it, a shell and Docker's readers agree."""

import io
import re
from collections.abc import Iterable
from typing import Final

from dotenv.parser import parse_stream
from pydantic import Field

from clowdy_tui.domain.errors import FieldError, InvalidInput
from clowdy_tui.domain.schemas import Incoming, Outgoing

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*\Z")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class DotenvIn(Incoming):
    """`text` is the file. Variables that the project has and the file has not stay as they are."""

    text: str = Field(max_length=1024 * 1024)
    is_secret: bool = True


class DotenvOut(Outgoing):
    """The keys of a file that was taken over, in its order. `unchanged` had the same value already."""

    set: list[str]
    unchanged: list[str]


def read_dotenv(text: str) -> list[tuple[str, str]]:
    """The variables of a file, the last of each name. Nothing is filled in: `$HOME` stays `$HOME`.

    Raises:
        InvalidInput: a line is none; each is named by its number, and none is quoted: it may hold a secret.
    """
    found: dict[str, str] = {}
    faults: list[tuple[int, str]] = []
    for binding in parse_stream(io.StringIO(text.removeprefix("\ufeff"))):
        # A binding begins with the blank lines before it.
        source = binding.original.string
        line = binding.original.line + len(source[: len(source) - len(source.lstrip())].splitlines())
        if binding.error:
            faults.append((line, "is no KEY=VALUE"))
        elif binding.key is not None and binding.value is None:
            faults.append((line, f"{binding.key[:80]} has no value: write {binding.key[:80]}= for an empty one"))
        elif binding.key is not None and binding.value is not None:
            found.pop(binding.key, None)
            found[binding.key] = binding.value
    if faults:
        errors = tuple(FieldError(("text", line), f"line {line}: {what}", "dotenv") for line, what in faults)
        raise InvalidInput("; ".join(error.msg for error in errors), errors=errors)
    return list(found.items())


def write_dotenv(variables: Iterable[tuple[str, str | None]]) -> str:
    """A file that `read_dotenv` reads back. A variable whose value is None is hidden: a comment tells of it."""
    lines = (f"# {key}=****" if value is None else f"{key}={_quoted(value)}" for key, value in variables)
    return "".join(f"{line}\n" for line in lines)


def _quoted(value: str) -> str:
    if _PLAIN.match(value):
        return value
    if not any(character in value for character in "'\\\r"):
        return f"'{value}'"
    return f'"{value.translate(_ESCAPES)}"'
