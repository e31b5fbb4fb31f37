"""A project's packages: a list that did not change, and a new layer beside what `uv pip install --target` alone takes.

`uv` alone resolves and installs, with nothing held to a hash and, in the first column, no bytecode compiled.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import engine
from benchmarks.model import BenchmarkError
from clowdy_tui import resources
from clowdy_tui.domain.packages import read_requirements
from clowdy_tui.domain.schemas import ProjectIn
from clowdy_tui.engine.indexer import environment
from clowdy_tui.engine.layers import LayerStore, LayerTarget
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import make_driver
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform, PlatformConfig

LIST = "requests\n"
HIT_TARGET_MS = 10.0
RATIO_TARGET = 1.5
INSTALLATION = "benchmark-layers"


@dataclass(frozen=True, slots=True)
class Made:
    """Milliseconds, medians of interleaved tries. `uv_compiled`: uv alone, but with `--compile-bytecode`. `whole_ms`:
    until the layer, which serves by then, has its bytecode, too."""

    cache: str
    uv_ms: float
    uv_compiled_ms: float
    layer_ms: float
    whole_ms: float


@dataclass(frozen=True, slots=True)
class Layers:
    """`hit_ms` are of saving an unchanged list, through the service. `image_ms`: Docker's image of the layer on top of
    the runtime's; None where no engine answers."""

    times: int
    hit_p50_ms: float
    hit_max_ms: float
    made: list[Made]
    image_ms: float | None


def measure(*, times: int, say: Callable[[str], None]) -> Layers:
    """Raises BenchmarkError: uv cannot reach the index."""
    with tempfile.TemporaryDirectory(prefix="clowdy-bench-") as scratch:
        folder = Path(scratch)
        say("layers: with uv's cache empty, then full")
        made = [asyncio.run(_made(folder, warm=warm, times=times)) for warm in (False, True)]
        say("layers: an unchanged list")
        hits = asyncio.run(_hits(folder / "data", 10 * times))
        image = None
        if not engine.problem():
            say("layers: Docker's image")
            image = asyncio.run(_image(folder, times))
    return Layers(times, median(hits), max(hits), made, image)


async def _made(folder: Path, *, warm: bool, times: int) -> Made:
    took: dict[str, list[float]] = {"uv": [], "uv compiled": [], "layer": []}
    whole = []
    for number in range(times):
        for what, samples in took.items():
            # Each has a cache of its own, so that none downloads for another.
            place = folder / what.replace(" ", "-") / ("warm" if warm else f"cold{number}")
            if warm and number == 0:
                await _make(what, place, 99)
            served, compiled = await _make(what, place, number)
            samples.append(served)
            if what == "layer":
                whole.append(compiled)
    return Made("full" if warm else "empty", *(median(samples) for samples in (*took.values(), whole)))


async def _make(what: str, place: Path, number: int) -> tuple[float, float]:
    """Milliseconds until it can be used, and until its bytecode is there."""
    if what == "layer":
        store = LayerStore(place / "layers", LayerTarget.of_host())
        await store.collect(())
        begun = time.perf_counter()
        layer = await store.build(read_requirements(LIST), on_progress=lambda _: None)
        served = (time.perf_counter() - begun) * 1e3
        await store.whole(layer.key)
        return served, (time.perf_counter() - begun) * 1e3
    took = await asyncio.to_thread(_uv, place, f"target{number}", compiled=what == "uv compiled")
    return took, took


def _uv(place: Path, target: str, *, compiled: bool) -> float:
    from uv import find_uv_bin

    place.mkdir(parents=True, exist_ok=True)
    command = [find_uv_bin(), "pip", "install", "--no-config", "--target", target, "--python", sys.executable]
    command += ["--cache-dir", "cache", *(["--compile-bytecode"] if compiled else []), LIST.strip()]
    begun = time.perf_counter()
    done = subprocess.run(
        command, cwd=place, env=environment(os.environ, place), capture_output=True, text=True, check=False
    )
    took = (time.perf_counter() - begun) * 1e3
    if done.returncode:
        raise BenchmarkError(f"uv cannot install {LIST.strip()}: {done.stderr}")
    return took


async def _hits(data_dir: Path, times: int) -> list[float]:
    platform = await Platform.open(PlatformConfig(data_dir=data_dir, driver="bubblewrap", spares=0))
    try:
        project = (await platform.projects.create(LOCAL, ProjectIn(name="Benchmark"))).id
        await platform.packages.set(LOCAL, project, LIST)
        took = []
        for _ in range(times):
            begun = time.perf_counter()
            await platform.packages.set(LOCAL, project, LIST)
            took.append((time.perf_counter() - begun) * 1e3)
        return took
    finally:
        await platform.close()


async def _image(folder: Path, times: int) -> float:
    store = LayerStore(folder / "layer" / "warm" / "layers", LayerTarget.of_host())
    layer = await store.build(read_requirements(LIST), on_progress=lambda _: None)
    await store.whole(layer.key)
    tree = await RuntimeStore(folder / "data" / "runtimes", resources.folder("runtimes")).root_tree("python")
    driver = make_driver("docker", installation_id=INSTALLATION, data_dir=folder)
    took = []
    try:
        await driver.prepare(tree.path)
        for _ in range(times):
            begun = time.perf_counter()
            await driver.prepare(tree.path, store.path(layer.key))
            took.append((time.perf_counter() - begun) * 1e3)
            await driver.keep_layers(frozenset())
    finally:
        await driver.close()
        with closing(engine.client()) as client:
            for image in client.images.list(filters={"label": f"clowdy.installation={INSTALLATION}"}):
                client.images.remove(image.id, force=True)
    return median(took)


def to_markdown(layers: Layers) -> str:
    """The section of the report."""
    hit = "met" if layers.hit_p50_ms < HIT_TARGET_MS else "**not met**"
    rows = [
        f"| {made.cache} | {made.uv_ms:,.0f} | {made.uv_compiled_ms:,.0f} | {made.layer_ms:,.0f} "
        f"| {made.layer_ms / made.uv_ms:.2f} | {made.whole_ms:,.0f} | {made.whole_ms / made.uv_compiled_ms:.2f} |"
        for made in layers.made
    ]
    image = "not measured" if layers.image_ms is None else f"{layers.image_ms:,.0f} ms"
    return "\n\n".join(
        [
            "## Packages",
            f"An unchanged list is saved in {layers.hit_p50_ms:.1f} ms (p50; {layers.hit_max_ms:.1f} at most); target: "
            f"under {HIT_TARGET_MS:g} ms, {hit}. Docker's image with the layer on top: {image}.",
            f"The layer for `{LIST.strip()}` (locked with hashes) beside `uv pip install --target` alone; medians of "
            f"{layers.times} in milliseconds, the index's answers included. Target: {RATIO_TARGET:g}. Its bytecode is "
            "compiled when it serves already: the last two columns are until that is done, too.",
            "\n".join(
                [
                    "| uv's cache | uv alone | with bytecode | layer | × uv alone | compiled | × with bytecode |",
                    "| --- | --: | --: | --: | --: | --: | --: |",
                    *rows,
                ]
            ),
        ]
    )
