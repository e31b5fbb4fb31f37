"""What is kept on disk for the next screen, and what the last one left."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from textual import on

from clowdy_tui.tui import messages
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.widgets.editor import EditorTabs

if TYPE_CHECKING:
    from clowdy_tui.tui.remembering import Remembering


class MemoryHandlers(Core):
    """When to read, when to restore, and when something has changed that is to be kept."""

    @cached_property
    def remembering(self) -> Remembering:
        """The screen's memory."""
        from clowdy_tui.tui.remembering import Remembering

        return Remembering(self)

    def on_mount(self) -> None:
        self.call_after_refresh(self.remembering.start)

    async def on_unmount(self) -> None:
        await self.remembering.close()

    def exit(self, *arguments: Any, **named: Any) -> None:
        # However it ends, by a key or by a hang-up: what is on the desk is taken while there is a desk.
        self.remembering.take_stock()
        super().exit(*arguments, **named)

    @on(messages.RecalledDesk)
    def _take_recalled(self, event: messages.RecalledDesk) -> None:
        self.remembering.take(event.recalled)

    @on(messages.Loaded)
    def _restore_desk(self) -> None:
        self.remembering.take_functions()

    @on(EditorTabs.ActiveChanged)
    @on(EditorTabs.CursorMoved)
    @on(EditorTabs.DirtyChanged)
    @on(EditorTabs.TextChanged)
    @on(messages.CloseFile)
    @on(messages.Saved)
    def _note_change(self) -> None:
        self.remembering.note()
