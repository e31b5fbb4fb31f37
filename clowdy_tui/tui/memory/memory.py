"""The screen's memory: reads what the last screen left, and keeps this one's work, in threads beside the loop."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from clowdy_tui.tui.memory import layout as layouts
from clowdy_tui.tui.memory.drafts import Draft, DraftStore, Key
from clowdy_tui.tui.memory.layout import Layout

T = TypeVar("T")

DELAY_S: Final = 0.5
"""What a kill can cost: this much typing, and the time to write it."""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """A file with unsaved changes. `stamp` differs where the draft would; `draft` makes it."""

    key: Key
    stamp: tuple[int, ...]
    draft: Callable[[], Draft]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the last screen left; `problems` are sentences about what could not be read."""

    layout: Layout = field(default_factory=Layout)
    drafts: Sequence[Draft] = ()
    problems: Sequence[str] = ()


class Memory:
    """Keeps drafts and layout below `folder`; with None it keeps nothing.

    `unsaved` and `layout` are asked in the loop, whenever something is to be kept; `failed` is told, once, why
    nothing can be.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        unsaved: Callable[[], Sequence[Unsaved]],
        layout: Callable[[], Layout],
        failed: Callable[[str], None],
    ) -> None:
        self._store = DraftStore(folder / "drafts") if folder else None
        self._path = folder / "layout.json" if folder else None
        self._unsaved = unsaved
        self._layout = layout
        self._failed = failed
        self._awake = False
        self._told = False
        self._kept: dict[Key, tuple[int, ...]] = {}
        self._written: Layout | None = None
        self._busy = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def recall(self) -> Recalled:
        """What there is to go on with. Nothing is kept before `begin`."""
        if self._store is None or self._path is None:
            return Recalled()
        problems: list[str] = []
        layout, drafts = Layout(), list[Draft]()
        try:
            layout = await asyncio.to_thread(layouts.read, self._path)
        except (OSError, ValueError) as error:
            problems.append(f"{self._path}: {error}")
        try:
            drafts, unread = await asyncio.to_thread(self._store.adopt)
            problems += unread
        except OSError as error:
            problems.append(str(error))
        self._kept = {draft.key: () for draft in drafts}
        return Recalled(layout, drafts, problems)

    def begin(self) -> None:
        """What was recalled is on the desk; from now on the desk is kept."""
        self._awake = self._store is not None

    def note(self) -> None:
        """Something changed: keep it soon."""
        if self._awake and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DELAY_S, self._wake)

    async def keep(self) -> None:
        """Keep everything as it is now."""
        if not self._awake or self._store is None or self._path is None:
            return
        async with self._busy:
            unsaved = {file.key: file for file in self._unsaved()}
            layout = self._layout()
            jobs: list[Callable[[], None]] = []
            jobs += [partial(self._store.remove, key) for key in self._kept if key not in unsaved]
            # The texts are taken here, in the loop, where nobody types meanwhile.
            jobs += [
                partial(self._store.write, file.draft())
                for file in unsaved.values()
                if self._kept.get(file.key) != file.stamp
            ]
            if layout != self._written:
                jobs.append(partial(layouts.write, self._path, layout))
            try:
                await asyncio.to_thread(_do, jobs)
            except OSError as error:
                if not self._told:
                    self._told = True
                    self._failed(str(error))
                return
            self._kept = {key: file.stamp for key, file in unsaved.items()}
            self._written = layout

    def take_stock(self, *, forget: bool = False) -> None:
        """From now on keep what is there at this moment; with `forget` no draft."""
        if self._awake:
            layout = self._layout()
            files = [] if forget else [replace(file, draft=_always(file.draft())) for file in self._unsaved()]
            self._layout, self._unsaved = _always(layout), _always(files)

    async def close(self, *, keep: bool = True) -> None:
        """Keep everything for the next screen unless there is nothing to look at any more; let go of the folder."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await self._task
        if keep:
            await self.keep()
        if self._store is not None:
            await asyncio.to_thread(self._store.close)

    def _wake(self) -> None:
        self._timer = None
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self.keep(), name="clowdy-memory")
        else:
            self.note()


def _always(value: T) -> Callable[[], T]:
    return lambda: value


def _do(jobs: Sequence[Callable[[], None]]) -> None:
    for job in jobs:
        job()
