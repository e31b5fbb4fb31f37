"""`clowdy` alone: opens the screen on the gateway that runs, or on one that it starts."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from clowdy_tui import resources
from clowdy_tui.cli import output
from clowdy_tui.cli.hangup import watch
from clowdy_tui.cli.locations import config_dir
from clowdy_tui.cli.shell import Exit, Failure, Shell, client_for, run_fast
from clowdy_tui.domain.errors import DataFolderLocked

if TYPE_CHECKING:
    from clowdy_tui.cli.finding import Door
    from clowdy_tui.cli.settings import Settings
    from clowdy_tui.tui.app import ClowdyApp
    from clowdy_tui.tui.session import Session

OTHER_STARTS_WITHIN_S: Final = 10.0


def open_screen(shell: Shell) -> None:
    """Run the screen until it is closed.

    Raises:
        Failure: there is no terminal to show it on.
    """
    if shell.as_json:
        raise Failure("--json belongs to a command; the screen has no use for it", Exit.USAGE)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Failure("the screen needs a terminal; without one there is `clowdy demo`, or `clowdy serve`", Exit.USAGE)
    # What is made until the first frame stays; looking through it for garbage would only delay that.
    gc.disable()
    settings = shell.settings()

    from clowdy_tui.tui.app import ClowdyApp
    from clowdy_tui.tui.session import ScreenOptions
    from clowdy_tui.tui.themes import DEFAULT_THEME

    ssh = is_over_ssh(os.environ) if settings.ssh is None else settings.ssh
    left: list[dict[str, Any] | Failure] = []
    app = ClowdyApp(
        connect=lambda: connect(shell, settings, detached=left.append),
        themes=[resources.folder("themes"), config_dir() / "themes"],
        options=ScreenOptions(
            theme=settings.theme or DEFAULT_THEME, ssh=ssh, keymap=settings.keymap, state_dir=state_dir(shell, settings)
        ),
    )
    run_fast(_run(app))
    for report in left:
        if isinstance(report, Failure):
            raise report
        output.say(f"Clowdy goes on at {report['url']} (pid {report['pid']}); `clowdy stop` ends it.")
    if app.return_code:
        raise click.exceptions.Exit(app.return_code)


async def _run(app: "ClowdyApp") -> None:
    # A connection that hangs up, or a machine that goes down, closes the screen as a person would: a gateway that it
    # hosts ends its sandboxes.
    loop = asyncio.get_running_loop()

    def close() -> None:
        loop.call_soon_threadsafe(app.exit)

    for number in (signal.SIGHUP, signal.SIGTERM):
        loop.add_signal_handler(number, app.exit)
    try:
        with watch(sys.stdout.fileno(), close):
            await app.run_async()
    finally:
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.remove_signal_handler(number)


def state_dir(shell: Shell, settings: "Settings") -> Path:
    """Where the screen keeps drafts and its layout: in the data folder, or in a folder for the gateway at --url."""
    if not shell.common.url:
        return settings.data_dir / "screen"
    from clowdy_tui.cli.locations import state_dir_of

    return state_dir_of(shell.common.url)


def is_over_ssh(environ: Mapping[str, str]) -> bool:
    """Whether this terminal is at the other end of an SSH connection."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


@asynccontextmanager
async def connect(
    shell: Shell, settings: "Settings", *, detached: Callable[[dict[str, Any] | Failure], None]
) -> "AsyncIterator[Session]":
    """The gateway that runs, or one hosted here for as long as this lasts."""
    from clowdy_tui.tui.session import Session

    gc.freeze()
    gc.enable()
    door = shell.find()
    if door is None:
        # Only here: an attached screen never imports the engine.
        from clowdy_tui.cli.compose import hosted

        async with AsyncExitStack() as stack:
            try:
                session = await stack.enter_async_context(
                    hosted(settings, config=shell.common.config, detached=detached)
                )
            except DataFolderLocked as locked:
                door = await _other(shell, locked)
            else:
                yield session
                return
    async with client_for(door) as client:
        url = door.url or (await client.health()).url or ""
        yield Session(client=client, hosted=False, url=url)


async def _other(shell: Shell, locked: DataFolderLocked) -> "Door":
    """The gateway that began at the same moment and was first: it answers soon.

    Raises:
        DataFolderLocked: it does not.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + OTHER_STARTS_WITHIN_S
    while loop.time() < deadline:
        if door := shell.find():
            return door
        await asyncio.sleep(0.05)
    raise locked
