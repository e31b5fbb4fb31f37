"""What happens in the project tree."""

from __future__ import annotations

from textual import on

from clowdy_tui.tui import messages
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import ENTRY_PATH


class TreeHandlers(Core):
    """The cursor in the project tree, and what is chosen there."""

    @on(messages.PlaceChanged)
    def _change_place(self, event: messages.PlaceChanged) -> None:
        if event.place != self.state.place:
            self.state.place = event.place
            self.workbench.redraw()

    @on(messages.PlaceChosen)
    def _choose_place(self, event: messages.PlaceChosen) -> None:
        place = event.place
        if place.kind == "hint":
            adds = "project.new" if place.project_id is None else "route.new" if place.route_id else "function.new"
            self.post_message(messages.Perform(adds))
        elif place.kind in PANES:
            self.panes.open(place)
        elif place.function_id is not None:
            self.open_function(place.function_id, place.path or ENTRY_PATH)

    @on(messages.Reveal)
    def _reveal(self, event: messages.Reveal) -> None:
        self.workbench.project_tree.reveal(event.place)
