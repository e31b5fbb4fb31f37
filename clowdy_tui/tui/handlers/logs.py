"""The log pane's wishes: older calls, the newest ones, a file."""

from __future__ import annotations

from textual import on

from clowdy_tui.tui import log_messages
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.obstacles import not_online
from clowdy_tui.tui.widgets.logs import LogPane


class LogHandlers(Core):
    """From a key in the log to what the gateway keeps of it."""

    @on(LogPane.OlderWanted)
    def _fetch_older(self, event: LogPane.OlderWanted) -> None:
        from clowdy_tui.tui import log_work

        if not_online(self.state):
            self.workbench.dock.logs.take_older(event.ask, None)
        else:
            self.start_work(log_work.fetch_older, event.ask)

    @on(log_messages.OlderFetched)
    def _take_older(self, event: log_messages.OlderFetched) -> None:
        self.workbench.dock.logs.take_older(event.ask, event.calls)

    @on(LogPane.NewestWanted)
    def _fetch_newest(self) -> None:
        from clowdy_tui.tui import log_work

        if not not_online(self.state):
            self.start_work(log_work.fetch_newest)

    @on(log_messages.NewestFetched)
    def _take_newest(self, event: log_messages.NewestFetched) -> None:
        self.workbench.dock.logs.prime(event.calls)

    @on(LogPane.SaveWanted)
    def _save_log(self, event: LogPane.SaveWanted) -> None:
        from clowdy_tui.tui.screens.save_log import SaveLog

        if event.lines:
            self.push_screen(SaveLog(event.lines), self._tell_saved)
        else:
            self.tell("There is nothing to save: no line is shown", severity="warning")

    def _tell_saved(self, saved: str | None) -> None:
        if saved is not None:
            self.tell("Log saved", saved)
