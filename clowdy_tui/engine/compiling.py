"""Compiles layers while they serve already; a mark beside a layer says that its bytecode is not there yet."""

import asyncio
import contextlib
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

from clowdy_tui.engine.bytecode import Bytecode
from clowdy_tui.engine.pack import LAYER_PLACE

_CACHE: Final = ".bytecode"
_MARK: Final = ".uncompiled-"

logger = logging.getLogger(__name__)


class Compiling:
    """Of the layers in one folder, one after the other. Until it is done, each of a layer's sandboxes compiles for
    itself what it imports. Belongs to one event loop.
    """

    def __init__(self, folder: Path, *, timeout_s: float) -> None:
        self._folder = folder
        self._timeout_s = timeout_s
        self._bytecode = Bytecode(folder / _CACHE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._one_at_a_time = asyncio.Lock()

    def mark(self, key: str) -> None:
        """A layer is about to be there that has no bytecode. Raises OSError."""
        self._mark(key).touch()

    def go_on(self, keys: Collection[str]) -> None:
        """Begin with those layers that have a mark."""
        for key in keys:
            if key in self._tasks or not self._mark(key).exists():
                continue
            self._tasks[key] = task = asyncio.create_task(self._compile(key), name=f"bytecode of {key}")
            task.add_done_callback(lambda _, key=key: self._tasks.pop(key, None))  # type: ignore[misc]

    async def done(self, key: str) -> None:
        """Wait until a layer has its bytecode, or never will."""
        self.go_on({key})
        if (task := self._tasks.get(key)) is not None:
            await asyncio.wait([task])

    async def end(self, keep: Collection[str] = ()) -> None:
        """End what is at work with other layers. Their marks stay."""
        going = [task for key, task in self._tasks.items() if key not in keep]
        for task in going:
            task.cancel()
        if going:
            await asyncio.wait(going)

    def trim(self) -> None:
        """Remove marks of layers that are gone, and the cache where it has grown too large. Blocks."""
        for mark in self._folder.glob(f"{_MARK}*"):
            if not (self._folder / mark.name.removeprefix(_MARK)).is_dir():
                mark.unlink(missing_ok=True)
        if not self._tasks:
            self._bytecode.trim()

    def _mark(self, key: str) -> Path:
        return self._folder / f"{_MARK}{key}"

    async def _compile(self, key: str) -> None:
        try:
            async with self._one_at_a_time, asyncio.timeout(self._timeout_s):
                await self._bytecode.compile(self._folder / key, LAYER_PLACE)
        except OSError as error:
            logger.warning("The layer %s goes without (all of) its bytecode: %s", key, error.strerror or "no time")
        # Also then: it would fail at every start anew.
        with contextlib.suppress(OSError):
            self._mark(key).unlink()
