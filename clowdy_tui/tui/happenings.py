"""What the gateway says has happened, turned into changes of the screen, or into what has to be fetched for them."""

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from clowdy_tui.domain import events
from clowdy_tui.domain.schemas import EventOut, ProjectOut
from clowdy_tui.tui import messages, work
from clowdy_tui.tui.state import Link

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core

LATELY_S: Final = 5.0
"""So long after one of its tools ran a new version is taken for the assistant's."""

HELLO = "hello"
LOST = "connection.lost"
RESTORED = "connection.restored"


class Happenings:
    """The app's ear at the gateway's door. Runs in the app's own handlers."""

    def __init__(self, app: "Core") -> None:
        self._app = app
        self._told: dict[str, int] = {}
        """By function: the version of somebody else's that was told of, where the open file could not follow."""

    def take(self, event: EventOut) -> None:
        """One event, from the gateway or about the connection to it."""
        app, data = self._app, event.data
        match event.type:
            case events.INVOCATION_STARTED | events.INVOCATION_LOG | events.INVOCATION_FINISHED:
                app.workbench.dock.logs.append_event(event)
                if event.type == events.INVOCATION_FINISHED:
                    app.workbench.dock.history.note_call(str(data.get("function_id", "")))
            case events.POOL_CHANGED:
                app.state.warm = int(data.get("busy", 0)) + int(data.get("idle", 0))
                app.workbench.refresh_bars()
            case events.DRIVER_CHANGED | events.STORE_CHANGED:
                app.start_work(work.fetch_health)
            case events.PROJECT_CREATED | events.PROJECT_UPDATED:
                app.post_message(messages.ProjectFetched(ProjectOut.model_validate(data["project"])))
            case events.DATABASE_READY | events.DATABASE_REMOVED:
                app.start_work(work.fetch_project, data["project_id"])
                if event.type == events.DATABASE_READY:
                    self._tell_end("database", "The database is ready", data)
            case events.DATABASE_FAILED:
                self._tell_end("database", "The database could not be made", data)
            case events.PACKAGES_READY:
                self._tell_end("packages", "The packages are ready", data)
            case events.PACKAGES_FAILED:
                if data.get("stopped"):
                    self._tell_end("packages", "The build of the packages was stopped", {**data, "error": ""})
                else:
                    self._tell_end("packages", "The packages could not be built", data)
            case events.PROJECT_DELETED:
                app.post_message(messages.Gone(project_id=data["project_id"]))
            case events.FUNCTION_DELETED:
                app.post_message(messages.Gone(function_id=data["function_id"]))
            case events.FUNCTION_CREATED | events.FUNCTION_UPDATED | events.VERSION_CREATED | events.VERSION_ACTIVATED:
                app.start_work(work.fetch_function, data["function_id"])
            case events.ROUTE_CREATED | events.ROUTE_UPDATED | events.ROUTE_DELETED:
                app.start_work(work.fetch_routes, data["project_id"])
            case _ if event.type in (HELLO, events.GAP):
                log = app.workbench.dock.logs.buffer
                if event.type == events.GAP:
                    log.note_gap()
                app.start_work(work.load, work.MISSED_CALLS if log.has_gap else work.RECENT_CALLS, group="load")
            case _ if event.type == LOST:
                self._lose(str(data.get("detail", "")))
            case _ if event.type == RESTORED:
                self._app.tell("The gateway is back")

    def _tell_end(self, kind: str, what: str, data: Mapping[str, Any]) -> None:
        """How something ended that takes a while, to somebody who may have gone on to other things."""
        app, project = self._app, self._app.state.projects.get(str(data["project_id"]))
        pane = app.workbench.tabs.pane
        if project is None or (pane is not None and pane.key == (kind, project.id)):
            return
        error = str(data.get("error") or "")
        detail = f"{project.name}: {error}" if error else project.name
        app.tell(what, detail, severity="error" if error else "information")

    def _lose(self, detail: str) -> None:
        state = self._app.state
        if state.link is not Link.LOST:
            self._app.workbench.dock.logs.buffer.note_gap()
            self._app.tell("The connection to the gateway is lost",
                           "What you typed stays. It is tried again by itself.", severity="warning")  # fmt: skip
        state.link, state.problem = Link.LOST, detail
        state.running.clear()
        self._app.workbench.redraw()

    def compare_open_files(self, function_id: str | None = None) -> None:
        """Bring open files up to date with what is known, and say which could not be, for they have changes."""
        app = self._app
        for id_ in [function_id] if function_id else list(app.state.functions):
            function = app.state.functions.get(id_)
            # While a save is under way its own answer decides: the event of it may come first.
            if function is None or id_ in app.state.saving:
                continue
            known = {document.key: document.version for document in app.desk.documents_of(id_)}
            behind = app.desk.take(function)
            if behind and self._told.get(id_) == function.active_version:
                # A save is more than one event.
                continue
            if behind:
                self._told[id_] = function.active_version
                app.tell(f"{function.name} was saved elsewhere",
                         f"Version {function.active_version} is there; yours is based on {behind[0].version}. "
                         "Saving shows the difference first.", severity="warning")  # fmt: skip
            elif any(version < function.active_version for version in known.values()):
                by_assistant = monotonic() - app.state.assistant_at < LATELY_S
                app.tell(f"{function.name} is now version {function.active_version}",
                         "Saved by the assistant" if by_assistant else "Saved elsewhere")  # fmt: skip
