"""Calls of functions: made, and looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from clowdy_tui.tui import messages
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.obstacles import not_online
from clowdy_tui.tui.widgets.console import TestConsole
from clowdy_tui.tui.widgets.logs import LogPane

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import FunctionOut


class CallHandlers(Core):
    """From the key that runs a function to the call on the screen."""

    def test_function(self, function: FunctionOut) -> None:
        """Bring the console to the front, with this function in it."""
        self.workbench.show_dock("test")
        self.workbench.dock.set_function(function.id, function.name)

    def run_target(self) -> None:
        """Call the function that is meant, with the input that the dock holds for it."""
        if function := self.state.target:
            self.test_function(function)
            self.workbench.dock.test.request_run()

    @on(TestConsole.RunRequested)
    def _run(self, event: TestConsole.RunRequested) -> None:
        from clowdy_tui.tui import work

        obstacle = self.keymap.obstacle("function.run", self.state)
        if obstacle:
            self.tell(obstacle, severity="warning")
            return
        self.show_running(event.function_id)
        self.start_work(work.run, event.function_id, event.value)
        if event.function_id in self.state.unsaved:
            function = self.state.functions[event.function_id]
            self.tell(f"Runs version {function.active_version}, as it was saved",
                      self.keymap.say("What you typed since then is not in it; {function.save} saves it."),
                      severity="warning")  # fmt: skip

    def show_running(self, function_id: str) -> None:
        """A call of the console's function is under way."""
        self.state.running.add(function_id)
        self.workbench.dock.test.show_running()
        self.workbench.redraw(tree=True)

    @on(messages.RunFinished)
    def _take_result(self, event: messages.RunFinished) -> None:
        self.state.running.discard(event.function_id)
        self.workbench.dock.test.show_result(event.result, event.function_id)
        self.workbench.redraw(tree=True)

    @on(messages.RunFailed)
    def _take_run_failure(self, event: messages.RunFailed) -> None:
        self.state.running.discard(event.function_id)
        self.workbench.dock.test.show_error(event.problem, event.function_id)
        self.workbench.redraw(tree=True)

    @on(LogPane.InvocationChosen)
    def _show_call(self, event: LogPane.InvocationChosen) -> None:
        self.open_call(event.invocation_id)

    def open_call(self, invocation_id: str) -> None:
        """Show a call whole."""
        from clowdy_tui.tui import work

        if obstacle := not_online(self.state):
            self.tell(obstacle, severity="warning")
        else:
            self.start_work(work.fetch_call, invocation_id, group="flow")
