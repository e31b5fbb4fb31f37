"""The panes in the centre: what is chosen in one, what was fetched for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from clowdy_tui.tui import messages
from clowdy_tui.tui.core import Core

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import PoolInstance, RouteOut, VariableOut


class PaneHandlers(Core):
    """Panes say what is chosen in them and what they want; opening and fetching is `panes.keeper`'s."""

    @on(messages.PaneChose)
    def _change_choice(self, event: messages.PaneChose) -> None:
        if event.pane is self.workbench.tabs.pane:
            self.state.pane = event.place
            self.workbench.refresh_bars()

    @on(messages.PaneStale)
    def _fetch_pane(self, event: messages.PaneStale) -> None:
        self.panes.fetch(event.pane)

    @on(messages.PaneFetched)
    def _take_pane(self, event: messages.PaneFetched) -> None:
        # What can be done there depends on it.
        match event.key:
            case ("packages", project_id) if event.data is not None:
                self.state.packages[project_id] = event.data
            case ("database", project_id) if event.data is not None:
                self.state.databases[project_id] = event.data
        self.panes.take(event.key, event.data, event.problem)
        self.workbench.refresh_bars()

    def chosen_instance(self) -> PoolInstance | None:
        """The sandbox under the cursor of the pool in front."""
        from clowdy_tui.tui.panes.dashboard import DashboardPane

        pane = self.workbench.tabs.pane
        return pane.chosen_instance if isinstance(pane, DashboardPane) else None

    def chosen_variable(self) -> VariableOut | None:
        """The variable under the cursor of the pane in front."""
        from clowdy_tui.tui.panes.variables import VariablesPane

        pane = self.workbench.tabs.pane
        return pane.find(pane.chosen.name) if isinstance(pane, VariablesPane) else None

    def toggle_revealed(self) -> None:
        """Show the secrets of the variables in front, or hide them."""
        from clowdy_tui.tui.panes.variables import VariablesPane

        if isinstance(pane := self.workbench.tabs.pane, VariablesPane):
            pane.toggle_revealed()

    def copy_lock(self) -> None:
        """The lock of the packages in front, to the clipboard."""
        from clowdy_tui.tui.panes.packages import PackagesPane

        pane = self.workbench.tabs.pane
        if isinstance(pane, PackagesPane) and pane.found is not None and pane.found.lock:
            self.copy_to_clipboard(pane.found.lock)
            self.tell("The lock is in the clipboard")

    def sort_board(self) -> None:
        """Put the dashboard's functions in another order."""
        from clowdy_tui.tui.panes.dashboard import DashboardPane

        if isinstance(pane := self.workbench.tabs.pane, DashboardPane):
            pane.next_order()

    def widen_board(self) -> None:
        """Count over another span of time."""
        from clowdy_tui.tui.panes.dashboard import DashboardPane

        if isinstance(pane := self.workbench.tabs.pane, DashboardPane):
            pane.next_span()

    def try_route(self, route: RouteOut) -> None:
        """Put the event of a request to a route into the console, for the function that it leads to."""
        from json import dumps

        from clowdy_tui.tui.route_event import example_event

        dock = self.workbench.dock
        dock.set_function(route.function_id, route.function_name)
        dock.test.input.replace_text(dumps(example_event(route), indent=2, ensure_ascii=False))
        self.workbench.go_dock("test")
