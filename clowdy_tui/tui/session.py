"""The screen's side of a connection: what it is handed, what it may be told, and the task that keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clowdy_tui.tui.themes import DEFAULT_THEME

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy


@dataclass(slots=True)
class Session:
    """A gateway to talk to.

    `hosted`: it runs inside this program and ends with it, unless `detach` is there: that one, awaited after the
    screen has let go of the gateway, starts it again in the background.
    `note` is something the person should be told once, like "Port 8000 is taken, listening on 8001".
    """

    client: Clowdy
    hosted: bool
    url: str
    note: str = ""
    detach: Callable[[], Awaitable[None]] | None = None


Connect = Callable[[], AbstractAsyncContextManager[Session]]


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """What the settings say about the screen. `keymap` gives actions other keys: `{"function.run": "f6,ctrl+e"}`.

    `state_dir` is where drafts and the desk's layout are kept; with None they are not.
    """

    theme: str = DEFAULT_THEME
    ssh: bool = False
    keymap: Mapping[str, str] = field(default_factory=dict)
    state_dir: Path | None = None


class SessionKeeper:
    """Enters a session and leaves it in one and the same task, as task groups and timeouts inside it need."""

    def __init__(
        self, connect: Connect, *, entered: Callable[[Session], None], failed: Callable[[Exception], None]
    ) -> None:
        self._connect = connect
        self._entered = entered
        self._failed = failed
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._detach = False

    def start(self) -> None:
        """Begin to connect; `entered` or `failed` is called when that is decided. Again after a failure."""
        if self._task is None or self._task.done():
            self._leaving.clear()
            self._task = asyncio.create_task(self._keep(), name="clowdy-session")

    def detach_on_leaving(self) -> None:
        """The gateway goes on in the background when the session is left."""
        self._detach = True

    async def leave(self) -> None:
        """Let go of the session and wait until it has ended."""
        self._leaving.set()
        if self._task is not None:
            await self._task

    async def _keep(self) -> None:
        detach: Callable[[], Awaitable[None]] | None = None
        opening = asyncio.current_task()
        assert opening is not None
        leave_early = asyncio.create_task(self._cancel_when_leaving(opening))
        try:
            async with self._connect() as session:
                leave_early.cancel()
                self._entered(session)
                await self._leaving.wait()
                detach = session.detach if self._detach else None
        except asyncio.CancelledError:
            if not self._leaving.is_set():
                raise
        except Exception as error:  # noqa: BLE001 - whatever keeps a gateway from starting is shown, not raised
            self._failed(error)
        finally:
            leave_early.cancel()
        if detach is not None:
            await detach()

    async def _cancel_when_leaving(self, opening: asyncio.Task[None]) -> None:
        await self._leaving.wait()
        opening.cancel()
