"""The history, and what is done with a call: run it again, change it, compare it, copy it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on

from clowdy_tui.tui import call_messages, messages
from clowdy_tui.tui.handlers.calls import CallHandlers
from clowdy_tui.tui.obstacles import not_online
from clowdy_tui.tui.widgets.history import HistoryPane

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import FunctionOut, InvocationOut


class HistoryHandlers(CallHandlers):
    """From a row of the history to the next call."""

    @on(HistoryPane.PageWanted)
    def _fetch_calls(self, event: HistoryPane.PageWanted) -> None:
        from clowdy_tui.tui import call_work

        if obstacle := not_online(self.state):
            self.workbench.dock.history.take(event.ask, None, obstacle)
        else:
            self.start_work(call_work.fetch_calls, event.ask, event.query)

    @on(call_messages.CallsFetched)
    def _take_calls(self, event: call_messages.CallsFetched) -> None:
        self.workbench.dock.history.take(event.ask, event.calls, event.problem)

    @on(HistoryPane.Moved)
    def _note_call(self, event: HistoryPane.Moved) -> None:
        self.state.call = event.call
        self.workbench.refresh_bars()

    @on(messages.CallFetched)
    def _take_call(self, event: messages.CallFetched) -> None:
        from clowdy_tui.tui.screens.invocation import InvocationDialog

        call = event.call
        function = self.state.functions.get(call.function_id)
        dialog = InvocationDialog(call, function.name if function else "a deleted function")
        self.push_screen(dialog, partial(self._do_chosen, call))

    def _do_chosen(self, call: InvocationOut, action: str | None) -> None:
        if action is not None:
            self._do(action, call)

    @on(HistoryPane.CallAsked)
    def _do_asked(self, event: HistoryPane.CallAsked) -> None:
        if event.action == "open":
            self.open_call(event.call.id)
        else:
            self._do(event.action, event.call)

    @on(call_messages.InputChosen)
    def _take_input(self, event: call_messages.InputChosen) -> None:
        self.workbench.dock.test.set_input(event.function_id, event.text, event.name)

    def do_with_call(self, action: str) -> None:
        """Do something with the call that the history's cursor is on."""
        if self.state.call is not None:
            self._do(action, self.state.call)

    def compare_call(self) -> None:
        """Compare versions by the history's call where that is in front, else by the console's input."""
        from clowdy_tui.tui import call_flows

        if self.state.dock == "history":
            self.do_with_call("compare")
        elif function := self.state.target:
            self.test_function(function)
            parsed = self.workbench.dock.test.check()
            if parsed.ok:
                self.start_flow(call_flows.compare_input, function, parsed.value)

    def copy_call(self, how: str) -> None:
        """To the clipboard: the history's call where that is in front, else one with the console's input."""
        from clowdy_tui.tui import shell_lines

        if self.state.dock == "history":
            self.do_with_call(how)
        elif function := self.state.target:
            self.test_function(function)
            parsed = self.workbench.dock.test.check()
            if parsed.ok and how == "curl":
                self._copy(shell_lines.curl_of_input(function, parsed.value, self._url))
            elif parsed.ok:
                project = self.state.projects.get(function.project_id or "")
                self._copy(shell_lines.command_of_input(function, project, parsed.value))

    def _do(self, action: str, call: InvocationOut) -> None:
        function = self.state.functions.get(call.function_id)
        if obstacle := not_online(self.state):
            self.tell(obstacle, severity="warning")
        elif function is None:
            self.tell("Its function is gone", severity="warning")
        else:
            getattr(self, f"_do_{action}")(function, call)

    def _do_replay(self, function: FunctionOut, call: InvocationOut) -> None:
        from clowdy_tui.tui import call_work

        if function.id in self.state.running:
            self.tell(f"{function.name} is still running", severity="warning")
            return
        self.test_function(function)
        self.show_running(function.id)
        self.start_work(call_work.replay, function.id, call.id)

    def _do_edit(self, function: FunctionOut, call: InvocationOut) -> None:
        from clowdy_tui.tui import call_work

        # A row has only the beginning of what the call was given. What is typed before it is there is typed into it.
        self.start_work(call_work.fetch_input, call.id, group="flow")
        self.test_function(function)
        self.workbench.go_dock("test")

    def _do_compare(self, function: FunctionOut, call: InvocationOut) -> None:
        from clowdy_tui.tui import call_flows

        self.start_flow(call_flows.compare_call, function, call)

    def _do_curl(self, function: FunctionOut, call: InvocationOut) -> None:
        from clowdy_tui.tui import call_flows

        self.start_errand(call_flows.copy_curl, function, call)

    def _do_cli(self, function: FunctionOut, call: InvocationOut) -> None:
        from clowdy_tui.tui import shell_lines

        self._copy(shell_lines.command_of_call(call))

    @property
    def _url(self) -> str:
        return self.state.session.url if self.state.session else ""

    def _copy(self, line: str) -> None:
        self.copy_to_clipboard(line)
        self.tell("Copied", line)
