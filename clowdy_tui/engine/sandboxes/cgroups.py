"""Control groups, version 1 and 2: how memory, processes and CPU are limited where we may write them.

Each installation has one group of its own, named after it, and in it one for every sandbox: what a killed gateway
left behind is found by that name.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clowdy_tui.engine.limits import MIB

CONTROLLERS: Final = ("memory", "pids", "cpu")
CPU_PERIOD_US: Final = 20_000
"""Short, so that a function over its share stalls for milliseconds and not for a tenth of a second."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A hierarchy that is mounted: its version, its controllers, where, and our own group in it."""

    version: int
    controllers: frozenset[str]
    place: Path
    own: Path


def mounts(proc: Path = Path("/proc/self")) -> Iterator[Mount]:
    """The hierarchies that this process can see."""
    own: dict[str, str] = {}
    for line in _read(proc / "cgroup").splitlines():
        _, names, path = line.split(":", 2)
        own.update(dict.fromkeys(names.split(","), path))
    for line in _read(proc / "mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        place = Path(left.split(" ")[4])
        if kind == "cgroup2":
            controllers = frozenset(_read(place / "cgroup.controllers").split())
            yield Mount(2, controllers, place, _inside(place, own.get("", "/")))
        elif kind == "cgroup":
            named = frozenset(options.split(",")) & frozenset(CONTROLLERS)
            if named:
                yield Mount(1, named, place, _inside(place, own.get(next(iter(named)), "/")))


def _inside(place: Path, path: str) -> Path:
    # In a container the path is often the host's, and not there below the mount.
    own = place / path.lstrip("/")
    return own if own.is_dir() else place


@dataclass(slots=True)
class Cgroup:
    """One sandbox's group: a folder for each controller (the same one three times with version 2)."""

    folders: dict[str, Path]
    versions: dict[str, int]

    @property
    def join_files(self) -> list[str]:
        """Writing `0` to each moves the writing process in."""
        return [str(folder / "cgroup.procs") for folder in dict.fromkeys(self.folders.values())]

    def limit(self, *, memory_mb: int, processes: int) -> None:
        """Raises OSError where the kernel does not take it."""
        if "memory" in self.folders:
            folder, size = self.folders["memory"], str(memory_mb * MIB)
            if self.versions["memory"] == 2:
                _write(folder / "memory.max", size)
                _write_if_there(folder / "memory.swap.max", "0")
                _write_if_there(folder / "memory.oom.group", "1")
            else:
                _write(folder / "memory.limit_in_bytes", size)
                _write_if_there(folder / "memory.memsw.limit_in_bytes", size)
        if "pids" in self.folders:
            _write(self.folders["pids"] / "pids.max", str(processes))

    def limit_cpu(self, cpus: float) -> None:
        """Raises OSError where the kernel does not take it."""
        if "cpu" not in self.folders:
            return
        quota = str(max(1000, int(cpus * CPU_PERIOD_US)))
        folder = self.folders["cpu"]
        if self.versions["cpu"] == 2:
            _write(folder / "cpu.max", f"{quota} {CPU_PERIOD_US}")
        else:
            _write(folder / "cpu.cfs_period_us", str(CPU_PERIOD_US))
            _write(folder / "cpu.cfs_quota_us", quota)

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of this group because the group's memory was used up."""
        folder = self.folders.get("memory")
        if folder is None:
            return False
        name = "memory.events" if self.versions["memory"] == 2 else "memory.oom_control"
        for line in _read(folder / name).splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill":
                return value.strip() != "0"
        return False

    def peak_memory_kb(self) -> int | None:
        """The most that the group has used so far; None where the kernel does not tell."""
        folder = self.folders.get("memory")
        if folder is None:
            return None
        names = ("memory.peak", "memory.current") if self.versions["memory"] == 2 else ("memory.max_usage_in_bytes",)
        for name in names:
            text = _read(folder / name).strip()
            if text.isdecimal():
                return int(text) // 1024
        return None

    def processes(self) -> list[int]:
        """The processes in it now, as the host numbers them."""
        found: dict[int, None] = {}
        for path in self.join_files:
            found.update(dict.fromkeys(int(number) for number in _read(Path(path)).split()))
        return list(found)

    def remove(self, *, within_s: float = 2.0) -> bool:
        """Kill what is still inside and remove it; blocks, for some microseconds in the usual case."""
        deadline = time.monotonic() + within_s
        for folder in dict.fromkeys(self.folders.values()):
            while folder.is_dir():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        return False
                    for process in self.processes():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(process, signal.SIGKILL)
                    time.sleep(0.002)
        return True


@dataclass(slots=True)
class CgroupTree:
    """This installation's groups."""

    name: str
    bases: dict[str, Path]
    versions: dict[str, int]
    problems: list[str] = field(default_factory=list)

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self.bases)

    @classmethod
    def find(cls, installation_id: str, proc: Path = Path("/proc/self")) -> "CgroupTree":
        """Make the installation's group under every controller that we may write; those that hold are in `bases`."""
        name = f"clowdy-{installation_id}"
        tree = cls(name, {}, {})
        for mount in sorted(mounts(proc), key=lambda mount: mount.version):
            wanted: list[str] = [key for key in CONTROLLERS if key in mount.controllers and key not in tree.bases]
            if not wanted:
                continue
            for parent in dict.fromkeys((mount.own, mount.place)):
                if tree._claim(mount, parent / name, wanted):
                    break
        return tree

    def _claim(self, mount: Mount, base: Path, wanted: list[str]) -> bool:
        existed = base.is_dir()
        try:
            if mount.version == 2:
                _enable(base.parent, wanted)
            base.mkdir(exist_ok=True)
            if mount.version == 2:
                _enable(base, wanted)
                held = _read(base / "cgroup.subtree_control").split()
                wanted = [key for key in wanted if key in held]
            if not wanted:
                raise PermissionError("no controller can be enabled")
            trial = Cgroup(dict.fromkeys(wanted, base / "trial"), dict.fromkeys(wanted, mount.version))
            (base / "trial").mkdir(exist_ok=True)
            try:
                trial.limit(memory_mb=64, processes=16)
                trial.limit_cpu(1.0)
            finally:
                trial.remove()
        except OSError as error:
            self.problems.append(f"{base}: {error.strerror or error}")
            if not existed:
                with contextlib.suppress(OSError):
                    base.rmdir()
            return False
        self.bases.update(dict.fromkeys(wanted, base))
        self.versions.update(dict.fromkeys(wanted, mount.version))
        return True

    def group(self, name: str) -> Cgroup:
        return Cgroup({key: base / name for key, base in self.bases.items()}, self.versions)

    def create(self, name: str, *, memory_mb: int, processes: int) -> Cgroup:
        """A new group with its limits. Raises OSError."""
        group = self.group(name)
        for folder in dict.fromkeys(group.folders.values()):
            folder.mkdir()
        group.limit(memory_mb=memory_mb, processes=processes)
        return group

    def sweep(self, proc: Path = Path("/proc/self")) -> int:
        """Kill and remove every sandbox's group that is there; how many had processes.

        Looks through the whole hierarchies: an earlier gateway may have run in another session's group than this one.
        """
        ours = set(self.bases.values())
        alive: set[str] = set()
        for base in {found for mount in mounts(proc) for found in _named(mount.place, self.name)} | ours:
            for folder in [path for path in base.iterdir() if path.is_dir()]:
                group = Cgroup({"any": folder}, {})
                if group.processes():
                    alive.add(folder.name)
                group.remove()
            if base not in ours:
                with contextlib.suppress(OSError):
                    base.rmdir()
        return len(alive)

    def close(self) -> None:
        """Remove the installation's groups; those that still hold a sandbox stay."""
        for base in dict.fromkeys(self.bases.values()):
            with contextlib.suppress(OSError):
                base.rmdir()


def _named(place: Path, name: str) -> Iterator[Path]:
    for folder, folders, _ in os.walk(place):
        if name in folders:
            folders.remove(name)
            yield Path(folder, name)


def _enable(parent: Path, controllers: list[str]) -> None:
    control = parent / "cgroup.subtree_control"
    for key in controllers:
        if key not in _read(control).split():
            # Each alone: one that cannot be had must not keep the others away. What holds is read back.
            with contextlib.suppress(OSError):
                _write(control, f"+{key}")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    # No truncation and no creation: these are the kernel's files, and one that is missing is an error.
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _write_if_there(path: Path, text: str) -> None:
    if path.exists():
        _write(path, text)
