"""The files in the editor: opened, changed, saved, refused, closed."""

from __future__ import annotations

from textual import on

from clowdy_tui.tui import messages
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.widgets.editor import Document, EditorTabs


class FileHandlers(Core):
    """From the tab that opens to the tab that closes."""

    @on(EditorTabs.ActiveChanged)
    def _change_active(self) -> None:
        self.desk.note_active()
        self.panes.note_active()
        function = self.state.functions.get(self.state.open_function or "")
        if not self.state.pane_kind:
            self.workbench.dock.set_function(function.id if function else None, function.name if function else "")
        if not self.state.open_count:
            self.workbench.show_editor(False)
            self.workbench.go("tree")
        self.workbench.redraw()

    @on(EditorTabs.DirtyChanged)
    def _change_dirty(self) -> None:
        self.desk.note_unsaved()
        self.workbench.redraw(tree=True)

    def save_active(self) -> None:
        """Save the file in front."""
        self.workbench.tabs.request_save()

    @on(EditorTabs.SaveRequested)
    def _save(self, event: EditorTabs.SaveRequested) -> None:
        self.save(event.document, event.text, event.document.version)

    def save(self, document: Document, text: str, base_version: int) -> None:
        """Save a file on top of a version; what comes of it is a message."""
        from clowdy_tui.tui import flows, work

        function = self.state.functions.get(document.function_id)
        if function is None:
            self.start_flow(flows.save_deleted, document, text)
            return
        self.state.saving.add(function.id)
        self.workbench.redraw(tree=True)
        self.start_work(work.save, function, document.path, text, base_version=base_version)

    @on(messages.Saved)
    def _take_saved(self, event: messages.Saved) -> None:
        function = event.function
        self.state.saving.discard(function.id)
        self.state.functions[function.id] = function
        self.desk.mark_saved(function, event.path, event.text)
        self.workbench.redraw(tree=True)
        if function.diagnostics:
            fault = function.diagnostics[0]
            where = f"Line {fault.line}: {fault.message}"
            self.tell(f"Saved as version {function.active_version}, but it does not parse", where, severity="warning")
        elif event.made_version:
            self.tell(f"Saved: {function.name} is now version {function.active_version}")
        else:
            self.tell("Nothing changed, so there is no new version")

    @on(messages.SaveFailed)
    def _take_save_failure(self, event: messages.SaveFailed) -> None:
        self.state.saving.discard(event.function_id)
        self.tell("Not saved; what you typed stays", event.problem, severity="error")

    @on(messages.SaveRefused)
    def _take_refusal(self, event: messages.SaveRefused) -> None:
        from clowdy_tui.tui import flows

        self.state.saving.discard(event.function_id)
        document = self.desk.document(event.function_id, event.path)
        if document is not None:
            self.start_flow(flows.settle_conflict, document, event)

    @on(messages.TakeTheirs)
    def _take_theirs(self, event: messages.TakeTheirs) -> None:
        self.state.functions[event.function.id] = event.function
        self.desk.replace(event.function, event.path)
        self.workbench.redraw(tree=True)

    @on(EditorTabs.CloseRequested)
    def _ask_close(self, event: EditorTabs.CloseRequested) -> None:
        from clowdy_tui.tui import flows

        self.start_flow(flows.close_unsaved, event.document)

    @on(messages.CloseFile)
    def _close_file(self, event: messages.CloseFile) -> None:
        if document := self.desk.document(event.function_id, event.path):
            self.desk.close(document)
            self.desk.note_unsaved()
            self.workbench.redraw(tree=True)
