"""`python -m scripts.screenshots [NAME]…`: takes all the pictures, or those whose name begins so.

A gateway with bubblewrap on a data folder of its own, which goes away again; the screen without a terminal on it.
What differs from machine to machine (the data folder, the process's number) is not on the pictures.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from clowdy_tui import __version__
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import Health
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.assistant.config import AssistantConfig
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.tui.app import ClowdyApp
from clowdy_tui.tui.session import Connect, ScreenOptions, Session
from clowdy_tui.tui.themes import DEFAULT_THEME, load_themes
from scripts.screenshots.chat_scenes import chat_scenes
from scripts.screenshots.editor_scenes import EDITOR_SCENES
from scripts.screenshots.scenes import NORMAL, SCENES, Scene, ready
from scripts.screenshots.shop import call, pass_an_hour, seed
from scripts.screenshots.wheels import write_index
from tests.model_server import ModelServer, model_server

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "screenshots"
THEMES = ROOT / "themes"
URL = "http://127.0.0.1:8000"

Calls = Callable[[], Awaitable[None]]


class AnyMachine(Clowdy):
    """A client whose gateway tells nothing of the machine that it runs on."""

    async def health(self) -> Health:
        said = await super().health()
        # What a kernel lets be enforced is the machine's too.
        everything = [*(said.enforced or []), *("memory", "cpu", "processes")]
        return said.model_copy(
            update={
                "url": URL, "data_dir": "~/.local/share/clowdy", "pid": 4711, "python": "3.12.4",
                "enforced": list(dict.fromkeys(everything)), "not_enforced": [],
            }
        )  # fmt: skip


@asynccontextmanager
async def gateway(folder: Path, assistant: AssistantConfig) -> AsyncIterator[Gateway]:
    """One that answers on a port that is free, and believes that it is the usual one."""
    platform = await Platform.open(PlatformConfig(data_dir=folder / "data", driver="bubblewrap", assistant=assistant))
    try:
        async with Gateway(platform, GatewayConfig(host="127.0.0.1", port=0, version=__version__)) as gateway:
            platform.public_url = URL
            yield gateway
    finally:
        await platform.close()


def attach(socket: Path) -> Connect:
    """What the app is handed."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[Session]:
        async with AnyMachine(socket=socket) as client:
            yield Session(client=client, hosted=True, url=URL)

    return connect


async def take(scene: Scene, size: tuple[int, int], connect: Connect, calls: Calls) -> None:
    """One picture."""
    options = ScreenOptions(theme=scene.theme or DEFAULT_THEME, ssh=True)
    app = ClowdyApp(connect=connect, themes=[THEMES], options=options)
    async with app.run_test(size=size) as pilot:
        await ready(app, pilot)
        if scene.live:
            await calls()
        await scene.act(app, pilot)
        app.clear_notifications()
        app.workbench.refresh_bars()
        await pilot.pause()
        name = f"{scene.name}-{size[0]}x{size[1]}"
        (FOLDER / f"{name}.svg").write_text(tidy(app.export_screenshot(title="clowdy", simplify=True)), "utf-8")
        sys.stdout.write(f"{name}\n")
        app.exit()


def tidy(svg: str) -> str:
    """Names that stay the same from one run to the next, no font that has to be fetched, and every blank kept."""
    # The model's server, as if it were the one that people have.
    svg = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:11434", svg)
    svg = re.sub(r"terminal-\d+", "t", svg).replace("<svg ", '<svg xml:space="preserve" ', 1)
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def wanted(names: list[str], model: ModelServer) -> Iterable[Scene]:
    """The scenes, those in which `model` answers, and the workbench in each theme."""
    workbench = next(scene for scene in SCENES if scene.name == "workbench")
    themes = [
        replace(workbench, name=f"theme-{name}", theme=name, sizes=(NORMAL,)) for name in load_themes([THEMES]).themes
    ]
    for scene in (*SCENES, *EDITOR_SCENES, *themes, *chat_scenes(model)):
        if not names or any(scene.name.startswith(name) for name in names):
            yield scene


def temporary_folder() -> Path:
    """Short, because a socket lies in it, and open to the sandboxes' own user."""
    folder = Path(tempfile.mkdtemp(prefix="clowdy-"))
    folder.chmod(0o711)
    return folder


async def main(names: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    for variable in [name for name in os.environ if name.startswith("CLOWDY_")]:
        del os.environ[variable]
    folder = temporary_folder()
    os.environ["UV_DEFAULT_INDEX"] = write_index(folder / "index")
    try:
        async with model_server() as model:
            for empty in (True, False):
                scenes = [scene for scene in wanted(names, model) if scene.empty is empty]
                if not scenes:
                    continue
                (folder / str(empty)).mkdir(mode=0o711)
                assistant = AssistantConfig() if empty else AssistantConfig(base_url=model.url)
                async with gateway(folder / str(empty), assistant) as running:
                    await take_all(scenes, running, empty=empty)
    finally:
        shutil.rmtree(folder)


async def take_all(scenes: Iterable[Scene], running: Gateway, *, empty: bool) -> None:
    """The pictures that are taken of one gateway."""
    socket = running.socket_path
    assert socket is not None
    async with Clowdy(socket=socket) as client:
        ids = {} if empty else await seed(client)
        calls = partial(call, client, running.url, ids)
        if not empty:
            await pass_an_hour(client, running.url, ids)
            await calls()
        for scene in scenes:
            for size in scene.sizes:
                await take(scene, size, attach(socket), calls)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
