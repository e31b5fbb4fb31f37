"""What the app's handlers do with panes: open and close them, have their data fetched, keep them true."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from clowdy_tui.domain.schemas import EventOut
from clowdy_tui.tui import work
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.panes.pane import ProjectPane
from clowdy_tui.tui.state import Link, Place

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core

Key = tuple[str, str]


class PaneKeeper:
    """One per app. Of one pane only one fetch runs at a time; what becomes stale meanwhile is fetched once more."""

    def __init__(self, app: Core) -> None:
        self._app = app
        self._fetching: set[Key] = set()
        self._again: set[Key] = set()
        self._began: dict[Key, float] = {}

    def open(self, place: Place, *, focus: bool = True) -> None:
        """Bring the pane of a place to the front, made where it is not open."""
        app = self._app
        pane = PANES[place.kind].load()(app.state, app.keymap, place)
        known = self._find(pane.key)
        app.workbench.show_editor(True)
        if focus:
            app.workbench.uncover("editor")
        app.workbench.tabs.open_pane(known or pane, focus=focus)
        if known is None:
            self.fetch(pane)

    def fetch(self, pane: ProjectPane) -> None:
        """Have its data fetched, where it has any."""
        if not pane.wants_data or self._app.state.link is not Link.ONLINE:
            return
        if pane.key in self._fetching:
            self._again.add(pane.key)
            return
        self._fetching.add(pane.key)
        self._again.discard(pane.key)
        self._began[pane.key] = monotonic()
        self._app.start_work(work.fetch_pane, pane.job(), pane.key, pane.place)

    def fetch_all(self) -> None:
        """Have everything fetched anew that is open."""
        for pane in self._app.workbench.tabs.panes:
            self.fetch(pane)

    def take(self, key: Key, data: Any, problem: str | None) -> None:
        """What was fetched for a pane, or why it could not be."""
        self._fetching.discard(key)
        pane = self._find(key)
        if pane is None:
            self._again.discard(key)
            return
        if problem is None:
            pane.receive(data)
        else:
            pane.fail(problem)
        if key in self._again:
            # No timer runs for it: it became stale while it was fetched.
            self._again.discard(key)
            self._fetch_soon(pane)

    def _fetch_soon(self, pane: ProjectPane) -> None:
        """Fetch it when it may be, if it is in front; else when it comes there."""
        key = pane.key
        wait = self._began.get(key, 0.0) + pane.kind.every_s - monotonic()
        if pane is not self._app.workbench.tabs.pane or key in self._fetching:
            self._again.add(key)
        elif wait <= 0:
            self.fetch(pane)
        elif key not in self._again:
            self._again.add(key)
            self._app.after(wait, lambda: self._fetch_again(key))

    def _fetch_again(self, key: Key) -> None:
        pane = self._find(key)
        if pane is not None and key in self._again:
            self._again.discard(key)
            self._fetch_soon(pane)

    def hear(self, event: EventOut) -> None:
        """Something happened: what it makes stale is fetched anew."""
        project_id = event.data.get("project_id")
        for pane in self._app.workbench.tabs.panes:
            about = pane.place.project_id
            if event.type in pane.kind.events and (about is None or project_id in (None, about)):
                self._fetch_soon(pane)

    def note_active(self) -> None:
        """Tell the state which pane is in front, and what is chosen in it."""
        state, pane = self._app.state, self._app.workbench.tabs.pane
        state.pane_kind, state.pane = (pane.place.kind, pane.chosen) if pane else ("", Place())
        self._app.workbench.make_room(bool(pane and pane.kind.roomy))
        if pane is not None:
            self._fetch_again(pane.key)
        state.open_count = len(self._app.workbench.tabs.documents) + len(self._app.workbench.tabs.panes)

    def close_gone(self) -> None:
        """Close the panes of projects that are no more."""
        for pane in self._app.workbench.tabs.panes:
            if pane.place.project_id is not None and pane.place.project_id not in self._app.state.projects:
                self._app.workbench.tabs.close_pane(pane)

    def _find(self, key: Key) -> ProjectPane | None:
        return next((pane for pane in self._app.workbench.tabs.panes if pane.key == key), None)
