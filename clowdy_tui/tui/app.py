"""The app: wiring. Keys, clicks and workers say what should be or what has happened; the handlers here act on it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on
from textual.message import Message
from textual.screen import Screen

from clowdy_tui.domain.errors import ClowdyError
from clowdy_tui.tui import messages
from clowdy_tui.tui.actions import Keymap, make_keymap, not_online
from clowdy_tui.tui.desk import Desk
from clowdy_tui.tui.frame import Frame
from clowdy_tui.tui.screens.workbench import Workbench
from clowdy_tui.tui.session import Connect, ScreenOptions, Session, SessionKeeper
from clowdy_tui.tui.state import Link, Place, ScreenState
from clowdy_tui.tui.widgets.console import TestConsole
from clowdy_tui.tui.widgets.editor import Document, EditorTabs
from clowdy_tui.tui.widgets.logs import LogPane

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy
    from clowdy_tui.tui.happenings import Happenings

Job = Callable[..., Coroutine[None, None, object]]
Flow = Callable[..., Coroutine[None, None, object]]


class ClowdyApp(Frame):
    """The full screen. Paints first; enters the session after that, in a task of its own, and leaves it at the end.

    What talks to the gateway, and what opens on a key, is imported when it is first used: the first frame waits for
    none of it.
    """

    def __init__(self, *, connect: Connect, themes: Sequence[Path], options: ScreenOptions | None = None) -> None:
        options = options or ScreenOptions()
        self.state: ScreenState = ScreenState()
        self.keymap: Keymap = make_keymap(options.keymap)
        super().__init__(themes=themes, options=options, problems=self.keymap.problems)
        for binding in self.keymap.bindings():
            self._bindings.bind(binding.key, binding.action, binding.description, show=False, priority=True)
        self._keeper = SessionKeeper(connect, entered=self._tell_entered, failed=self._tell_failed)
        self.workbench: Workbench = Workbench(self.state, self.keymap, ssh=options.ssh)
        self.desk = Desk(self.state, lambda: self.workbench.tabs)

    @cached_property
    def happenings(self) -> Happenings:
        """The ear at the gateway's door."""
        from clowdy_tui.tui.happenings import Happenings

        return Happenings(self)

    # the frame

    def get_default_screen(self) -> Screen[Any]:
        return self.workbench

    def on_mount(self) -> None:
        self.call_after_refresh(self._keeper.start)

    async def on_unmount(self) -> None:
        self.workers.cancel_all()
        await self._keeper.leave()

    # what is asked for

    def action_perform(self, action_id: str) -> None:
        # What was typed before this key may still wait in the focused widget's queue: a save must not overtake it.
        ask = messages.Perform(action_id)
        if self.focused is None or not self.focused.call_later(self.post_message, ask):
            self.post_message(ask)

    def action_hint_quit(self) -> None:
        self.tell(f"{self.keymap.key_of('app.quit')} quits")

    @on(messages.Perform)
    def _perform(self, event: messages.Perform) -> None:
        from clowdy_tui.tui.commands import COMMANDS

        obstacle = self.keymap.actions[event.action_id].obstacle(self.state)
        if obstacle:
            self.tell(obstacle, severity="warning")
        else:
            COMMANDS[event.action_id](self)

    def post_chosen(self, message: Message | None) -> None:
        """What was chosen in a palette."""
        if message is not None:
            self.post_message(message)

    def perform_chosen(self, action_id: str | None) -> None:
        """What was chosen after the leader."""
        if action_id is not None:
            self.post_message(messages.Perform(action_id))

    def start_flow(self, flow: Flow, *arguments: Any) -> None:
        """Run something that asks in dialogs."""

        # A function and not a coroutine: one that never begins, because the app ends, must not be left unawaited.
        begin: Callable[[], Any] = partial(flow, self, *arguments)
        self.run_worker(begin, group="flow", exit_on_error=False)

    def start_work(self, job: Job, *arguments: Any, group: str = "work", **named: Any) -> None:
        """Run something at the gateway; of the group `load` only the newest counts."""
        begin: Callable[[], Any] = partial(job, self.client, self.post_message, *arguments, **named)
        self.run_worker(begin, group=group, exclusive=group == "load", exit_on_error=False)

    # the session

    @property
    def client(self) -> Clowdy:
        """The gateway's client.

        Raises:
            GatewayGone: there is no session.
        """
        from clowdy_tui.client import GatewayGone

        if self.state.session is None:
            raise GatewayGone("There is no gateway.")
        return self.state.session.client

    def connect_again(self) -> None:
        self.state.link, self.state.problem = Link.CONNECTING, ""
        self.workbench.redraw()
        self._keeper.start()

    def _tell_entered(self, session: Session) -> None:
        self.post_message(messages.SessionEntered(session))

    def _tell_failed(self, error: Exception) -> None:
        from clowdy_tui.client import GatewayGone

        if isinstance(error, ClowdyError | GatewayGone):
            self.post_message(messages.SessionFailed(str(error)))
        else:
            self.log.error(error)
            self.post_message(messages.SessionFailed(f"{type(error).__name__}: {error}"))

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
        logs = self.workbench.dock.logs
        logs.set_function_names({function.id: function.name for function in self.state.functions.values()})
        if first:
            logs.prime(event.snapshot.calls)
            if self.state.region == "tree":
                self.workbench.go("tree")
        self.happenings.compare_open_files()

    @on(messages.Failed)
    def _tell_failure(self, event: messages.Failed) -> None:
        self.tell(event.title, event.problem, severity="error")

    @on(messages.GatewayEvent)
    def _take_event(self, event: messages.GatewayEvent) -> None:
        self.happenings.take(event.event)

    # what came of it

    @on(messages.ProjectFetched)
    def _take_project(self, event: messages.ProjectFetched) -> None:
        self.state.projects[event.project.id] = event.project
        self.workbench.redraw(tree=True)

    @on(messages.FunctionFetched)
    def _take_function(self, event: messages.FunctionFetched) -> None:
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

    # the tree

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
        elif place.function_id is not None:
            self.open_function(place.function_id)

    @on(messages.Reveal)
    def _reveal(self, event: messages.Reveal) -> None:
        self.workbench.project_tree.reveal(event.place)

    # open files

    def open_function(self, function_id: str) -> None:
        """Open a function's file, and make it the one that the dock tests."""
        if function := self.state.functions.get(function_id):
            self.desk.open(function)
            self.workbench.show_editor(True)
            self.workbench.go("editor")

    @on(EditorTabs.ActiveChanged)
    def _change_active(self) -> None:
        self.desk.note_active()
        function = self.state.functions.get(self.state.open_function or "")
        self.workbench.dock.test.set_function(function.id if function else None, function.name if function else "")
        if function is None:
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
        self.workbench.redraw(tree=True)

    # calls

    def run_target(self) -> None:
        """Call the function that is meant, with the input that the dock holds for it."""
        if function := self.state.target:
            self.workbench.dock.show("test")
            self.workbench.dock.test.set_function(function.id, function.name)
            self.workbench.dock.test.request_run()

    @on(TestConsole.RunRequested)
    def _run(self, event: TestConsole.RunRequested) -> None:
        from clowdy_tui.tui import work

        obstacle = self.keymap.actions["function.run"].obstacle(self.state)
        if obstacle:
            self.tell(obstacle, severity="warning")
            return
        self.state.running.add(event.function_id)
        self.workbench.dock.test.show_running()
        self.workbench.redraw(tree=True)
        self.start_work(work.run, event.function_id, event.value)
        if event.function_id in self.state.unsaved:
            function = self.state.functions[event.function_id]
            self.tell(f"Runs version {function.active_version}, as it was saved",
                      "What you typed since then is not in it; ctrl+s saves it.", severity="warning")  # fmt: skip

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
        from clowdy_tui.tui import work

        if obstacle := not_online(self.state):
            self.tell(obstacle, severity="warning")
        else:
            self.start_work(work.fetch_call, event.invocation_id)

    @on(messages.CallFetched)
    def _take_call(self, event: messages.CallFetched) -> None:
        from clowdy_tui.tui.screens.invocation import InvocationDialog

        function = self.state.functions.get(event.call.function_id)
        self.push_screen(InvocationDialog(event.call, function.name if function else "a deleted function"))

    # the end

    def end(self, *, detach: bool = False) -> None:
        """Leave the screen; with `detach` the gateway goes on in the background."""
        if detach:
            self._keeper.detach_on_leaving()
        self.exit()
