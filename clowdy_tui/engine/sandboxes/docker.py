"""The docker driver: each sandbox is a container of the user's own engine, spoken to over its attach stream."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes import leftovers, seccomp
from clowdy_tui.engine.sandboxes.base import DriverStatus, Enforced, SandboxListener, SandboxSpec
from clowdy_tui.engine.sandboxes.docker_container import (
    INSTALLATION_LABEL,
    SANDBOX_LABEL,
    EngineFacts,
    container_config,
)
from clowdy_tui.engine.sandboxes.docker_direct import DirectChannel
from clowdy_tui.engine.sandboxes.docker_endpoint import find_endpoint, is_there
from clowdy_tui.engine.sandboxes.docker_engine import LEAST_API, START_IT, DockerEngine, EngineRefused
from clowdy_tui.engine.sandboxes.docker_images import ImageStore
from clowdy_tui.engine.sandboxes.docker_network import BridgeNetwork
from clowdy_tui.engine.sandboxes.docker_sandbox import DockerSandbox

if TYPE_CHECKING:
    from docker import APIClient

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Containers made at the same time: more only makes each of them slower."""


class DockerDriver:
    """Sandboxes as containers.

    `host` is an address as `DOCKER_HOST` has it, `cert_path` a folder with cert.pem, key.pem and ca.pem; without them
    the environment, the docker context and the usual sockets are looked at, as the docker command does.
    A spec's root is a packed tree, or a folder with a Dockerfile that is built on `base_image`.
    `seccomp_profile` is a profile's JSON in place of Clowdy's own. `timeout_s` limits each request. `direct=False` has
    containers spoken to by the attach stream alone, also where the engine runs on this machine.
    """

    name = "docker"

    def __init__(
        self,
        *,
        installation_id: str,
        host: str | None = None,
        cert_path: Path | None = None,
        tls_verify: bool | None = None,
        base_image: str = "python:3.12-slim",
        oci_runtime: str | None = None,
        seccomp_profile: str | None = None,
        direct: bool = True,
        timeout_s: int = 10,
    ) -> None:
        self._installation_id = installation_id
        self._where = (host, cert_path, tls_verify)
        self._base_image = base_image
        self._oci_runtime = oci_runtime
        self._seccomp_profile = seccomp_profile
        self._timeout_s = timeout_s
        self._opened: tuple[DockerEngine, ImageStore, BridgeNetwork] | None = None
        self._facts: EngineFacts | None = None
        self._sandboxes: dict[str, DockerSandbox] = {}
        self._starting: set[str] = set()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._direct = direct
        self._folder: leftovers.OwnFolder | None = None
        self._untidy = False
        self._used = False
        self._closed = False

    async def check(self) -> DriverStatus:
        try:
            engine, _, _ = self._open()
            version, info = await engine.call(lambda client: (client.version(), client.info()))
            api = str(version["ApiVersion"])
            self._facts = facts = EngineFacts.of(info)
        except DriverUnavailable as problem:
            return DriverStatus(self.name, False, problem.reason, problem.remedy)
        except EngineRefused as refused:
            return DriverStatus(self.name, False, f"The Docker engine refuses: {refused.sentence}", START_IT)
        if _parts(api) < _parts(LEAST_API):
            return DriverStatus(
                self.name,
                False,
                f"The Docker engine is too old: its API is {api}, Clowdy needs {LEAST_API}.",
                "Install Docker 19.03 or newer.",
            )
        if not facts.linux:
            return DriverStatus(
                self.name, False, f"The Docker engine runs {facts.name} containers.", "Switch it to Linux containers."
            )
        if self._oci_runtime is not None and self._oci_runtime not in (info.get("Runtimes") or {}):
            return DriverStatus(
                self.name,
                False,
                f"The Docker engine knows no OCI runtime {self._oci_runtime!r}.",
                "Add it to the engine's daemon.json, or leave the setting out.",
            )
        own_seccomp = self._profile(facts) is not None
        return DriverStatus(
            self.name,
            True,
            enforced=facts.enforced(own_seccomp=own_seccomp, oci_runtime=self._oci_runtime),
            notes=notes(facts, own_seccomp=own_seccomp, oci_runtime=self._oci_runtime),
        )

    async def prepare(self, root: Path, layer: Path | None = None) -> None:
        _, images, _ = self._open()
        await _image(images, root, layer)

    def copies(self, layer: Path) -> bool:
        return True

    async def why_no_socket(self, folder: Path) -> str:
        if sys.platform != "linux":
            return (
                "Docker's engine runs in a virtual machine here, which no socket of this machine can be mounted into."
            )
        endpoint = find_endpoint(*self._where, os.environ, Path.home())
        if endpoint.socket is None:
            return f"The Docker engine at {endpoint} is not on this machine, so no folder of it can be mounted there."
        return ""

    async def keep_layers(self, keys: frozenset[str]) -> tuple[str, ...]:
        try:
            _, images, _ = self._open()
            return await images.keep_layers(keys)
        except DriverUnavailable as problem:
            return (f"Docker's images of layers are left for now: {problem.reason}",)
        except EngineRefused as refused:
            return (f"Docker's images of layers are left for now: {refused.message}",)

    async def start(self, spec: SandboxSpec, listener: SandboxListener) -> DockerSandbox:
        if self._closed:
            raise DriverUnavailable("The docker driver is closed.")
        task = self._spawn(self._start(spec, listener))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._spawn(_abandon(task))
            raise

    async def sweep(self) -> int:
        """Where the engine is away now, the sweep is made up for when it is back."""
        await asyncio.to_thread(leftovers.remove_folders, self._installation_id, keep=self._folder)
        try:
            engine, _, network = self._open()
            return await self._remove_strangers(engine, network)
        except DriverUnavailable as problem:
            self._untidy = True
            logger.warning("what an earlier process left in Docker is not swept yet: %s", problem.reason)
            return 0

    async def clear(self) -> tuple[str, ...]:
        await asyncio.to_thread(leftovers.remove_folders, self._installation_id, keep=self._folder)
        try:
            engine, images, network = self._open()
            await self._remove_strangers(engine, network)
            return await images.clear()
        except DriverUnavailable as problem:
            return (f"Docker's images and containers are left for now: {problem.reason}",)
        except EngineRefused as refused:
            return (f"Docker's images and containers are left for now: {refused.message}",)

    async def close(self) -> None:
        """Ends all, also what is being started; containers of this installation that nobody knows of go too."""
        self._closed = True
        while self._tasks or self._sandboxes:
            ends = [sandbox.kill() for sandbox in self._sandboxes.values()]
            await asyncio.gather(*ends, *self._tasks, return_exceptions=True)
            await asyncio.sleep(0)
        if self._opened is None:
            return
        engine, _, network = self._opened
        self._opened = None
        try:
            if self._used:
                await self._remove_strangers(engine, network)
                await network.remove()
        except DriverUnavailable as gone:
            logger.warning("what is left in Docker goes with the next start: %s", gone.reason)
        finally:
            await asyncio.to_thread(self._let_go, engine)

    def _let_go(self, engine: DockerEngine) -> None:
        engine.close()
        if self._folder is not None:
            self._folder.remove()
            self._folder = None

    def _open(self) -> tuple[DockerEngine, ImageStore, BridgeNetwork]:
        """Where the engine is is found out late and again until something is there: it may be started after us."""
        if self._opened is None:
            endpoint = find_endpoint(*self._where, os.environ, Path.home())
            if endpoint.socket is not None and not is_there(endpoint.socket):
                raise DriverUnavailable(f"No Docker engine answers at {endpoint}.", remedy=START_IT)
            engine = DockerEngine(endpoint, timeout_s=self._timeout_s)
            images = ImageStore(engine, self._installation_id, self._base_image)
            self._opened = engine, images, BridgeNetwork(engine, self._installation_id)
        return self._opened

    async def _start(self, spec: SandboxSpec, listener: SandboxListener) -> DockerSandbox:
        engine, images, network = self._open()
        self._used = True
        self._starting.add(spec.id)
        try:
            async with self._at_once:
                try:
                    sandbox = await self._make(spec, listener, engine, images, network)
                except EngineRefused as refused:
                    if refused.status != 404 or self._closed:
                        raise
                    # Somebody removed the image or the network: both are made again.
                    images.forget(spec.root)
                    await network.look_again()
                    sandbox = await self._make(spec, listener, engine, images, network)
        except EngineRefused as refused:
            raise DriverUnavailable(f"Docker cannot start a container: {refused.sentence}") from refused
        except DriverUnavailable:
            self._untidy = True
            raise
        finally:
            self._starting.discard(spec.id)
        self._spawn(self._see_off(sandbox))
        if self._untidy:
            self._untidy = False
            self._spawn(self.sweep())
        return sandbox

    async def _make(
        self,
        spec: SandboxSpec,
        listener: SandboxListener,
        engine: DockerEngine,
        images: ImageStore,
        network: BridgeNetwork,
    ) -> DockerSandbox:
        if self._facts is None:
            self._facts = EngineFacts.of(await engine.call(lambda client: client.info()))
        config = partial(
            container_config,
            spec,
            self._facts,
            image=await _image(images, spec.root, spec.layer),
            installation_id=self._installation_id,
            network=await network.ensure() if spec.shape.network_enabled else "none",
            oci_runtime=self._oci_runtime,
            seccomp_profile=self._profile(self._facts),
        )
        container, direct = await self._create(spec, engine, config)
        sandbox = DockerSandbox(spec.id, container, engine, listener, direct)
        self._sandboxes[container] = sandbox
        try:
            await sandbox.open()
            await engine.call(lambda client: client.start(container))
        except (EngineRefused, DriverUnavailable):
            await sandbox.kill()
            self._untidy = self._untidy or not sandbox.removed
            del self._sandboxes[container]
            raise
        sandbox.begin()
        return sandbox

    async def _create(
        self, spec: SandboxSpec, engine: DockerEngine, config: Callable[..., dict[str, Any]]
    ) -> tuple[str, DirectChannel | None]:
        """Create a container, with a direct channel where the engine can mount its folder."""
        direct = self._open_direct(spec, engine)
        try:
            folder = direct.folder if direct is not None else None
            return await engine.call(partial(_create_container, config(direct=folder))), direct
        except BaseException as error:
            if direct is None:
                raise
            direct.close()
            if not (isinstance(error, EngineRefused) and error.status == 400 and str(direct.folder) in error.message):
                raise
        # The engine does not see this machine's files: it runs in a virtual machine or another container.
        self._direct = False
        return await engine.call(partial(_create_container, config(direct=None))), None

    def _open_direct(self, spec: SandboxSpec, engine: DockerEngine) -> DirectChannel | None:
        if not self._direct or engine.endpoint.socket is None or sys.platform != "linux":
            return None
        try:
            if self._folder is not None and not self._folder.path.is_dir():
                # Somebody tidied up. Channels that are open need it no more.
                self._folder.remove()
                self._folder = None
            if self._folder is None:
                self._folder = leftovers.OwnFolder(self._installation_id)
            return DirectChannel(self._folder.path / spec.id)
        except OSError as error:
            logger.warning("the container %s is spoken to by the engine alone: %s", spec.id, error)
            return None

    def _profile(self, facts: EngineFacts) -> str | None:
        """The filter of system calls to ask for; None where the engine has none, or a machine that has no list."""
        ours = facts.seccomp and facts.architecture in seccomp.ARCHITECTURES
        return self._seccomp_profile or (seccomp.docker_profile() if ours else None)

    async def _see_off(self, sandbox: DockerSandbox) -> None:
        await sandbox.gone.wait()
        self._sandboxes.pop(sandbox.container, None)
        if not sandbox.removed:
            self._untidy = True

    async def _remove_strangers(self, engine: DockerEngine, network: BridgeNetwork) -> int:
        """Remove what is labelled as ours and is no living sandbox of this driver; how many containers there were."""
        filters = {"label": f"{INSTALLATION_LABEL}={self._installation_id}"}
        try:
            strangers = [
                str(found["Id"])
                for found in await engine.call(lambda client: client.containers(all=True, filters=filters))
                if found["Id"] not in self._sandboxes and found["Labels"].get(SANDBOX_LABEL) not in self._starting
            ]
            results = await asyncio.gather(*map(engine.remove, strangers), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        except EngineRefused as refused:
            raise DriverUnavailable(f"Docker cannot remove what was left: {refused.sentence}") from refused
        await network.sweep()
        return len(strangers)

    def _spawn(self, work: "Coroutine[Any, Any, Any]") -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _image(images: ImageStore, root: Path, layer: Path | None) -> str:
    return await (images.ensure(root) if layer is None else images.ensure_layered(root, layer))


def _create_container(config: dict[str, Any], client: "APIClient") -> str:
    # the SDK's stubs leave this one method without types
    create: Callable[[dict[str, Any]], dict[str, Any]] = client.create_container_from_config
    return str(create(config)["Id"])


async def _abandon(task: "asyncio.Task[DockerSandbox]") -> None:
    """Nobody waits any more for a sandbox that is being made: it goes as soon as it is there."""
    try:
        sandbox = await task
    except DriverUnavailable as problem:
        logger.debug("a sandbox that nobody waits for could not be made: %s", problem)
        return
    await sandbox.kill()


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def notes(facts: EngineFacts, *, own_seccomp: bool, oci_runtime: str | None) -> tuple[str, ...]:
    """What else is to be known of an engine, in sentences."""
    told = []
    if facts.memory and not facts.swap:
        told.append("The kernel does not limit swap: a sandbox over its memory limit may swap instead of ending.")
    if facts.own_kernel(oci_runtime):
        told.append("gVisor answers system calls itself: none reaches this machine's kernel, and no list is read.")
    elif not own_seccomp and facts.seccomp:
        told.append("System calls are held to the engine's own list.")
    if facts.rootless:
        told.append("The engine runs without root.")
    if Enforced.NETWORK_APART in facts.enforced(own_seccomp=own_seccomp):
        told.append("A function with the network on reaches what listens on all of the host's addresses.")
    return tuple(told)
