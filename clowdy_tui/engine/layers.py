"""Layers: a project's packages, installed once per content and shared read-only by every sandbox that wants them.

A layer's key is a hash of its lock and of the Python that it is for. `uv` resolves and installs, wheels only, so that
no code of a package runs while its layer is made. Bytecode is compiled once the layer serves already.
"""

import asyncio
import contextlib
import hashlib
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.domain.packages import (
    BuildFailed,
    Requirements,
    hold_to_hashes,
    read_lock,
    write_lock,
)
from clowdy_tui.engine.compiling import Compiling
from clowdy_tui.engine.indexer import Indexer
from clowdy_tui.engine.limits import MIB

FORMAT: Final = 1
"""Goes up when the same lock must be installed anew."""

_DRAFT: Final = ".building-"
_GOING: Final = ".going-"
_CACHE: Final = ".cache"

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class LayerLimits:
    """Bounds for one layer: bytes on disk, seconds for all of its making. `cache_bytes` bounds what uv keeps."""

    max_bytes: int = 1024 * MIB
    timeout_s: float = 600.0
    cache_bytes: int = 2048 * MIB


@dataclass(frozen=True, slots=True)
class LayerTarget:
    """The Python that layers are for. `version` and `platform` are None where it is the one that runs Clowdy."""

    tag: str
    version: str | None = None
    platform: str | None = None

    @classmethod
    def of_host(cls) -> Self:
        """The packed runtime's: this very interpreter."""
        libc = "-".join(platform.libc_ver())
        return cls(f"{FORMAT} {sys.implementation.cache_tag} {sysconfig.get_platform()} {libc} {_abi()}")

    @classmethod
    def of_image(cls, base_image: str) -> Self:
        """An official image's, by its tag: `python:3.12-slim`, for the kind of machine that this is."""
        found = re.search(r":(\d+\.\d+)", base_image)
        version = found[1] if found else sysconfig.get_python_version()
        machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())
        name = f"{machine}-unknown-linux-{'musl' if 'alpine' in base_image else 'gnu'}"
        return cls(f"{FORMAT} {version} {name}", version, name)

    @property
    def arguments(self) -> list[str]:
        """For uv: an interpreter it needs in any case, to ask or only to run with."""
        arguments = ["--python", sys.executable]
        if self.version is not None and self.platform is not None:
            arguments += ["--python-version", self.version, "--python-platform", self.platform]
        return arguments


def _abi() -> str:
    return str(sysconfig.get_config_var("SOABI") or "")


@dataclass(frozen=True, slots=True)
class Layer:
    """What was made: its key, and the lock that makes the same one again. `fresh` is False where it was there."""

    key: str
    lock: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class LayersLeft:
    """What stays of layers that are not wanted: those that instances still work with, and what cannot be removed, in
    sentences; `elsewhere` is what another driver holds, that was used before.
    """

    busy: frozenset[str] = frozenset()
    stuck: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


class LayerStore:
    """Layers below one folder, each whole or not there. One at a time is made; belongs to one event loop."""

    def __init__(self, folder: Path, target: LayerTarget, *, limits: LayerLimits | None = None) -> None:
        self.target = target
        self._folder = folder
        self._limits = limits or LayerLimits()
        self._indexer = Indexer(folder / _CACHE)
        self._compiling = Compiling(folder, timeout_s=self._limits.timeout_s)
        self._one_at_a_time = asyncio.Lock()

    async def close(self) -> None:
        """End what is being compiled; whoever uses the folder next goes on with it."""
        await self._compiling.end()

    def has(self, key: str) -> bool:
        return self._place(key).is_dir()

    def path(self, key: str) -> Path:
        """Where a layer lies on the host.

        Raises:
            DriverUnavailable: it is not there.
        """
        place = self._place(key)
        if not place.is_dir():
            raise DriverUnavailable(
                "The project's packages are not on this machine (any more).", remedy="Save its list of packages again."
            )
        return place

    def key_of(self, lock: str) -> str:
        return hashlib.sha256(f"{self.target.tag}\n{lock}".encode()).hexdigest()[:32]

    async def build(self, requirements: Requirements, *, previous: str = "", on_progress: Progress) -> Layer:
        """Resolve a list and make its layer. Versions of the lock `previous` stay where they may.

        Cancelling ends what runs and leaves nothing.

        Raises:
            BuildFailed: it cannot be made; says why in the resolver's words.
        """
        async with self._workplace() as draft:
            lock = await self._resolve(draft, requirements, previous, on_progress)
            return await self._install(draft, lock, on_progress)

    async def restore(self, lock: str, *, on_progress: Progress) -> Layer:
        """Make the layer of a lock, the same as it was. Raises BuildFailed."""
        if self.has(key := self.key_of(lock)):
            return Layer(key, lock, fresh=False)
        async with self._workplace() as draft:
            return await self._install(draft, lock, on_progress)

    async def whole(self, key: str) -> None:
        """Wait until a layer has its bytecode, or never will: for whoever copies it."""
        await self._compiling.done(key)

    async def collect(self, keep: Collection[str]) -> tuple[str, ...]:
        """Remove every other layer, and what a killed process left half made; what cannot be removed, in sentences.

        What such a process left uncompiled is compiled from now on.
        """
        async with self._one_at_a_time:
            await self._compiling.end(keep)
            stuck = await asyncio.to_thread(self._collect, frozenset(keep))
            self._compiling.go_on(keep)
            return stuck

    def _place(self, key: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{32}", key):
            raise DriverUnavailable(f"There is no layer {key!r}.")
        return self._folder / key

    @contextlib.asynccontextmanager
    async def _workplace(self) -> AsyncIterator[Path]:
        """A folder to make a layer in, gone at the end."""
        async with self._one_at_a_time:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                draft = Path(tempfile.mkdtemp(prefix=_DRAFT, dir=self._folder))
            except OSError as error:
                raise BuildFailed(f"the folder for packages cannot be written: {error.strerror}") from error
            try:
                async with asyncio.timeout(self._limits.timeout_s):
                    yield draft
            except TimeoutError as error:
                raise BuildFailed(f"it took longer than {self._limits.timeout_s:g} s") from error
            except OSError as error:
                raise BuildFailed(f"{error.strerror or error}") from error
            finally:
                # In a thread of its own even when this task is cancelled: a large draft takes a while to go.
                await asyncio.shield(asyncio.to_thread(shutil.rmtree, draft, True))

    async def _resolve(self, draft: Path, requirements: Requirements, previous: str, on_progress: Progress) -> str:
        source, written = draft / "requirements.in", draft / "lock.txt"
        source.write_text(requirements.text)
        if previous:
            written.write_text(previous)
        on_progress("Resolving")
        command = ("pip", "compile", "--generate-hashes", "--no-header", "--no-annotate")
        arguments = [*command, *self.target.arguments, "--output-file", written.name, source.name]
        await self._indexer.run(arguments, draft, on_line=on_progress, watch=self._watch(draft, written))
        try:
            locked = read_lock(written.read_text())
        except ValueError as error:
            raise BuildFailed(f"the index leads to something that cannot be held to a hash: {error}") from error
        return write_lock(hold_to_hashes(requirements, locked))

    async def _install(self, draft: Path, lock: str, on_progress: Progress) -> Layer:
        key = self.key_of(lock)
        if self.has(key):
            return Layer(key, lock, fresh=False)
        site, source = draft / "site", draft / "lock.txt"
        source.write_text(lock)
        site.mkdir()
        arguments = ["pip", "install", "--target", site.name, "--no-deps", "--require-hashes", *self.target.arguments]
        arguments += ["-r", source.name]
        watch = self._watch(draft, site)
        on_progress("Installing")
        # The resolver has just asked the index, and its cache often has the files too: then nobody is asked.
        there = all(self._indexer.may_have(one.name, one.version) for one in read_lock(lock))
        if there:
            try:
                await self._indexer.run([*arguments, "--offline"], draft, on_line=lambda _: None, watch=watch)
            except BuildFailed:
                there = False
                await asyncio.to_thread(shutil.rmtree, site, True)
                site.mkdir()
        if not there:
            await self._indexer.run(arguments, draft, on_line=on_progress, watch=watch)
        await asyncio.to_thread(self._finish, site)
        if self.target.version is None:
            # First: a process that ends between the two leaves a mark without a layer, and not the reverse.
            self._compiling.mark(key)
        with contextlib.suppress(FileExistsError):
            site.rename(self._place(key))
        self._compiling.go_on({key})
        return Layer(key, lock, fresh=True)

    def _finish(self, site: Path) -> None:
        """Make it readable for sandboxes, and take out what is of no use there and tells of this machine."""
        site.chmod(0o755)
        (site / ".lock").unlink(missing_ok=True)
        for script in (site / "bin").glob("*"):
            if script.is_file():
                with script.open("rb") as file:
                    is_script = file.read(2) == b"#!"
                if is_script:
                    script.unlink()
        total = 0
        for path in _walk(site):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BuildFailed(f"{path.relative_to(site)} is neither a file nor a folder")
            told = path.stat()
            total += told.st_size
            needed = 0o755 if path.is_dir() else 0o444
            if told.st_mode & needed != needed or told.st_mode & 0o7022:
                path.chmod((told.st_mode | needed) & 0o755)
        if total > self._limits.max_bytes:
            raise self._too_large()

    def _too_large(self) -> BuildFailed:
        return BuildFailed(f"the packages take more than {self._limits.max_bytes // MIB} MiB")

    def _watch(self, draft: Path, made: Path) -> Callable[[], None]:
        """Raises BuildFailed once what is being made has grown too large."""
        since = draft.stat().st_ctime - 1
        cache = self._folder / _CACHE

        def look() -> None:
            fresh = [path for path in cache.glob("*/*") if _ctime(path) > since]
            fresh += [path for path in cache.glob(".tmp*") if _ctime(path) > since]
            # A file is in the cache and in what is made of it at once: each of them counts alone.
            if max(_size(made), sum(map(_size, fresh))) > self._limits.max_bytes * 2:
                raise self._too_large()

        return look

    def _collect(self, keep: frozenset[str]) -> tuple[str, ...]:
        stuck = []
        for path in list(self._folder.glob("*")) if self._folder.is_dir() else ():
            half = path.name.startswith((_DRAFT, _GOING))
            if not half and (path.name in keep or not re.fullmatch(r"[0-9a-f]{32}", path.name)):
                continue
            try:
                # Never seen half removed by a sandbox that begins.
                going = path if half else path.rename(path.with_name(f"{_GOING}{path.name}"))
                shutil.rmtree(going)
            except OSError as error:
                stuck.append(f"The layer in {path} cannot be removed: {error.strerror or error}")
        if _size(self._folder / _CACHE) > self._limits.cache_bytes:
            shutil.rmtree(self._folder / _CACHE, ignore_errors=True)
        self._compiling.trim()
        return tuple(stuck)


def _walk(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(parent, name)


def _ctime(path: Path) -> float:
    try:
        return path.lstat().st_ctime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    """Bytes in a file, or in all files below a folder; what goes away meanwhile counts nothing."""
    total = 0
    for found in (path, *_walk(path)):
        with contextlib.suppress(OSError):
            told = found.lstat()
            total += 0 if found.is_dir() else told.st_size
    return total
