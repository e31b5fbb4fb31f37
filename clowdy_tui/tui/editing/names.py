"""What a name that is being typed may become: names of the file, of the language, of the standard library."""

import asyncio
import builtins
import json
import keyword
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from subprocess import DEVNULL, PIPE
from typing import Final

from clowdy_tui import subprocesses

MOST: Final = 50
WITHIN_S: Final = 5.0
_LINES_AT_ONCE: Final = 500

_WORD = re.compile(r"[^\W\d]\w{2,}")
_BEFORE = re.compile(r"(?:(?P<owner>[^\W\d]\w*(?:\.[^\W\d]\w*)*)\.)?(?P<prefix>\w*)$")
_IMPORT = re.compile(r"^\s*import\s+(.+)")
_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+(.+)")
_IMPORTING = re.compile(r"^\s*(?:import|from)\s+(?:[\w.]+(?:\s+as\s+\w+)?\s*,\s*)*[\w.]*$")

# What importing does something, or needs a display.
_NOT_LOOKED_INTO: Final = {"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "lib2to3"}
MODULES: Final = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))
BUILTINS: Final = sorted(name for name in dir(builtins) if not name.startswith("_"))

CONTEXT: Final = (
    "aws_request_id", "client_context", "function_name", "function_version", "get_remaining_time_in_millis", "identity",
    "invoked_function_arn", "log_group_name", "log_stream_name", "memory_limit_in_mb",
)  # fmt: skip
"""What a handler's second argument has."""

_ASK: Final = """
import importlib, json, sys
module, *path = sys.argv[1:]
found = importlib.import_module(module)
for name in path:
    found = getattr(found, name)
print(json.dumps([name for name in dir(found) if not name.startswith("_")]))
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """A name that fits, and where it is from: `file`, `keyword`, `builtin`, `module`, or the module's own name."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands before the cursor: `owner.prefix`, or a prefix alone."""

    owner: str
    prefix: str


def typed_before(line: str) -> Typed:
    """What is being typed at the end of a line."""
    found = _BEFORE.search(line)
    assert found is not None, "an empty prefix always fits"
    return Typed(found["owner"] or "", found["prefix"])


async def offers(lines: Sequence[str], row: int, before: str, language: str, library: "Library") -> list[Offer]:
    """What fits what stands in a row before the cursor, the likeliest first. Gives way to the loop in between."""
    typed = typed_before(before)
    if language == "python":
        if found := _FROM.match(before):
            names = await library.names(found[1])
            return _fitting(typed.prefix, ((name, found[1]) for name in names))
        if _IMPORTING.match(before):
            whole = f"{typed.owner}.{typed.prefix}" if typed.owner else typed.prefix
            return _fitting(whole, ((name, "module") for name in MODULES))
        if typed.owner == "context":
            return _fitting(typed.prefix, ((name, "context") for name in CONTEXT))
        if typed.owner:
            origin = imported(lines).get(typed.owner.split(".")[0])
            if origin:
                path = [*origin, *typed.owner.split(".")[1:]]
                names = await library.names(*path)
                return _fitting(typed.prefix, ((name, ".".join(path)) for name in names))
            return []
    elif typed.owner:
        return []
    if not typed.prefix:
        return []
    own = await _own(lines, row, typed.prefix)
    rest: Iterator[tuple[str, str]] = iter(())
    if language == "python":
        rest = iter([*((name, "keyword") for name in keyword.kwlist), *((name, "builtin") for name in BUILTINS)])
    return _fitting(typed.prefix, [*((name, "file") for name in own), *rest])


def imported(lines: Iterable[str]) -> dict[str, list[str]]:
    """What the names that a file imports from the standard library are: `{"D": ["decimal", "Decimal"]}`."""
    found: dict[str, list[str]] = {}
    for line in lines:
        if "import" not in line:
            continue
        if match := _FROM.match(line):
            if match[1].split(".")[0] in sys.stdlib_module_names:
                for name, alias in _aliases(match[2]):
                    found[alias or name] = [match[1], name]
        elif match := _IMPORT.match(line):
            for name, alias in _aliases(match[1]):
                if name.split(".")[0] in sys.stdlib_module_names:
                    found[alias or name.split(".")[0]] = [name if alias else name.split(".")[0]]
    return found


def _aliases(names: str) -> Iterator[tuple[str, str]]:
    for part in names.split("#", maxsplit=1)[0].strip(" ()\\").split(","):
        if words := part.split():
            yield words[0], words[2] if len(words) == 3 and words[1] == "as" else ""


@lru_cache(maxsize=20_000)
def _words(line: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(line))


async def _own(lines: Sequence[str], row: int, prefix: str) -> list[str]:
    """The names of the file that begin so; those that stand near or often first."""
    seen: Counter[str] = Counter()
    small = prefix.lower()
    for top in range(0, len(lines), _LINES_AT_ONCE):
        for at in range(top, min(len(lines), top + _LINES_AT_ONCE)):
            for word in _words(lines[at]):
                if word.lower().startswith(small):
                    seen[word] += 3 if abs(at - row) < 50 else 1
        if top + _LINES_AT_ONCE < len(lines):
            await asyncio.sleep(0)
    # What is being typed is itself in the text.
    seen[prefix] -= 3
    return [word for word, times in seen.most_common(2 * MOST) if times > 0]


def _fitting(prefix: str, names: Iterable[tuple[str, str]]) -> list[Offer]:
    exact: dict[str, Offer] = {}
    loose: dict[str, Offer] = {}
    small = prefix.lower()
    for name, origin in names:
        if name == prefix or not name.lower().startswith(small):
            continue
        (exact if name.startswith(prefix) else loose).setdefault(name, Offer(name, origin))
    return list((exact | {name: offer for name, offer in loose.items() if name not in exact}).values())[:MOST]


class Library:
    """The standard library's names, asked of an interpreter apart: importing a module may take long, or do things."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], list[str]] = {}

    async def names(self, module: str, *path: str) -> list[str]:
        """The public names of a module, or of something in it; empty where there is nothing of that name."""
        key = (module, *path)
        top = module.split(".", maxsplit=1)[0]
        if top not in sys.stdlib_module_names or top in _NOT_LOOKED_INTO:
            return []
        if key not in self._known:
            self._known[key] = await _ask(key)
        return self._known[key]


async def _ask(path: Sequence[str]) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", _ASK, *path,
        stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, cwd="/", start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(WITHIN_S):
            said, _ = await process.communicate()
    except TimeoutError:
        return []
    finally:
        await subprocesses.end(process)
    return [str(name) for name in json.loads(said)] if process.returncode == 0 else []
