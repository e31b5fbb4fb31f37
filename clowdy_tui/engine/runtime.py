"""Root trees: a runtime's whole file system, packed once and shared read-only by every sandbox.

What is in one: the host's interpreter and standard library (with bytecode), the shared libraries that they need, the
runner, psycopg, a minimal `/etc`, time zones and certificates. Nothing else of the host's, and no setuid file.
"""

import asyncio
import hashlib
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine import pack

FORMAT: Final = 2
"""Goes up when the same interpreter and runner must be packed anew."""


@dataclass(frozen=True, slots=True)
class RootTree:
    """A packed tree on the host, and the runner's command line inside it."""

    path: Path
    argv: tuple[str, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Runtime:
    """What `runtimes/<name>/runtime.yaml` says."""

    name: str
    entry: str
    handler: str
    runner: Path

    @classmethod
    def read(cls, folder: Path) -> "Runtime":
        """Raises DriverUnavailable: there is no such runtime, or its file is not whole."""
        try:
            told: Any = yaml.safe_load((folder / "runtime.yaml").read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise DriverUnavailable(f"The runtime {folder.name!r} cannot be read: {error}.") from error
        if not isinstance(told, Mapping) or not {"name", "entry", "handler", "runner"} <= told.keys():
            raise DriverUnavailable(f"{folder / 'runtime.yaml'} lacks name, entry, handler or runner.")
        return cls(str(told["name"]), str(told["entry"]), str(told["handler"]), folder / str(told["runner"]))


class RuntimeStore:
    """Packs root trees and keeps them under `folder`, each under a name made of what went into it.

    `runtimes` is the folder with one folder per language. With the source `dockerfile` nothing is packed: a tree is
    then that folder itself, whose Dockerfile the docker driver builds.

    Safe to use from several gateways at once: a tree appears under its name whole or not at all.
    """

    def __init__(self, folder: Path, runtimes: Path, *, source: str = "host") -> None:
        self._folder = folder
        self._runtimes = runtimes
        self._source = source
        self._trees: dict[str, RootTree] = {}
        self._lock = asyncio.Lock()

    def peek(self, runtime: str) -> RootTree | None:
        """The tree where this process has had it before: needs no disk."""
        return self._trees.get(runtime)

    async def root_tree(self, runtime: str) -> RootTree:
        """The runtime's tree, packed now if it was not (1 to 2 s).

        Raises:
            DriverUnavailable: it cannot be packed here; says why.
        """
        tree = self._trees.get(runtime)
        if tree is not None:
            return tree
        async with self._lock:
            tree = self._trees.get(runtime)
            if tree is None:
                tree = await asyncio.to_thread(self._find_or_pack, runtime)
                self._trees[runtime] = tree
            return tree

    def _find_or_pack(self, name: str) -> RootTree:
        if not re.fullmatch(r"[a-z][a-z0-9.-]*", name) or not (self._runtimes / name).is_dir():
            raise DriverUnavailable(f"There is no runtime {name!r}.", remedy=f"Runtimes here: {self._names()}.")
        runtime = Runtime.read(self._runtimes / name)
        if self._source == "dockerfile":
            return RootTree(self._runtimes / name, pack.RUNNER_ARGV, name)
        try:
            runner = runtime.runner.read_bytes()
            target = self._folder / f"{name}-{sysconfig.get_python_version()}-{_fingerprint(runner)}"
            if not target.is_dir():
                self._pack(runner, target)
        except OSError as error:
            raise DriverUnavailable(
                f"The root tree of the runtime {name!r} cannot be packed: {error}.",
                remedy=f"Check that {self._folder} can be written and has 150 MB free.",
            ) from error
        return RootTree(target, pack.RUNNER_ARGV, target.name)

    def _names(self) -> str:
        return ", ".join(sorted(path.parent.name for path in self._runtimes.glob("*/runtime.yaml"))) or "none"

    def _pack(self, runner: bytes, target: Path) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".packing-", dir=self._folder))
        try:
            pack.pack_host_python(draft, runner)
            draft.chmod(0o755)
            try:
                draft.rename(target)
            except OSError:
                # Somebody else packed the same at the same time and was first: theirs is as good.
                if not target.is_dir():
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _fingerprint(runner: bytes) -> str:
    binary = Path(os.path.realpath(sys.executable))
    told = binary.stat()
    digest = hashlib.sha256(runner)
    client = pack.database_client_version()
    digest.update(f"{FORMAT} {sys.version} {binary} {told.st_size} {told.st_mtime_ns} {client}".encode())
    return digest.hexdigest()[:12]
