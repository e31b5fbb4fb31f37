import asyncio
import sqlite3
from pathlib import Path

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain.errors import DatabaseTooNew, DataFolderLocked, NotFound, SettingsError, Unavailable
from clowdy_tui.domain.schemas import FunctionIn, OutcomeStatus, ProjectIn, RouteIn, VariableIn
from clowdy_tui.engine.invoke import InstanceInfo
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.engine.sandboxes.base import DriverStatus
from clowdy_tui.services import drivers
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.services.routing import Match
from clowdy_tui.store import database as database_module
from clowdy_tui.store.database import Database
from clowdy_tui.store.lock import FolderLock


async def test_all_is_still_there_after_a_restart(folder: Path) -> None:
    config = PlatformConfig(data_dir=folder)
    platform = await Platform.open(config, engine=FakeEngine())
    project = await platform.projects.create(LOCAL, ProjectIn(name="Shop"))
    wanted = FunctionIn(name="f", code="x = 1", project_id=project.id)
    function = await platform.functions.create(LOCAL, wanted)
    route = await platform.routes.create(LOCAL, project.id, RouteIn(function_id=function.id, method="GET", path="/:x"))
    await platform.environment.set(LOCAL, project.id, VariableIn(key="A", value="1"))
    target = platform.directory.function(function.id)
    assert target is not None
    for _ in range(10):
        await platform.invocations.invoke(target, b"1", source="test", actor_owns=True)
    installation = platform.installation_id
    await platform.close()
    await platform.close()

    platform = await Platform.open(config, engine=FakeEngine())
    assert platform.installation_id == installation
    assert platform.directory.function(function.id) == target
    assert await platform.functions.get(LOCAL, function.id) == function
    assert await platform.routes.list(LOCAL, project.id) == [route]
    entry = platform.directory.project("shop")
    assert entry is not None
    assert isinstance(entry.router.match("GET", "/y"), Match)
    assert len(await platform.invocations.list(LOCAL)) == 10
    await platform.close()


async def test_two_gateways_never_serve_one_folder(platform: Platform, folder: Path) -> None:
    with pytest.raises(DataFolderLocked):
        await Platform.open(PlatformConfig(data_dir=folder), engine=FakeEngine())
    assert await platform.projects.list(LOCAL) == []


@pytest.fixture
def too_new(folder: Path) -> Path:
    connection = sqlite3.connect(folder / "clowdy.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    return folder


async def test_a_start_that_fails_gives_the_folder_back(too_new: Path) -> None:
    with pytest.raises(DatabaseTooNew):
        await Platform.open(PlatformConfig(data_dir=too_new), engine=FakeEngine())
    lock = FolderLock(too_new)
    lock.acquire()
    lock.release()


async def test_an_engine_that_cannot_start_is_closed_with_the_rest(folder: Path) -> None:
    class Broken(FakeEngine):
        async def start(self) -> None:
            raise RuntimeError("a fault of ours")

    engine = Broken()
    with pytest.raises(RuntimeError, match="a fault of ours"):
        await Platform.open(PlatformConfig(data_dir=folder), engine=engine)
    assert engine.closed == 1
    platform = await Platform.open(PlatformConfig(data_dir=folder), engine=FakeEngine())
    await platform.close()


async def test_a_database_that_cannot_be_written_now_is_said_plainly(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pragmas = ("PRAGMA busy_timeout = 10", *(one for one in database_module.PRAGMAS if "busy" not in one))
    monkeypatch.setattr(database_module, "PRAGMAS", pragmas)
    platform = await Platform.open(PlatformConfig(data_dir=folder), engine=FakeEngine())
    other = sqlite3.connect(folder / "clowdy.db", timeout=60, check_same_thread=False)
    # In a thread: what the platform is writing needs this loop to end.
    await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="cannot be used now: database is locked"):
        await platform.projects.create(LOCAL, ProjectIn(name="x"))
    other.rollback()
    other.close()
    assert (await platform.projects.create(LOCAL, ProjectIn(name="x"))).slug == "x"
    await platform.close()


async def test_the_pool_shows_each_user_what_is_theirs(platform: Platform, engine: FakeEngine) -> None:
    engine.instances = [
        InstanceInfo("s", "spare", 0.0, 0, None),
        InstanceInfo("a", "busy", 0.0, 3, 2048, "f", "hello", 2, "ada"),
        InstanceInfo("l", "idle", 0.0, 1, 1024, "g", "visits", 1, "local"),
    ]
    ada = Actor("ada", LOCAL.scopes)
    assert [one.id for one in await platform.pool.list(LOCAL)] == ["l", "a", "s"]
    (hers,) = await platform.pool.list(ada)
    assert (hers.id, hers.function_name, hers.version, hers.state, hers.calls, hers.memory_mb) == (
        "a",
        "hello",
        2,
        "busy",
        3,
        2.0,
    )
    for foreign in ("l", "s", "nonsense"):
        with pytest.raises(NotFound):
            await platform.pool.kill(ada, foreign)
    await platform.pool.kill(ada, "a")
    assert [one.id for one in engine.instances] == ["s", "l"]


async def test_a_dockerfile_needs_docker(folder: Path) -> None:
    config = PlatformConfig(data_dir=folder, driver="bubblewrap", runtime_source="dockerfile")
    with pytest.raises(SettingsError, match="set driver to docker"):
        await Platform.open(config)
    FolderLock(folder).acquire()


class StandIn:
    """A driver that only says whether it is there."""

    def __init__(self, name: str, available: bool) -> None:
        self.name = name
        self.available = available
        self.closed = False
        self.swept = False

    async def check(self) -> DriverStatus:
        return DriverStatus(self.name, self.available)

    async def clear(self) -> tuple[str, ...]:
        if not self.available:
            return (f"What {self.name} holds is left for now",)
        self.swept = True
        return ()

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(("answers", "chosen"), [(True, "docker"), (False, "bubblewrap")])
async def test_the_driver_is_chosen_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answers: bool, chosen: str
) -> None:
    made: list[StandIn] = []

    def make(name: str, **_options: object) -> StandIn:
        made.append(StandIn(name, answers))
        return made[-1]

    monkeypatch.setattr(drivers, "make_driver", make)
    database = await Database.open(folder)
    try:
        for engine_answers in (answers, not answers):
            answers = engine_answers
            driver, _ = await drivers.choose_driver(
                database, "auto", installation_id="i", data_dir=folder, docker_options={}
            )
            assert driver.name == chosen
        other, _ = await drivers.choose_driver(
            database, "bubblewrap", installation_id="i", data_dir=folder, docker_options={}
        )
        assert other.name == "bubblewrap"
    finally:
        await database.close()
    assert made[0].closed == (not made[0].available)


async def test_what_another_driver_left_goes_when_it_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_answers = False
    made: list[StandIn] = []

    def make(name: str, **_options: object) -> StandIn:
        made.append(StandIn(name, docker_answers if name == "docker" else True))
        return made[-1]

    monkeypatch.setattr(drivers, "make_driver", make)
    database = await Database.open(folder)
    try:

        async def start(name: str) -> list[str]:
            """Which drivers were cleared; what is left must be told, and asked for once only."""
            made.clear()
            _, former = await drivers.choose_driver(
                database, name, installation_id="i", data_dir=folder, docker_options={}
            )
            left = [await former.clear() for _ in range(2)]
            assert left == [("What docker holds is left for now",) if drivers.left_by(folder, name) else ()] * 2
            assert len(made) <= 2
            assert all(driver.closed for driver in made[1:])
            return [driver.name for driver in made if driver.swept]

        assert drivers.left_by(folder, "docker") is None
        assert await start("docker") == []
        assert await start("bubblewrap") == [], "the engine does not answer"
        left = drivers.left_by(folder, "bubblewrap")
        assert left is not None
        assert left[0] == "docker"
        docker_answers = True
        assert await start("bubblewrap") == ["docker"]
        assert await start("bubblewrap") == []
        assert await start("docker") == ["bubblewrap"]
    finally:
        await database.close()


async def test_no_way_to_make_a_sandbox_is_no_reason_not_to_open(platform: Platform, engine: FakeEngine) -> None:
    engine.status = DriverStatus("bubblewrap", False, "User namespaces are off.", "Turn them on.")
    engine.answer = lambda _deployment, _event: Outcome(OutcomeStatus.UNAVAILABLE)
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code="x = 1"))
    target = platform.directory.function(function.id)
    assert target is not None
    outcome = await platform.invocations.invoke(target, b"1", source="api", actor_owns=True)
    assert outcome.status is OutcomeStatus.UNAVAILABLE
    assert not platform.pool.status().available
    await platform.invocations.flush()
    assert (await platform.invocations.list(LOCAL))[0].status == "unavailable"
