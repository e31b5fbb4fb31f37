"""Compiles a layer's sources to bytecode: several processes that wait ready while packages are found, and a cache.

Compiling reads sources and runs nothing of them. What was compiled once is taken again by its content and its place in
a layer, whatever layer that is: bytecode names its source, and tracebacks show that.
"""

import asyncio
import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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


class Bytecode:
    """The cache in a folder."""

    def __init__(self, cache: Path) -> None:
        # Bytecode of another Python is of no use, and of another kind.
        self._cache = cache / f"{sys.implementation.cache_tag}-{importlib.util.MAGIC_NUMBER.hex()}"

    @asynccontextmanager
    async def workers(self, environment: Mapping[str, str]) -> AsyncIterator["Workers"]:
        """Processes that have started by the time that they are wanted; ended at the end of the block."""
        command = [sys.executable, "-I", "-S", "-c", _WORKER]
        started: list[asyncio.subprocess.Process] = []
        try:
            for _ in range(WORKERS):
                started.append(  # noqa: PERF401  # those that started before one failed are ended, too
                    await asyncio.create_subprocess_exec(
                        *command,
                        env=environment,
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        stderr=asyncio.subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )
            yield Workers(started, self._cache)
        finally:
            for process in (one for one in started if one.returncode is None):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(asyncio.gather(*(process.wait() for process in started)))

    def trim(self) -> None:
        """Begin anew where it has grown too large. Blocks."""
        files = [path for path in self._cache.parent.rglob("*.pyc") if path.is_file()]
        if sum(path.stat().st_size for path in files) > MAX_CACHE_BYTES:
            shutil.rmtree(self._cache.parent, ignore_errors=True)


@dataclass(frozen=True, slots=True, order=True)
class _Source:
    """One file to compile: its size in bytes, where it lies, and where its bytecode is kept."""

    size: int
    path: Path
    kept: Path


class Workers:
    """Compile one folder after the other."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process], cache: Path) -> None:
        self._processes = processes
        self._cache = cache

    async def prepare(self, site: Path, shown: str) -> None:
        """Compile every source below a folder into the cache. `shown` is where tracebacks say that the folder lies."""
        await self._prepare(site, shown)

    async def compile(self, site: Path, shown: str) -> None:
        """Compile every source below a folder, and put its bytecode beside it."""
        sources = await self._prepare(site, shown)
        await asyncio.to_thread(_put, sources)

    async def _prepare(self, site: Path, shown: str) -> list[_Source]:
        sources = await asyncio.to_thread(self._sources, site)
        shares: list[tuple[int, list[bytes]]] = [(0, []) for _ in self._processes]
        # The longest first, each to who has least to do.
        for one in sorted((source for source in sources if not source.kept.exists()), reverse=True):
            done, lines = min(shares, key=lambda share: share[0])
            shares.remove((done, lines))
            told = f"{one.path}\0{one.kept}\0{shown}/{one.path.relative_to(site)}\n"
            shares.append((done + one.size, [*lines, os.fsencode(told)]))
        await asyncio.gather(
            *(_feed(one, lines) for one, (_, lines) in zip(self._processes, shares, strict=True) if lines)
        )
        return sources

    def _sources(self, site: Path) -> list[_Source]:
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


def _put(sources: Sequence[_Source]) -> None:
    """What could not be compiled has nothing to be put beside it."""
    for one in sources:
        target = Path(importlib.util.cache_from_source(str(one.path)))
        target.parent.mkdir(exist_ok=True)
        try:
            os.link(one.kept, target)
        except (FileNotFoundError, FileExistsError):
            continue
        except OSError:
            # The file system has no two names for one file.
            shutil.copyfile(one.kept, target)


async def _feed(process: asyncio.subprocess.Process, lines: Sequence[bytes]) -> None:
    """Give a worker what it is to do, and wait until it is. One that dies leaves sources without bytecode."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):
        process.stdin.writelines([*lines, b"\n"])
        await process.stdin.drain()
        await process.stdout.readline()
