"""What saving a list does: hits, builds, failures, saves in a row, stops, restarts. The store of layers obeys us."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine

from clowdy_tui.domain import events
from clowdy_tui.domain.errors import Conflict, Forbidden, InvalidInput, NotFound
from clowdy_tui.domain.packages import BuildFailed, Requirements
from clowdy_tui.domain.schemas import FunctionIn, ProjectIn
from clowdy_tui.engine.layers import Layer, LayersLeft, LayerTarget
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.packages import PackageService
from clowdy_tui.services.platform import Platform, PlatformConfig

CODE = "def handler(event):\n    return event\n"


class FakeLayers:
    """Builds at once, unless `gate` is closed; `fails` is what a build fails with."""

    def __init__(self) -> None:
        self.target = LayerTarget("test")
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = ""
        self.there: set[str] = set()
        self.builds: list[str] = []
        self.restored: list[str] = []
        self.previous: list[str] = []
        self.kept: list[set[str]] = []

    def has(self, key: str) -> bool:
        return key in self.there

    async def build(
        self, requirements: Requirements, *, previous: str = "", on_progress: Callable[[str], None]
    ) -> Layer:
        self.builds.append(requirements.text)
        self.previous.append(previous)
        on_progress("Resolving")
        await self.gate.wait()
        if self.fails:
            raise BuildFailed(self.fails)
        lock = requirements.text.replace("\n", "==1\n")
        return self._made(lock)

    async def restore(self, lock: str, *, on_progress: Callable[[str], None]) -> Layer:
        self.restored.append(lock)
        return self._made(lock)

    def _made(self, lock: str) -> Layer:
        key = hashlib.sha256(lock.encode()).hexdigest()[:32]
        self.there.add(key)
        return Layer(key, lock, fresh=True)

    async def collect(self, keep: Collection[str]) -> tuple[str, ...]:
        self.kept.append(set(keep))
        self.there &= set(keep)
        return ()


@pytest.fixture
def layers(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> FakeLayers:
    fake = FakeLayers()
    monkeypatch.setattr(platform.packages, "_layers", fake)
    return fake


@pytest.fixture
async def project(platform: Platform) -> str:
    return (await platform.projects.create(LOCAL, ProjectIn(name="Shop"))).id


@pytest.fixture
async def function(platform: Platform, project: str) -> str:
    return (await platform.functions.create(LOCAL, FunctionIn(name="f", code=CODE, project_id=project))).id


@pytest.fixture
async def heard(platform: Platform) -> AsyncIterator[list[events.Event]]:
    found: list[events.Event] = []

    async def listen() -> None:
        async for batch in platform.bus.subscribe(platform.bus.last_id):
            found.extend(batch)

    task = asyncio.create_task(listen())
    yield found
    task.cancel()
    await asyncio.wait([task])


def layer_of(platform: Platform, function: str) -> str | None:
    target = platform.directory.function(function)
    assert target is not None
    return target.deployment.layer


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_list_is_built_and_in_effect_with_the_next_call(
    platform: Platform, layers: FakeLayers, project: str, function: str, engine: FakeEngine, heard: list[events.Event]
) -> None:
    before = await platform.packages.get(LOCAL, project)
    assert (before.status, before.has_custom_image, before.requirements_hash) == ("ready", False, None)
    assert layer_of(platform, function) is None
    told = await platform.packages.set(LOCAL, project, "# ours\nsix\n")
    assert (told.status, told.has_custom_image, told.lock) == ("ready", True, "six==1\n")
    assert told.requirements_txt == "# ours\nsix\n"
    assert told == await platform.packages.get(LOCAL, project)
    assert layer_of(platform, function) in layers.there
    assert engine.retired[-1][0] == function
    assert (await platform.projects.get(LOCAL, project)).requirements_txt == "# ours\nsix\n"
    await until(lambda: heard and heard[-1].type == events.PACKAGES_READY)
    assert [event.type.partition(".")[2] for event in heard] == ["building", "progress", "ready"]
    assert all(event.data["project_id"] == project and event.owner == "local" for event in heard)
    gone = await platform.packages.set(LOCAL, project, "# nothing\n")
    assert (gone.has_custom_image, gone.requirements_hash, gone.lock) == (False, None, "")
    assert layer_of(platform, function) is None


async def test_the_same_list_is_not_built_again(platform: Platform, layers: FakeLayers, project: str) -> None:
    first = await platform.packages.set(LOCAL, project, "six\nflask\n")
    for text in ("flask # first\n\nsix", "six\nflask\n", "flask\nsix"):
        again = await platform.packages.set(LOCAL, project, text)
        assert (again.requirements_hash, again.requirements_txt) == (first.requirements_hash, text)
    assert len(layers.builds) == 1
    # Another project with the same list shares the layer, lock and all.
    other = (await platform.projects.create(LOCAL, ProjectIn(name="Other"))).id
    assert (await platform.packages.set(LOCAL, other, "six\nflask")).lock == first.lock
    assert len(layers.builds) == 1
    # Unless newer versions are asked for.
    await platform.packages.set(LOCAL, project, "six\nflask", upgrade=True)
    assert layers.previous == ["", ""]
    await platform.packages.set(LOCAL, project, "six")
    assert layers.previous[-1] == first.lock


async def test_a_failed_build_leaves_the_old_layer(
    platform: Platform, layers: FakeLayers, project: str, function: str, heard: list[events.Event]
) -> None:
    good = await platform.packages.set(LOCAL, project, "six")
    serving = layer_of(platform, function)
    layers.fails = "no such package"
    with pytest.raises(BuildFailed, match="Failed to build image: no such package") as caught:
        await platform.packages.set(LOCAL, project, "sixx")
    assert caught.value.status == 422
    told = await platform.packages.get(LOCAL, project)
    assert (told.status, told.error, told.wanted_txt) == ("failed", "no such package", "sixx")
    assert (told.requirements_txt, told.lock, told.has_custom_image) == ("six", good.lock, True)
    assert layer_of(platform, function) == serving
    await until(lambda: heard[-1].type == events.PACKAGES_FAILED)
    assert heard[-1].data["error"] == "no such package"
    layers.fails = ""
    assert (await platform.packages.set(LOCAL, project, "six")).error is None
    with pytest.raises(InvalidInput, match="line 1"):
        await platform.packages.set(LOCAL, project, "-e .")


async def test_of_two_saves_in_a_row_the_last_is_built(
    platform: Platform, layers: FakeLayers, project: str, function: str
) -> None:
    layers.gate.clear()
    first = asyncio.create_task(platform.packages.set(LOCAL, project, "six"))
    await until(lambda: layers.builds)
    told = await platform.packages.set(LOCAL, project, "flask", wait=False)
    assert (told.status, told.wanted_txt, told.requirements_txt) == ("building", "flask", "")
    with pytest.raises(Conflict, match="newer list"):
        await first
    # The same again waits for the one that runs.
    same = asyncio.create_task(platform.packages.set(LOCAL, project, "flask # still"))
    await until(lambda: len(layers.builds) == 2)
    layers.gate.set()
    assert (await same).lock == "flask==1\n"
    assert len(layers.builds) == 2
    assert (await platform.packages.get(LOCAL, project)).lock == "flask==1\n"


async def test_a_build_can_be_stopped(platform: Platform, layers: FakeLayers, project: str) -> None:
    with pytest.raises(NotFound, match="Nothing is being built"):
        await platform.packages.stop(LOCAL, project)
    layers.gate.clear()
    waiting = asyncio.create_task(platform.packages.set(LOCAL, project, "six"))
    await until(lambda: layers.builds)
    told = await platform.packages.stop(LOCAL, project)
    assert (told.status, told.stopped, told.error) == ("failed", True, "The build was stopped")
    assert (await platform.packages.get(LOCAL, project)).stopped
    with pytest.raises(Conflict):
        await waiting


async def test_a_caller_who_goes_away_does_not_stop_the_build(
    platform: Platform, layers: FakeLayers, project: str
) -> None:
    layers.gate.clear()
    waiting = asyncio.create_task(platform.packages.set(LOCAL, project, "six"))
    await until(lambda: layers.builds)
    waiting.cancel()
    await asyncio.wait([waiting])
    layers.gate.set()
    async with asyncio.timeout(60):
        while (await platform.packages.get(LOCAL, project)).status != "ready":
            await asyncio.sleep(0.005)


async def test_old_layers_go_with_the_projects_that_had_them(
    platform: Platform, layers: FakeLayers, project: str, function: str
) -> None:
    await platform.packages.set(LOCAL, project, "six")
    old = layer_of(platform, function)
    await platform.packages.set(LOCAL, project, "flask")
    new = layer_of(platform, function)
    await until(lambda: layers.kept and layers.kept[-1] == {new})
    assert old not in layers.there
    await platform.projects.delete(LOCAL, project)
    await until(lambda: layers.kept[-1] == set())


async def test_a_layer_that_is_built_while_old_ones_are_looked_for_stays(
    platform: Platform, layers: FakeLayers, project: str, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def keeps(_: Collection[str]) -> LayersLeft:
        asked.set()
        await go_on.wait()
        return LayersLeft()

    monkeypatch.setattr(platform.packages, "_keep_layers", keeps)
    looking = asyncio.create_task(platform.packages._collected())
    await asked.wait()
    # From its beginning to its end, after the wanted ones were read.
    await platform.packages.set(LOCAL, project, "six")
    go_on.set()
    await looking
    assert layer_of(platform, function) in layers.there


async def test_deleting_a_project_tells_what_of_its_layer_is_left(
    platform: Platform, layers: FakeLayers, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def with_six(name: str) -> str:
        other = (await platform.projects.create(LOCAL, ProjectIn(name=name))).id
        await platform.packages.set(LOCAL, other, "six")
        return other

    await platform.packages.set(LOCAL, project, "six")
    (layer,) = layers.there
    shared = await with_six("Shared")
    assert await platform.projects.delete(LOCAL, shared) == []
    assert layers.there == {layer}, "another project has it"

    left = LayersLeft()

    async def keeps(_: Collection[str]) -> LayersLeft:
        return left

    monkeypatch.setattr(platform.packages, "_keep_layers", keeps)
    monkeypatch.setattr("clowdy_tui.services.packages._PATIENCE_S", 0.0)
    left = LayersLeft(stuck=("Docker's image is left for now: the engine is away",))
    assert await platform.projects.delete(LOCAL, project) == ["Docker's image is left for now: the engine is away"]
    assert layers.there == set()
    left = LayersLeft(busy=frozenset({layer}))
    (sentence,) = await platform.projects.delete(LOCAL, await with_six("Busy"))
    assert (
        sentence == f"The layer {layer} is left for now, since a call works with it still: it goes when that has ended"
    )
    left = LayersLeft()
    third = await with_six("Third")
    layers.gate.clear()
    other = (await platform.projects.create(LOCAL, ProjectIn(name="Other"))).id
    await platform.packages.set(LOCAL, other, "flask", wait=False)
    (sentence,) = await platform.projects.delete(LOCAL, third)
    assert "since packages are being built" in sentence
    # A project without packages waits for nobody's.
    assert await platform.projects.delete(LOCAL, (await platform.projects.create(LOCAL, ProjectIn(name="No"))).id) == []


async def test_another_user_does_not_see_it(platform: Platform, layers: FakeLayers, project: str) -> None:
    other = Actor("other", LOCAL.scopes)
    with pytest.raises(NotFound, match="Project not found"):
        await platform.packages.get(other, project)
    with pytest.raises(NotFound, match="Project not found"):
        await platform.packages.set(other, project, "six")
    with pytest.raises(NotFound, match="Project not found"):
        await platform.packages.stop(other, project)
    with pytest.raises(Forbidden):
        await platform.packages.set(Actor("local", frozenset({"read"})), project, "six")


async def test_a_restart_goes_on_with_what_was_being_built_and_makes_what_is_missing(
    folder: Path, platform: Platform, layers: FakeLayers, project: str
) -> None:
    await platform.packages.set(LOCAL, project, "six")
    other = (await platform.projects.create(LOCAL, ProjectIn(name="Other"))).id
    layers.gate.clear()
    await platform.packages.set(LOCAL, other, "flask", wait=False)
    await until(lambda: len(layers.builds) == 2)
    await platform.close()

    again = await Platform.open(PlatformConfig(data_dir=folder), engine=FakeEngine())
    try:
        await again.packages.close()
        fresh = FakeLayers()
        packages = PackageService(again._database, again.directory, again.bus, fresh, again_keeps)  # type: ignore[arg-type]
        await packages.start()
        await until(lambda: fresh.restored and fresh.builds)
        assert fresh.restored == ["six==1\n"]
        async with asyncio.timeout(60):
            while (await packages.get(LOCAL, other)).status != "ready":
                await asyncio.sleep(0.005)
        assert (await packages.get(LOCAL, other)).requirements_txt == "flask"
        await packages.close()
    finally:
        await again.close()


async def again_keeps(_: Collection[str]) -> LayersLeft:
    return LayersLeft()
