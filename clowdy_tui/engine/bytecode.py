"""Compiles a layer's sources to bytecode: by several processes, and what was compiled once is taken from a cache.

Compiling reads sources and runs nothing of them. What was compiled once is taken again by its content and its place in
a layer, whatever layer that is: bytecode names its source, and tracebacks show that.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clowdy_tui import subprocesses
from clowdy_tui.engine.limits import MIB

WORKERS: Final = min(4, os.cpu_count() or 1)
MAX_CACHE_BYTES: Final = 256 * MIB

# The layer never changes, so no import has to compare times. What cannot be compiled (a template, or Python of another
# version) is left to whoever imports it: that says then what is wrong.
_WORKER: Final = """
import sys
from py_compile import PycInvalidationMode, compile
for line in sys.stdin.buffer:
    if line == b"\\n":
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        continue
    source, target, shown = line.rstrip(b"\\n").decode("utf-8", "surrogateescape").split("\\0")
    try:
        compile(source, target, shown, doraise=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    except Exception:
        continue
"""
"""A line for each source, an empty one where an answer is wanted: all before it is done."""

_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


class Bytecode:
    """The cache in a folder, and who fills it."""

    def __init__(self, cache: Path) -> None:
        # Bytecode of another Python is of no use, and of another kind.
        self._cache = cache / f"{sys.implementation.cache_tag}-{importlib.util.MAGIC_NUMBER.hex()}"

    async def compile(self, site: Path, shown: str) -> None:
        """Put its bytecode beside every source below a folder, which may be in use: what is there is whole.

        `shown` is where tracebacks say that the folder lies. Cancelled, it ends its processes and leaves what is done.

        Raises:
            OSError: the folder is gone, or there is no room.
        """
        sources = await asyncio.to_thread(self._sources, site)
        shares = await asyncio.to_thread(_shares, sources, site, shown)
        if shares:
            async with _processes(len(shares)) as processes:
                await asyncio.gather(*map(_feed, processes, shares))
        await asyncio.to_thread(_put, sources)

    def trim(self) -> None:
        """Begin anew where it has grown too large. Blocks."""
        files = [path for path in self._cache.parent.rglob("*.pyc") if path.is_file()]
        if sum(path.stat().st_size for path in files) > MAX_CACHE_BYTES:
            shutil.rmtree(self._cache.parent, ignore_errors=True)

    def _sources(self, site: Path) -> "list[_Source]":
        found = []
        for folder, _, names in os.walk(site):
            for name in names:
                path = Path(folder, name)
                if not name.endswith(".py") or "\n" in str(path) or path.is_symlink():
                    continue
                content = path.read_bytes()
                digest = hashlib.sha256(os.fsencode(path.relative_to(site)) + b"\0" + content).hexdigest()
                found.append(_Source(len(content), path, self._cache / digest[:2] / f"{digest}.pyc"))
        return found


@dataclass(frozen=True, slots=True, order=True)
class _Source:
    """One file to compile: its size in bytes, where it lies, and where its bytecode is kept."""

    size: int
    path: Path
    kept: Path


def _shares(sources: Sequence[_Source], site: Path, shown: str) -> list[list[bytes]]:
    """Lines for workers, as even as can be, of all that the cache does not have."""
    shares: list[tuple[int, list[bytes]]] = [(0, []) for _ in range(WORKERS)]
    # The longest first, each to who has least to do.
    for one in sorted((source for source in sources if not source.kept.exists()), reverse=True):
        done, lines = min(shares, key=lambda share: share[0])
        shares.remove((done, lines))
        told = f"{one.path}\0{one.kept}\0{shown}/{one.path.relative_to(site)}\n"
        shares.append((done + one.size, [*lines, os.fsencode(told)]))
    return [lines for _, lines in shares if lines]


@asynccontextmanager
async def _processes(count: int) -> AsyncIterator[Sequence[asyncio.subprocess.Process]]:
    """Workers, ended at the end of the block."""
    command = [sys.executable, "-I", "-S", "-c", _WORKER]
    started: list[asyncio.subprocess.Process] = []
    try:
        for _ in range(count):
            started.append(  # noqa: PERF401  # those that started before one failed are ended, too
                await asyncio.create_subprocess_exec(
                    *command,
                    env=_ENVIRONMENT,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        yield started
    finally:
        await asyncio.gather(*map(subprocesses.end, started))


def _put(sources: Sequence[_Source]) -> None:
    """What could not be compiled has nothing to be put beside it."""
    for one in sources:
        target = Path(importlib.util.cache_from_source(str(one.path)))
        try:
            one.kept.chmod(0o644)
        except FileNotFoundError:
            continue
        target.parent.mkdir(exist_ok=True)
        target.parent.chmod(0o755)
        try:
            os.link(one.kept, target)
        except FileExistsError:
            continue
        except OSError:
            # The file system has no two names for one file. Whole or not there: a sandbox may be reading.
            draft = target.with_suffix(".draft")
            shutil.copyfile(one.kept, draft)
            draft.chmod(0o644)
            draft.replace(target)


async def _feed(process: asyncio.subprocess.Process, lines: Sequence[bytes]) -> None:
    """Give a worker what it is to do, and wait until it is. One that dies leaves sources without bytecode."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.writelines([*lines, b"\n"])
        await process.stdin.drain()
        await process.stdout.readline()
