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
    from clowdy_tui.tui.editing.completing import Completing


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

    @cached_property
    def completing(self) -> Completing:
        """Who knows what a name may become."""
        from clowdy_tui.tui.editing.completing import Completing

        return Completing(self)

    @on(EditorTabs.TextChanged)
    def _complete_later(self) -> None:
        self.completing.later()

    @on(messages.NamesFound)
    def _offer_names(self, event: messages.NamesFound) -> None:
        self.completing.take(event)

    @on(messages.OpenFile)
    def _open_file(self, event: messages.OpenFile) -> None:
        self.open_function(event.function_id, event.path)

    @on(messages.EditedElsewhere)
    def _take_from_editor(self, event: messages.EditedElsewhere) -> None:
        tabs = self.workbench.tabs
        if area := tabs.area_of(event.document):
            area.replace_text(event.text)
            said = "Not saved yet: {function.save} makes a new version of it, {text.undo} takes it back."
            self.tell("Taken over from your editor", self.keymap.say(said))

    @on(messages.RestoreVersion)
    def _restore_version(self, event: messages.RestoreVersion) -> None:
        from clowdy_tui.tui.versions.flow import restore

        if function := self.state.functions.get(event.function_id):
            restore(self, function, event.version)

    @on(messages.Checked)
    def _mark(self, event: messages.Checked) -> None:
        # A check may end when the screen is being taken down: its panes go one by one.
        if self.is_running:
            self.checking.take(event)

    @on(messages.CheckFailed)
    def _tell_check_failure(self, event: messages.CheckFailed) -> None:
        self.checking.tell_failure(event.problem)

    @on(messages.Tidied)
    def _take_tidied(self, event: messages.Tidied) -> None:
        self.checking.take_tidied(event)
