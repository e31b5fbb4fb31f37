"""All of it, opened and closed in the right order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from clowdy_tui import resources
from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import DataFolderError, NotFound, SettingsError, Unavailable
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import ProjectOut
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.layers import LayersLeft, LayerStore, LayerTarget
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.base import DriverStatus
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.assistant.config import AssistantConfig
from clowdy_tui.services.changes import settled
from clowdy_tui.services.cipher import KEY_NAME, Cipher
from clowdy_tui.services.counters import Counters
from clowdy_tui.services.databases.copies import Copies
from clowdy_tui.services.databases.local import LocalProvider
from clowdy_tui.services.databases.neon import NeonProvider
from clowdy_tui.services.databases.service import DatabaseService
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.drivers import FormerDriver, choose_driver
from clowdy_tui.services.environment import EnvironmentService
from clowdy_tui.services.example import make_example
from clowdy_tui.services.functions import FunctionService
from clowdy_tui.services.importing import ImportService
from clowdy_tui.services.inputs import SavedInputService
from clowdy_tui.services.invocations import InvocationService
from clowdy_tui.services.keys import KeyService
from clowdy_tui.services.monitoring import MonitoringService, QueueEngine
from clowdy_tui.services.packages import KeepLayers, PackageService
from clowdy_tui.services.pool import PoolEngine, PoolService, publish_counts, publish_driver
from clowdy_tui.services.projects import ProjectService
from clowdy_tui.services.purge import Purge
from clowdy_tui.services.replay import ReplayService
from clowdy_tui.services.retention import Retention
from clowdy_tui.services.rotation import PROOF, RotationService
from clowdy_tui.services.routes import RouteService
from clowdy_tui.services.running import Engine
from clowdy_tui.services.stats import StatsService
from clowdy_tui.services.tokens import TokenService
from clowdy_tui.services.warming import Warming
from clowdy_tui.store.database import Database
from clowdy_tui.store.folder import make_data_folder
from clowdy_tui.store.lock import FolderLock
from clowdy_tui.store.writer import InvocationWriter, WriterState

if TYPE_CHECKING:
    from clowdy_tui.services.assistant.conversations import ConversationService
    from clowdy_tui.services.assistant.service import AssistantService

_HOUSEKEEPING_S: Final = 60.0
_DRAIN_S: Final = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlatformConfig:
    """What a platform is told. Sizes are in bytes unless named otherwise, times in seconds.

    `runtime_source` is `host` or `dockerfile`; `docker_options` are the docker driver's own keyword arguments.
    """

    data_dir: Path
    driver: str = "auto"
    secret_key_file: Path | None = None
    capture_bytes: int = 256 * 1024
    retention_days: int = 30
    retention_bytes: int = 1024 * 1024 * 1024
    memory_budget_mb: int | None = None
    idle_timeout_s: float = 300.0
    spares: int = 8
    neon_api_key: str = field(default="", repr=False)
    neon_base_url: str = "https://console.neon.tech/api/v2"
    runtime_source: str = "host"
    docker_options: Mapping[str, Any] = field(default_factory=dict)
    assistant: AssistantConfig = field(default_factory=AssistantConfig)


class PlatformEngine(Engine, PoolEngine, QueueEngine, Protocol):
    """What a platform needs of the engine."""

    async def start(self) -> None: ...
    def retire(self, function_id: str, keep_key: str | None = None) -> None: ...
    async def keep_layers(self, keys: Collection[str]) -> LayersLeft: ...
    async def why_no_socket(self, folder: Path) -> str: ...
    async def close(self) -> None: ...


class Platform:
    """The services over one data folder, and what they stand on. Made by `open`."""

    bus: EventBus
    directory: Directory
    projects: ProjectService
    functions: FunctionService
    routes: RouteService
    environment: EnvironmentService
    rotation: RotationService
    keys: KeyService
    inputs: SavedInputService
    packages: PackageService
    databases: DatabaseService
    copies: Copies
    invocations: InvocationService
    tokens: TokenService
    pool: PoolService
    stats: StatsService
    replay: ReplayService
    importing: ImportService
    monitoring: MonitoringService
    installation_id: str

    def __init__(self, config: PlatformConfig) -> None:
        self.config = config
        self.bus = EventBus()
        self.public_url = ""
        self._closing = AsyncExitStack()
        self._database: Database
        self._former: FormerDriver | None = None

    @cached_property
    def conversations(self) -> "ConversationService":
        """Made when it is first asked for, as the assistant: most gateways start without either."""
        from clowdy_tui.services.assistant.conversations import ConversationService

        return ConversationService(self._database)

    @cached_property
    def assistant(self) -> "AssistantService":
        from clowdy_tui.services.assistant.service import AssistantService
        from clowdy_tui.services.assistant.tools import Services

        services = Services(
            directory=self.directory,
            projects=self.projects,
            functions=self.functions,
            routes=self.routes,
            environment=self.environment,
            packages=self.packages,
            databases=self.databases,
            invocations=self.invocations,
            replay=self.replay,
            stats=self.stats,
        )
        return AssistantService(self.config.assistant, services, self.conversations)

    @classmethod
    async def open(cls, config: PlatformConfig, *, engine: PlatformEngine | None = None) -> Self:
        """Lock the data folder, bring the database up to date, start the engine, read everything into memory.

        Where no sandbox can be made here it opens all the same: the pool's status says why, and calls end
        `unavailable`. `engine` is for tests of what stands on it.

        Raises:
            StartError: it cannot start here; its subclasses and its detail say why and what to do. What was begun is
                undone then.
        """
        platform = cls(config)
        try:
            async with AsyncExitStack() as stack:
                await platform._open(stack, engine)
                platform._closing = stack.pop_all()
        except Unavailable as error:
            raise DataFolderError(f"{error.detail}. Its folder is {config.data_dir}.") from error
        except OSError as error:
            raise DataFolderError(
                f"The data folder {config.data_dir} cannot be used: {error.strerror or error}. "
                "Make room in it or make it writable, or choose another with --data-dir."
            ) from error
        return platform

    async def _open(self, stack: AsyncExitStack, engine: PlatformEngine | None) -> None:
        config, bus = self.config, self.bus
        make_data_folder(config.data_dir)
        lock = FolderLock(config.data_dir)
        lock.acquire()
        stack.callback(lock.release)
        self._database = database = await Database.open(config.data_dir)
        stack.push_async_callback(database.close)
        cipher = await self._load_cipher()
        await self._recall()
        self._writer = writer = InvocationWriter(
            database.path, on_change=self._writer_changed, max_log_bytes=max(config.capture_bytes, 4096)
        )
        writer.start()
        stack.push_async_callback(writer.close)
        self.tokens = TokenService(database)
        await self.tokens.load()
        stack.push_async_callback(self.tokens.keep_used)
        warming = Warming()
        layers = LayerStore(config.data_dir / "layers", self._layer_target())
        stack.push_async_callback(layers.close)
        if engine is None:
            engine = await self._make_engine(warming, layers)
        local = LocalProvider(
            config.data_dir / "databases", why_no_socket=engine.why_no_socket, idle_timeout_s=config.idle_timeout_s
        )
        # After the calls that use them.
        stack.push_async_callback(local.close)
        self.directory = Directory(
            database,
            cipher,
            retire=engine.retire,
            warm=warming.begin,
            socket_of=lambda reference: str(local.socket_folder(reference)),
        )
        await self.directory.load()
        counters = Counters()
        self.invocations = InvocationService(
            database,
            self.directory,
            bus,
            engine,
            writer,
            counters=counters,
            clusters=local,
            capture_bytes=config.capture_bytes,
        )
        stack.push_async_callback(self.invocations.drain, _DRAIN_S)
        stack.push_async_callback(engine.close)
        stack.push_async_callback(warming.close)
        warm = _with_database(engine.warm, self.directory, local)
        warming.open(warm, self.directory.functions)
        await engine.start()

        stack.push_async_callback(settled)
        purge = Purge(database, self.invocations.flush)
        stack.push_async_callback(purge.close)
        self.packages = PackageService(database, self.directory, bus, layers, self._keep_layers_of(engine))
        stack.push_async_callback(self.packages.close)
        self._add_databases(database, cipher, local)
        stack.push_async_callback(self.databases.close)
        on_deleted = (self.databases.forget, self.packages.forget)
        self.projects = ProjectService(database, self.directory, bus, purge, on_deleted)
        self.functions = FunctionService(database, self.directory, bus, purge)
        self._furnish(database, cipher)
        self.pool = PoolService(engine, self.directory, warm)
        self.stats = StatsService(database, self.invocations.flush)
        self.replay = ReplayService(database, self.directory, self.invocations)
        self.importing = ImportService(database, self.directory, bus, cipher)
        self.monitoring = MonitoringService(self.directory, counters, self.pool, engine)
        await self._begin_work(stack, database, purge)

    async def _begin_work(self, stack: AsyncExitStack, database: Database, purge: Purge) -> None:
        """What goes on in the background from now on."""
        await self.databases.start()
        # A process that was killed may have left calls of functions that it had just deleted.
        purge.soon()
        config = self.config
        retention = Retention(database, days=config.retention_days, max_bytes=config.retention_bytes)
        retention.start()
        stack.push_async_callback(retention.close)
        await self.packages.start()
        housekeeping = asyncio.create_task(self._keep_house(), name="housekeeping")
        stack.push_async_callback(_end, housekeeping)

    def _add_databases(self, database: Database, cipher: Cipher, local: LocalProvider) -> None:
        config = self.config
        self.copies = Copies(config.data_dir / "dumps", local.installations)
        self.databases = DatabaseService(
            database,
            self.directory,
            self.bus,
            cipher,
            local=local,
            neon=NeonProvider(config.neon_api_key, config.neon_base_url),
            copies=self.copies,
        )

    def _furnish(self, database: Database, cipher: Cipher) -> None:
        """What belongs to projects and functions and needs nothing but where it is kept."""
        self.routes = RouteService(database, self.directory, self.bus, public_url=lambda: self.public_url)
        self.environment = EnvironmentService(database, self.directory, self.bus, cipher)
        self.rotation = RotationService(database, cipher)
        self.keys = KeyService(database, self.directory, self.bus)
        self.inputs = SavedInputService(database)

    async def close(self) -> None:
        """End everything, the newest first: no instance, thread or lock is left. The second time does nothing."""
        if "assistant" in self.__dict__:
            await self.assistant.close()
        await self._closing.aclose()

    async def make_example(self) -> ProjectOut | None:
        """The example project with its functions and routes; once per data folder, None from then on."""
        async with self._database.read() as transaction:
            made = await transaction.meta.get("example_made")
        return await self._make_example() if made is None else None

    async def example(self) -> ProjectOut:
        """The example project; made anew where it was deleted."""
        async with self._database.read() as transaction:
            made = await transaction.meta.get("example_made")
        if made is not None:
            with suppress(NotFound):
                return await self.projects.get(LOCAL, made)
        return await self._make_example()

    async def _make_example(self) -> ProjectOut:
        project = await make_example(
            self.projects, self.functions, self.routes, resources.folder("runtimes") / "python" / "templates"
        )
        async with self._database.write() as transaction:
            await transaction.meta.set("example_made", project.id)
        return project

    async def _load_cipher(self) -> Cipher:
        path = self.config.secret_key_file or self.config.data_dir / KEY_NAME
        async with self._database.read() as transaction:
            # Where nothing is encrypted a lost key has taken nothing with it, and another one does as well.
            encrypted = await transaction.variables.all() or await transaction.databases.all()
            proof = await transaction.meta.get(PROOF) if encrypted else None
        cipher = await asyncio.to_thread(Cipher.load, path, may_create=proof is None)
        if proof is not None:
            cipher.check(proof)
            return cipher
        async with self._database.write() as transaction:
            await transaction.meta.set(PROOF, cipher.proof())
        return cipher

    async def _recall(self) -> None:
        async with self._database.read() as transaction:
            known = await transaction.meta.get("installation_id")
            names.continue_invocation_ids(await transaction.invocations.last_id())
        if known is None:
            known = names.new_id()
            async with self._database.write() as transaction:
                await transaction.meta.set("installation_id", known)
        self.installation_id = known

    def _layer_target(self) -> LayerTarget:
        if self.config.runtime_source == "dockerfile":
            return LayerTarget.of_image(str(self.config.docker_options.get("base_image") or "python:3.12-slim"))
        return LayerTarget.of_host()

    async def _make_engine(self, warming: Warming, layers: LayerStore) -> PlatformEngine:
        config = self.config

        def driver_changed(status: DriverStatus) -> None:
            publish_driver(self.bus, status)
            if status.available:
                warming.begin_all()

        driver, self._former = await choose_driver(
            self._database,
            config.driver,
            installation_id=self.installation_id,
            data_dir=config.data_dir,
            docker_options=config.docker_options,
        )
        limits = EngineLimits(
            idle_timeout_s=config.idle_timeout_s, memory_budget_mb=config.memory_budget_mb, spares=config.spares
        )
        if config.runtime_source == "dockerfile" and driver.name != "docker":
            await driver.close()
            raise SettingsError(
                f"runtime_source is dockerfile, and the driver is {driver.name}: set driver to docker, or leave it out."
            )
        source = config.runtime_source
        runtimes = RuntimeStore(config.data_dir / "runtimes", resources.folder("runtimes"), source=source)
        return InvokeService(
            driver,
            runtimes,
            layers=layers,
            limits=limits,
            on_change=partial(publish_counts, self.bus),
            on_driver=driver_changed,
        )

    def _keep_layers_of(self, engine: PlatformEngine) -> KeepLayers:
        former = self._former
        if former is None:
            return engine.keep_layers

        async def keep_layers(keys: Collection[str]) -> LayersLeft:
            left = await engine.keep_layers(keys)
            return replace(left, elsewhere=await former.clear())

        return keep_layers

    def log_problem(self) -> str | None:
        """Why calls are not written to the log now, in a sentence; None while they are."""
        state = self._writer.state
        if state.problem is None:
            return None
        lost = f", {state.dropped} were dropped" if state.dropped else ""
        return f"The log of calls cannot be written: {state.problem}. {state.waiting} wait in memory{lost}."

    def _writer_changed(self, state: WriterState) -> None:
        data = {
            "available": state.problem is None,
            "problem": state.problem or "",
            "waiting": state.waiting,
            "dropped": state.dropped,
        }
        self.bus.publish(events.STORE_CHANGED, data, owner="")

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_HOUSEKEEPING_S)
            await self.tokens.keep_used()


def _with_database(
    warm: Callable[[Deployment], Awaitable[None]], directory: Directory, local: LocalProvider
) -> Callable[[Deployment], Awaitable[None]]:
    async def started(deployment: Deployment) -> None:
        # The folder of its socket is mounted into the sandbox, and code may connect while it is imported.
        target = directory.function(deployment.function_id)
        if target is not None and target.database is not None:
            await local.wake(target.database)
        await warm(deployment)

    return started


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        log.warning("The housekeeping ended early: %r", error)
