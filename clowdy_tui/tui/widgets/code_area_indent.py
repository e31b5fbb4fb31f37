"""Indentation and comments: lists of lines in, lists of lines out."""

import re
from collections.abc import Sequence

_OPENERS = {"(": ")", "[": "]", "{": "}"}
_LEAVES = re.compile(r"\s*(?:return|pass|break|continue|raise)\b")


def new_line(before: str, after: str, language: str, width: int) -> tuple[str, str]:
    """What Enter inserts between `before` and `after`: what precedes the cursor, and what follows it.

    The indentation is kept, one step more after `:` or an opening bracket; a closing one goes on a line of its own.
    """
    indent = before[: len(before) - len(before.lstrip())]
    step = "\t" if indent.endswith("\t") else " " * width
    code = before.split(" #", 1)[0].rstrip() if language in {"python", "yaml", "toml"} else before.rstrip()
    last = code[-1:]
    if last in _OPENERS:
        if after.lstrip()[:1] == _OPENERS[last]:
            return f"\n{indent}{step}", f"\n{indent}"
        return f"\n{indent}{step}", ""
    if last == ":" and language in {"python", "yaml"}:
        return f"\n{indent}{step}", ""
    if language == "python" and not after.strip() and _LEAVES.match(code) and not _open(code):
        return f"\n{indent.removesuffix(step)}", ""
    return f"\n{indent}", ""


def _open(code: str) -> bool:
    return any(code.count(opener) > code.count(closer) for opener, closer in _OPENERS.items())


def indented(lines: Sequence[str], width: int) -> list[str]:
    """Each line `width` columns further right, or left where it is negative; empty lines stay empty."""
    if width >= 0:
        return [" " * width + line if line.strip() else line for line in lines]
    return [_dedented(line, -width) for line in lines]


def _dedented(line: str, width: int) -> str:
    if line.startswith("\t"):
        return line[1:]
    blanks = len(line) - len(line.lstrip(" "))
    return line[min(blanks, blanks % width or width) :]


def commented(lines: Sequence[str], mark: str, end: str = "") -> list[str]:
    """The lines commented out at their common indentation, or in again where all that say something are.

    `mark` begins a comment, which goes up to the line's end, or to `end` where that is given.
    """
    full = [line for line in lines if line.strip()] or list(lines)
    if all(line.lstrip().startswith(mark) for line in full):
        return [_uncommented(line, mark, end) for line in lines]
    margin = min(len(line) - len(line.lstrip()) for line in full)
    tail = f" {end}" if end else ""
    return [f"{line[:margin]}{mark} {line[margin:]}{tail}" if line in full else line for line in lines]


def _uncommented(line: str, mark: str, end: str) -> str:
    head, found, tail = line.partition(mark)
    if end and tail.rstrip().endswith(end):
        tail = tail.rstrip().removesuffix(end).removesuffix(" ")
    return head + tail.removeprefix(" ") if found else line
