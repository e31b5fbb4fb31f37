"""A version's files: what may be in them, whether two are the same, how they differ, where they do not parse."""

import asyncio
import difflib
import hashlib
import json
import sys
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Final

from clowdy_tui import subprocesses
from clowdy_tui.domain import names
from clowdy_tui.domain.errors import BodyTooLarge, InvalidInput
from clowdy_tui.domain.schemas import Diagnostic

ENTRY: Final = "function.py"
MAX_BUNDLE_BYTES: Final = 1024 * 1024
MAX_BUNDLE_FILES: Final = 200
# Compiling holds the interpreter's lock from beginning to end: a second for a megabyte, or for 16 KiB of lambdas in
# lambdas. An interpreter of its own takes 30 ms to start.
_COMPILE_HERE_BYTES: Final = 4 * 1024
_COMPILE_APART_S: Final = 10.0
_KNOWN_FILES: Final = 256
_known: OrderedDict[bytes, Diagnostic | None] = OrderedDict()

# Run in an interpreter of its own: source on stdin, one JSON object on stdout. Compiles, never executes.
_COMPILE_APART: Final = """
import json, resource, sys, warnings
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
warnings.simplefilter("ignore")
try:
    compile(sys.stdin.buffer.read().decode(), sys.argv[1], "exec", dont_inherit=True)
except SyntaxError as error:
    print(json.dumps([error.lineno, error.offset, error.msg]))
except (RecursionError, MemoryError):
    print(json.dumps([1, 1, "is nested too deeply to be compiled"]))
except ValueError as error:
    print(json.dumps([1, 1, str(error)]))
else:
    print("null")
"""


def make_bundle(code: str, files: Mapping[str, str]) -> dict[str, str]:
    """The entry file and those beside it, checked.

    Raises:
        InvalidInput: a path that cannot be, or two that cannot be together.
        BodyTooLarge: over 1 MiB in all.
    """
    if ENTRY in files:
        raise InvalidInput.of(f"files.{ENTRY}", "is the entry file: send it as `code`", kind="bundle_path")
    if len(files) >= MAX_BUNDLE_FILES:
        raise InvalidInput.of("files", f"has more than {MAX_BUNDLE_FILES - 1} files", kind="bundle_files")
    bundle = {ENTRY: code, **files}
    for path in bundle:
        names.check_bundle_path(path)
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder in bundle:
                raise InvalidInput.of(
                    f"files.{path}", f"{folder} is a file, so nothing can lie in it", kind="bundle_path"
                )
    size = sum(len(path.encode()) + len(text.encode()) for path, text in bundle.items())
    if size > MAX_BUNDLE_BYTES:
        raise BodyTooLarge(f"The function's files are {size / 2**20:.1f} MiB together; at most 1 MiB is kept")
    return bundle


def content_hash(bundle: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(bundle), sort_keys=True).encode()).hexdigest()


def unified_diff(old: Mapping[str, str], new: Mapping[str, str], old_label: str, new_label: str) -> str:
    """What changed from one bundle to the other, file by file."""
    return "".join(
        line
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
        for line in _diff_of_file(path, old.get(path, ""), new.get(path, ""), old_label, new_label)
    )


def _diff_of_file(path: str, old: str, new: str, old_label: str, new_label: str) -> Iterator[str]:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"{path}\t{old_label}", f"{path}\t{new_label}"
    )
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


async def diagnose(bundle: Mapping[str, str]) -> list[Diagnostic]:
    """Where the bundle's Python files do not parse, the entry first. Executes nothing."""
    paths = sorted((path for path in bundle if path.endswith(".py")), key=lambda path: (path != ENTRY, path))
    found = [await _diagnose_file(path, bundle[path].encode()) for path in paths]
    return [problem for problem in found if problem is not None]


async def _diagnose_file(path: str, source: bytes) -> Diagnostic | None:
    if len(source) <= _COMPILE_HERE_BYTES:
        return _compile_here(source.decode(), path)
    # A file is looked at each time it is opened, and seldom changes in between.
    key = hashlib.sha256(path.encode() + b"\0" + source).digest()
    if key not in _known:
        _known[key] = await _compile_apart(source, path)
        if len(_known) > _KNOWN_FILES:
            _known.popitem(last=False)
    return _known[key]


def _compile_here(source: str, path: str) -> Diagnostic | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        return _diagnostic(path, error.lineno, error.offset, error.msg)
    except (RecursionError, MemoryError):
        return _diagnostic(path, 1, 1, "is nested too deeply to be compiled")
    except ValueError as error:
        return _diagnostic(path, 1, 1, str(error))
    return None


async def _compile_apart(source: bytes, path: str) -> Diagnostic | None:
    """In a process of its own: one long file must not stop the calls, whatever the compiler makes of it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        "-c",
        _COMPILE_APART,
        path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(_COMPILE_APART_S):
            answer, _ = await process.communicate(source)
    except TimeoutError:
        return _diagnostic(path, 1, 1, f"was not compiled within {_COMPILE_APART_S:.0f} s")
    finally:
        await subprocesses.end(process)
    if process.returncode != 0:
        return _diagnostic(path, 1, 1, "ends the compiler: is nested too deeply or too large")
    problem = json.loads(answer)
    return _diagnostic(path, *problem) if problem is not None else None


def _diagnostic(path: str, line: int | None, column: int | None, message: str) -> Diagnostic:
    return Diagnostic(path=path, line=max(line or 1, 1), column=max(column or 1, 1), message=message)
