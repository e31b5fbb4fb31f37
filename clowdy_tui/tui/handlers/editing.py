"""What helps while one writes: checks as one types, the formatter, the way back to a version."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from textual import on

from clowdy_tui.tui import messages
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.widgets.editor import EditorTabs

if TYPE_CHECKING:
    from clowdy_tui.tui.editing.checking import Checking


class EditingHandlers(Core):
    """From what was typed to what is marked."""

    @cached_property
    def checking(self) -> Checking:
        """Who looks at what is typed."""
        from clowdy_tui.tui.editing.checking import Checking

        return Checking(self)

    @on(EditorTabs.TextChanged)
    @on(EditorTabs.ActiveChanged)
    def _check_later(self) -> None:
        self.checking.later()

    @on(messages.RestoreVersion)
    def _restore_version(self, event: messages.RestoreVersion) -> None:
        from clowdy_tui.tui.versions.flow import restore

        if function := self.state.functions.get(event.function_id):
            restore(self, function, event.version)

    @on(messages.Checked)
    def _mark(self, event: messages.Checked) -> None:
        self.checking.take(event)

    @on(messages.CheckFailed)
    def _tell_check_failure(self, event: messages.CheckFailed) -> None:
        self.checking.tell_failure(event.problem)

    @on(messages.Tidied)
    def _take_tidied(self, event: messages.Tidied) -> None:
        self.checking.take_tidied(event)
