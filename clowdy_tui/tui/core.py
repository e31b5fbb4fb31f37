"""What all handlers of the app stand on: the state, the panes, the session, and the ways to start something.

The handlers lie in `handlers/`, one file a subject; the app is all of them together.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import events
from textual.message import Message
from textual.screen import Screen
from textual.worker import get_current_worker

from clowdy_tui.domain.errors import ClowdyError
from clowdy_tui.tui import messages
from clowdy_tui.tui.desk import Desk
from clowdy_tui.tui.frame import Frame
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.screens.workbench import Workbench
from clowdy_tui.tui.session import Connect, ScreenOptions, Session, SessionKeeper
from clowdy_tui.tui.state import ENTRY_PATH, Link, ScreenState
from clowdy_tui.tui.typed_ahead import TypedAhead
from clowdy_tui.tui.wishes import make_keymap

if TYPE_CHECKING:
    from textual.timer import Timer

    from clowdy_tui.client import Clowdy
    from clowdy_tui.tui.happenings import Happenings
    from clowdy_tui.tui.panes.keeper import PaneKeeper

Job = Callable[..., Coroutine[None, None, object]]
Flow = Callable[..., Coroutine[None, None, object]]


class Core(Frame):
    """Paints first; enters the session after that, in a task of its own, and leaves it at the end.

    What talks to the gateway, and what opens on a key, is imported when it is first used: the first frame waits for
    none of it.
    """

    def __init__(self, *, connect: Connect, themes: Sequence[Path], options: ScreenOptions | None = None) -> None:
        options = options or ScreenOptions()
        self.state: ScreenState = ScreenState()
        self.keymap: Keymap = make_keymap(options.keymap)
        self.lists_problems = self.keymap.say("All of them: at the end of the help ({app.help}), and by clowdy doctor")
        super().__init__(themes=themes, options=options, problems=self.keymap.problems)
        self.set_keymap(self.keymap.changed())
        for binding in self.keymap.bindings():
            self._bindings.bind(binding.key, binding.action, binding.description, show=False, priority=True)
        self._keeper = SessionKeeper(connect, entered=self._tell_entered, failed=self._tell_failed)
        self.workbench: Workbench = Workbench(self.state, self.keymap, ssh=options.ssh)
        self.desk = Desk(self.state, lambda: self.workbench.tabs)
        self._typed_ahead = TypedAhead(self, super().on_event)

    @cached_property
    def happenings(self) -> Happenings:
        """The ear at the gateway's door."""
        from clowdy_tui.tui.happenings import Happenings

        return Happenings(self)

    @cached_property
    def panes(self) -> PaneKeeper:
        """What is open in the centre beside the files."""
        from clowdy_tui.tui.panes.keeper import PaneKeeper

        return PaneKeeper(self)

    def get_default_screen(self) -> Screen[Any]:
        return self.workbench

    async def on_unmount(self) -> None:
        self.workers.cancel_all()
        await self._keeper.leave()

    async def on_event(self, event: events.Event) -> None:
        # What comes back from a widget that had no use for it has had its turn.
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self._typed_ahead.take(event)
        else:
            await super().on_event(event)

    def push_screen(self, *arguments: Any, **named: Any) -> Any:
        if named.get("wait_for_dismiss"):
            self._typed_ahead.asks(get_current_worker(), arguments[0])
        return super().push_screen(*arguments, **named)

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

    def after(self, wait_s: float, callback: Callable[[], object]) -> Timer:
        """Call something later, unless the screen is being taken down by then: its panes go one by one."""
        return self.set_timer(wait_s, lambda: callback() if self.is_running else None)

    def start_flow(self, flow: Flow, *arguments: Any) -> None:
        """Run something that asks in dialogs: what is typed before one is there waits for it."""
        self._begin_flow("flow", flow, *arguments)

    def start_errand(self, flow: Flow, *arguments: Any) -> None:
        """Run something that takes more than one step, and as a rule asks nothing."""
        self._begin_flow("errand", flow, *arguments)

    def _begin_flow(self, group: str, flow: Flow, *arguments: Any) -> None:
        # A function and not a coroutine: one that never begins, because the app ends, must not be left unawaited.
        begin: Callable[[], Any] = partial(flow, self, *arguments)
        self.run_worker(begin, group=group, exit_on_error=False)

    def start_work(self, job: Job, *arguments: Any, group: str = "work", **named: Any) -> None:
        """Run something at the gateway; of the group `load` only the newest counts."""
        begin: Callable[[], Any] = partial(job, self.client, self.post_message, *arguments, **named)
        self.run_worker(begin, group=group, exclusive=group == "load", exit_on_error=False)

    def post_chosen(self, message: Message | None) -> None:
        """What was chosen in a palette."""
        if message is not None:
            self.post_message(message)

    def perform_chosen(self, action_id: str | None) -> None:
        """What was chosen after the leader."""
        if action_id is not None:
            self.post_message(messages.Perform(action_id))

    def open_function(self, function_id: str, path: str = ENTRY_PATH) -> None:
        """Open a function's file, and make the function the one that the dock tests."""
        if function := self.state.functions.get(function_id):
            self.desk.open(function, path)
            self.workbench.show_editor(True)
            self.workbench.go("editor")

    def end(self, *, detach: bool = False) -> None:
        """Leave the screen; with `detach` the gateway goes on in the background."""
        if detach:
            self._keeper.detach_on_leaving()
        self.exit()
