"""What the gateway is, what it holds and what it tells."""

from __future__ import annotations

from textual import on

from clowdy_tui.tui import messages
from clowdy_tui.tui.core import Core
from clowdy_tui.tui.state import Link, Place
from clowdy_tui.tui.widgets.dock import Dock


class SessionHandlers(Core):
    """The session with the gateway: entered and lost, what it tells, what was fetched from it."""

    @on(Dock.Complete)
    def _begin_session(self) -> None:
        self._keeper.start()

    @on(messages.SessionEntered)
    def _enter_session(self, event: messages.SessionEntered) -> None:
        self.state.session, self.state.link = event.session, Link.LOADING
        self.workbench.redraw()
        if event.session.note:
            self.tell("Note", event.session.note, severity="warning")
        from clowdy_tui.tui import work

        # The events first: what happens while the rest is fetched is then not missed. Their `hello` fetches it.
        self.start_work(work.follow, group="events")

    @on(messages.SessionFailed)
    def _fail_session(self, event: messages.SessionFailed) -> None:
        self.state.session, self.state.link, self.state.problem = None, Link.FAILED, event.problem
        self.workbench.go("editor")
        self.workbench.redraw()

    @on(messages.Loaded)
    def _take_snapshot(self, event: messages.Loaded) -> None:
        first = not self.state.projects and not self.state.functions
        self.state.take(event.snapshot)
        self.workbench.redraw(tree=True)
        logs, history = self.workbench.dock.logs, self.workbench.dock.history
        names = {function.id: function.name for function in self.state.functions.values()}
        logs.set_function_names(names)
        history.set_function_names(names)
        history.reload()
        logs.prime(event.snapshot.calls)
        if first and self.state.region == "tree":
            self.workbench.go("tree")
        self.happenings.compare_open_files()
        self.panes.close_gone()
        self.panes.fetch_all()

    @on(messages.Failed)
    def _tell_failure(self, event: messages.Failed) -> None:
        self.tell(event.title, event.problem, severity="error")

    @on(messages.Done)
    def _tell_done(self, event: messages.Done) -> None:
        self.tell(event.title, event.text)

    @on(messages.GatewayEvent)
    def _take_event(self, event: messages.GatewayEvent) -> None:
        # Its panes go one by one when the screen is taken down.
        if self.is_running:
            self.happenings.take(event.event)
            self.panes.hear(event.event)

    @on(messages.ProjectFetched)
    def _take_project(self, event: messages.ProjectFetched) -> None:
        self.state.projects[event.project.id] = event.project
        self.workbench.redraw(tree=True)

    @on(messages.FunctionFetched)
    def _take_function(self, event: messages.FunctionFetched) -> None:
        known = self.state.functions.get(event.function.id)
        # Of two answers that are on their way the older one may come last.
        if known is None or known.updated_at <= event.function.updated_at:
            self.state.functions[event.function.id] = event.function
        self.workbench.redraw(tree=True)
        if event.open:
            self.open_function(event.function.id)
            self.workbench.project_tree.reveal(Place("function", event.function.project_id, event.function.id))
        else:
            self.happenings.compare_open_files(event.function.id)

    @on(messages.RoutesFetched)
    def _take_routes(self, event: messages.RoutesFetched) -> None:
        if event.project_id in self.state.projects:
            self.state.routes[event.project_id] = event.routes
            self.workbench.redraw(tree=True)

    @on(messages.HealthFetched)
    def _take_health(self, event: messages.HealthFetched) -> None:
        self.state.health, self.state.warm = event.health, event.warm
        self.workbench.refresh_bars()

    @on(messages.Gone)
    def _forget(self, event: messages.Gone) -> None:
        gone = [event.function_id] if event.function_id else []
        if event.project_id is not None:
            gone += self.state.forget_project(event.project_id)
        self.state.forget_functions(gone)
        for document in self.desk.close_clean(gone):
            self.tell(f"{document.name} was deleted", "What you typed stays open; saving makes a new function of it.",
                      severity="warning")  # fmt: skip
        self.desk.note_unsaved()
        self.panes.close_gone()
        self.workbench.redraw(tree=True)
