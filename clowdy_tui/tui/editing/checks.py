"""What is wrong with a text, and how it would look tidied: ruff for Python, parsers for data."""

import asyncio
import json
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from subprocess import PIPE
from typing import Any, Final

import yaml
from textual.document._document import Location

from clowdy_tui import subprocesses
from clowdy_tui.tui.widgets.code_area_marks import Problem

RULES: Final = "E7,E9,F,PLE,B,ASYNC"
"""What ruff looks for: what does not parse or cannot work, and what is likely a slip. Nothing about taste."""

LARGEST: Final = 1_000_000
"""Characters of a file of data that is still parsed as one types."""

LATER_THAN_ALL_S: Final = 10.0
_NICENESS: Final = 10


class CheckFailed(Exception):
    """A text could not be looked at or tidied; the text says why."""


async def problems(text: str, language: str, *, python: str = "") -> list[Problem]:
    """What is wrong with it; nothing where nobody here knows the language. `python` is the runtime's, like `3.12`.

    Raises:
        CheckFailed: ruff is not there, or does not answer.
    """
    if language == "python":
        return await _ask_ruff(text, python)
    parser = _PARSERS.get(language)
    if parser is None or len(text) > LARGEST or not text.strip():
        return []
    return await asyncio.to_thread(parser, text)


async def tidied(text: str, language: str, *, python: str = "") -> str:
    """The text as the formatter has it.

    Raises:
        CheckFailed: there is no formatter for the language, or the text does not parse.
    """
    if language == "python":
        command = ["format", *_common(python), "--line-length=100", "-"]
        return (await _ruff(command, text, good=(0,))).decode()
    if language == "json":
        try:
            return await asyncio.to_thread(_tidied_json, text)
        except ValueError as error:
            raise CheckFailed(f"It is no JSON: {error}") from error
    raise CheckFailed("There is a formatter for Python and for JSON only")


def _common(python: str) -> list[str]:
    target = re.fullmatch(r"3\.(\d+)(\.\d+)?", python)
    version = [f"--target-version=py3{target[1]}"] if target else []
    return ["--isolated", "--no-cache", "--stdin-filename=function.py", *version]


async def _ask_ruff(text: str, python: str) -> list[Problem]:
    command = ["check", *_common(python), f"--select={RULES}", "--output-format=json", "-"]
    said = await _ruff(command, text, good=(0, 1))
    return [_problem(found) for found in json.loads(said)]


def _problem(found: Mapping[str, Any]) -> Problem:
    code = found.get("code") or ""
    broken = code in ("", "invalid-syntax") or code.startswith(("E9", "F82", "F7", "PLE"))
    return Problem(
        _place(found["location"]),
        _place(found["end_location"]),
        str(found["message"]),
        "" if code == "invalid-syntax" else code,
        "error" if broken else "warning",
    )


def _place(found: Mapping[str, int]) -> Location:
    return max(0, found["row"] - 1), max(0, found["column"] - 1)


@cache
def _find_ruff() -> str:
    try:
        return str(import_module("ruff").find_ruff_bin())
    except (ImportError, FileNotFoundError) as error:
        raise CheckFailed("ruff is not installed; pip install ruff brings it") from error


async def _ruff(arguments: Sequence[str], text: str, *, good: Sequence[int]) -> bytes:
    """What ruff prints about a text. Cancelled, it ends the process."""
    binary = _find_ruff()
    try:
        process = await asyncio.create_subprocess_exec(
            binary, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd="/", start_new_session=True
        )
    except OSError as error:
        raise CheckFailed(f"ruff does not start: {error}") from error
    try:
        # A gateway in this loop and its sandboxes come first.
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        async with asyncio.timeout(LATER_THAN_ALL_S):
            said, complained = await process.communicate(text.encode("utf-8", "replace"))
    except TimeoutError as error:
        raise CheckFailed(f"ruff gave no answer within {LATER_THAN_ALL_S:g} s") from error
    finally:
        await subprocesses.end(process)
    if process.returncode not in good:
        raise CheckFailed(_reason(complained.decode("utf-8", "replace")))
    return said


def _reason(complaint: str) -> str:
    line = next((line for line in complaint.splitlines() if line.strip()), "ruff failed without a word")
    found = re.fullmatch(r"error: Failed to parse function\.py:(\d+):(\d+): (.*)", line)
    return f"Line {found[1]} does not parse: {found[3]}" if found else line.removeprefix("error: ")


def _json(text: str) -> list[Problem]:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return [_at(error.lineno, error.colno, error.msg)]
    except RecursionError:
        return [_at(1, 1, "is nested too deep")]
    return []


def _toml(text: str) -> list[Problem]:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
        message = str(error)[: found.start()] if found else str(error)
        row, column = (int(found[1]), int(found[2])) if found else (text.count("\n") + 1, 1)
        return [_at(row, column, message)]
    return []


def _yaml(text: str) -> list[Problem]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for _ in yaml.parse(text, Loader=loader):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        message = " ".join(str(part) for part in (error.context, error.problem) if part)
        return [_at(mark.line + 1, mark.column + 1, message) if mark else _at(1, 1, message)]
    except yaml.YAMLError as error:
        return [_at(1, 1, str(error))]
    return []


_PARSERS: Mapping[str, Callable[[str], list[Problem]]] = {"json": _json, "toml": _toml, "yaml": _yaml}


def _at(line: int, column: int, message: str) -> Problem:
    place = (line - 1, column - 1)
    return Problem(place, (place[0], place[1] + 1), message, "", "error")


def _tidied_json(text: str) -> str:
    # Numbers stay as they are written: 1.0 and 1e400 are not what Python would make of them.
    value = json.loads(text, parse_float=_Number, parse_int=_Number)
    return _json_text(value, 0) + "\n"


class _Number(str):
    """A number, as it was written."""

    __slots__ = ()


def _json_text(value: Any, depth: int) -> str:
    margin, inner = "  " * depth, "  " * (depth + 1)
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict) and value:
        items = (
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_json_text(item, depth + 1)}"
            for key, item in value.items()
        )
        return "{\n" + ",\n".join(items) + f"\n{margin}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(inner + _json_text(item, depth + 1) for item in value) + f"\n{margin}]"
    return json.dumps(value, ensure_ascii=False)
