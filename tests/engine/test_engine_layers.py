"""Layers, made by the real uv and used by both drivers. What downloads is marked slow."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from engine_support import RUNTIMES, Engine, deployment, value

from clowdy_tui.domain.packages import BuildFailed, read_requirements
from clowdy_tui.engine.bytecode import Bytecode
from clowdy_tui.engine.indexer import Indexer
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.layers import LayerLimits, LayerStore, LayerTarget
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes.base import Driver
from clowdy_tui.engine.sandboxes.bubblewrap import BubblewrapDriver
from tests.conftest import open_folder
from tests.docker_traces import docker_client

pytestmark = pytest.mark.slow

NATIVE = """
import markupsafe, markupsafe._speedups, os, sys

def handler(event):
    files = [markupsafe.__file__, markupsafe._speedups.__file__, markupsafe.__cached__]
    try:
        open("/opt/layer/mine", "w")
    except OSError as error:
        return {"files": files, "text": str(markupsafe.escape(event)), "refused": type(error).__name__,
                "read-only": bool(os.statvfs("/opt/layer").f_flag & os.ST_RDONLY)}
"""

# Multiplied by the library's own threads, each with a buffer of its own.
NUMPY = """
import numpy

data = bytearray(16 << 20)

def handler(event):
    numbers = numpy.arange(10000.0).reshape(100, 100)
    return float((numbers @ numbers.T)[0, 0])
"""


@pytest.fixture(scope="module")
def folder(scratch: Path) -> Path:
    """One folder for the whole module: the second build finds what the first one downloaded."""
    return open_folder(scratch) / "layers"


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[LayerStore]:
    store = LayerStore(folder, LayerTarget.of_host())
    yield store
    await store.close()


@pytest.fixture
async def layered(driver: Driver, trees: Path, store: LayerStore) -> AsyncIterator[Engine]:
    service = InvokeService(
        driver, RuntimeStore(trees, RUNTIMES), layers=store, limits=EngineLimits(spares=1, boot_timeout_s=60)
    )
    await service.start()
    yield Engine(service)
    await service.keep_layers(())
    await service.close()


def quiet(_: str) -> None: ...


async def build(store: LayerStore, text: str) -> str:
    return (await store.build(read_requirements(text), on_progress=quiet)).key


async def test_native_package_runs_and_cannot_be_written(layered: Engine, store: LayerStore) -> None:
    key = await build(store, "markupsafe")
    told = value(await layered.invoke(deployment(NATIVE, layer=key), "<b>"))
    assert told["text"] == "&lt;b&gt;"
    assert told["read-only"], "whoever owns its files"
    assert told["refused"] in ("OSError", "PermissionError")
    assert all(path.startswith("/opt/layer/markupsafe/") for path in told["files"])
    assert told["files"][2].endswith(".pyc")
    # Who has no layer sees none.
    without = await layered.run("import os\ndef handler(event):\n    return os.listdir('/opt/layer')")
    assert value(without) == []


async def test_a_layer_serves_before_its_bytecode_is_there_and_who_copies_it_waits(
    layered: Engine, store: LayerStore, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_compile, waiting = asyncio.Event(), asyncio.Event()
    prepared: list[bool] = []
    really_compile, really_prepare, really_whole = Bytecode.compile, driver.prepare, store.whole

    async def compile_(self: Bytecode, site: Path, shown: str) -> None:
        await may_compile.wait()
        await really_compile(self, site, shown)

    async def prepare(root: Path, layer: Path | None = None) -> None:
        if layer is not None:
            prepared.append(bool(list(layer.rglob("*.pyc"))))
        await really_prepare(root, layer)

    async def whole(key: str) -> None:
        waiting.set()
        await really_whole(key)

    monkeypatch.setattr(Bytecode, "compile", compile_)
    monkeypatch.setattr(driver, "prepare", prepare)
    monkeypatch.setattr(store, "whole", whole)
    key = await build(store, f"six==1.1{4 + (driver.name == 'docker')}.0")
    copies = driver.copies(store.path(key))
    assert copies == (driver.name == "docker")
    probe = deployment("import six\ndef handler(event):\n    return six.__version__", layer=key)
    asked = asyncio.create_task(layered.invoke(probe))
    if copies:
        async with asyncio.timeout(60):
            while not (waiting.is_set() or prepared):
                await asyncio.sleep(0.005)
        may_compile.set()
    assert value(await asked).startswith("1.1")
    may_compile.set()
    assert set(prepared) == {copies}


@pytest.mark.parametrize(
    ("package", "code", "answer"),
    [
        ("numpy", NUMPY, 328350.0),
        (
            "pydantic",
            "import pydantic\nclass M(pydantic.BaseModel):\n    n: int\n"
            "def handler(event):\n    return M(n='7').model_dump()",
            {"n": 7},
        ),
        (
            "psycopg[binary]",
            "import psycopg\ndef handler(event):\n    return psycopg.pq.__impl__",
            "binary",
        ),
    ],
    ids=["numpy", "pydantic", "psycopg"],
)
async def test_packages_with_native_code_run_in_the_default_memory(
    layered: Engine, store: LayerStore, package: str, code: str, answer: object
) -> None:
    key = await build(store, package)
    assert value(await layered.invoke(deployment(code, layer=key))) == answer


async def test_numpy_computes_where_memory_is_held_by_rlimits(
    trees: Path, installation_id: str, store: LayerStore
) -> None:
    """A limit of all that is asked for, used or not: with a thread for each of the machine's processors it is met."""
    driver = BubblewrapDriver(installation_id=installation_id, data_dir=trees, cgroups=False)
    service = InvokeService(driver, RuntimeStore(trees, RUNTIMES), layers=store, limits=EngineLimits(spares=0))
    await service.start()
    try:
        key = await build(store, "numpy")
        assert value(await service.invoke(deployment(NUMPY, layer=key), b"1", invocation_id="1")) == 328350.0
    finally:
        await service.close()


async def test_markers_extras_hashes_and_comments_work(store: LayerStore) -> None:
    layer = await store.build(
        read_requirements("# ours\nrequests[socks] ; python_version >= '3'  # why\nnumpy; sys_platform == 'win32'\n"),
        on_progress=quiet,
    )
    assert (store.path(layer.key) / "socks.py").is_file()
    assert not (store.path(layer.key) / "numpy").exists()
    assert "pysocks==" in layer.lock
    # What the lock says can be given as a list, hashes and all, and gives the same.
    again = await store.build(read_requirements(layer.lock), on_progress=quiet)
    assert (again.key, again.fresh) == (layer.key, False)


async def test_a_wrong_hash_is_refused(store: LayerStore) -> None:
    with pytest.raises(BuildFailed, match="hashes given for markupsafe belong to no file"):
        await build(store, f"markupsafe==3.0.2 --hash=sha256:{'0' * 64}")


async def test_a_source_distribution_is_refused(store: LayerStore) -> None:
    # What has no wheel would run its `setup.py` here.
    with pytest.raises(BuildFailed, match="no usable wheels"):
        await build(store, "docopt==0.6.2")


async def test_what_is_not_there_is_told_in_the_resolvers_words(store: LayerStore, folder: Path) -> None:
    with pytest.raises(BuildFailed, match="not found in the package registry") as caught:
        await build(store, "clowdy-has-no-such-package-as-this")
    assert str(folder) not in caught.value.detail
    assert not list(folder.glob(".building-*"))


async def test_too_large_and_too_slow_are_refused(folder: Path) -> None:
    small = LayerStore(folder, LayerTarget.of_host(), limits=LayerLimits(max_bytes=1000))
    with pytest.raises(BuildFailed, match="take more than"):
        await build(small, "six")
    slow = LayerStore(folder, LayerTarget.of_host(), limits=LayerLimits(timeout_s=0.01))
    with pytest.raises(BuildFailed, match=r"longer than 0\.01 s"):
        await build(slow, "six")
    assert not list(folder.glob(".building-*"))


async def test_what_the_cache_has_is_asked_of_nobody(
    folder: Path, store: LayerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    really_run = Indexer.run

    async def run(self: Indexer, arguments: list[str], place: Path, **told: Any) -> None:
        ran.append(arguments[1] + " offline" * ("--offline" in arguments))
        await really_run(self, arguments, place, **told)

    monkeypatch.setattr(Indexer, "run", run)
    key = await build(store, "six==1.13.0")
    await store.whole(key)
    assert {path.name for path in store.path(key).iterdir()} == {"six.py", "six-1.13.0.dist-info", "__pycache__"}
    await store.collect(())
    await build(store, "six==1.13.0")
    assert ran == ["compile", "install", "compile", "install offline"]


async def test_cancelling_leaves_nothing(store: LayerStore, folder: Path) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(store.build(read_requirements("flask"), on_progress=lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(folder.glob(".building-*"))


async def test_old_layers_and_images_go_when_nothing_uses_them(
    layered: Engine, store: LayerStore, driver: Driver
) -> None:
    key = await build(store, "six")
    probe = deployment("import six\ndef handler(event):\n    return six.__version__", layer=key)
    await layered.invoke(probe)
    # Its instance still works with it, and a container with an image of it.
    stuck = await driver.keep_layers(frozenset())
    assert [key in sentence for sentence in stuck] == ([True] if driver.name == "docker" else [])
    assert (await layered.service.keep_layers(())).busy == {key}
    layered.service.retire(probe.function_id)
    async with asyncio.timeout(60):
        while (await layered.service.keep_layers(())).busy:
            await asyncio.sleep(0.02)
    await store.collect(())
    assert not store.has(key)
    if driver.name == "docker":
        with contextlib.closing(docker_client()) as client:
            # The engine keeps an image while it takes the container away.
            async with asyncio.timeout(60):
                while client.images.list(filters={"label": f"clowdy.layer={key}"}):
                    await layered.service.keep_layers(())


async def test_a_lock_makes_the_same_layer_again(store: LayerStore) -> None:
    layer = await store.build(read_requirements("six"), on_progress=quiet)
    await store.collect(())
    assert not store.has(layer.key)
    again = await store.restore(layer.lock, on_progress=quiet)
    assert (again.key, again.fresh) == (layer.key, True)


async def test_a_gateway_with_a_narrow_umask_makes_layers_that_sandboxes_can_read(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        store = LayerStore(folder.with_name("narrow"), LayerTarget.of_host())
        key = await build(store, "six")
        await store.whole(key)
    finally:
        os.umask(before)
    modes = {path.stat().st_mode & 0o755 for path in [store.path(key), *store.path(key).rglob("*")]}
    assert modes <= {0o755, 0o644}


async def test_layers_for_an_image_are_for_its_python(folder: Path, store: LayerStore) -> None:
    other = LayerStore(folder, LayerTarget.of_image("python:3.12-slim"))
    key = await build(other, "markupsafe")
    assert [path.name.split(".")[1][:11] for path in other.path(key).glob("markupsafe/*.so")] == ["cpython-312"]
    assert not list(other.path(key).rglob("*.pyc"))
    assert key != await build(store, "markupsafe")
