"""The dock below the editor: test console, logs and history, one of them shown, named in its border."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ClassVar, Final, Literal, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.widget import Widget

from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.widgets.console import TestConsole
from clowdy_tui.tui.widgets.history import HistoryPane
from clowdy_tui.tui.widgets.logs import LogPane

Pane = TypeVar("Pane", bound=Widget)
DockTab = Literal["test", "logs", "history"]
TABS: Final[tuple[tuple[DockTab, str], ...]] = (("test", "Test"), ("logs", "Logs"), ("history", "History"))


class Dock(Vertical):
    """Three panes in one place. The tabs in its border can be clicked. `keys`: what else a tab's keys are to do."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    class Complete(Message):
        """Log and history are there, too: what a gateway tells has a place from now on."""

    def __init__(
        self,
        *,
        run_key: str,
        keys: Callable[[str], Iterable[Binding]] = lambda _tab: (),
        ssh: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's own word
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._run_key = run_key
        self._keys = keys
        self._ssh = ssh
        self._shown: DockTab = "test"
        self._wants_focus = False
        self._complete = False

    def compose(self) -> ComposeResult:
        yield self._keyed(TestConsole(ssh=self._ssh, run_key=self._run_key, id="test"))

    def on_mount(self) -> None:
        self._draw_tabs()
        # What the first frame does not show comes after it.
        self.call_after_refresh(self._add_others)

    async def _add_others(self) -> None:
        others = LogPane(ssh=self._ssh, id="logs"), HistoryPane(ssh=self._ssh, id="history")
        for other in others:
            self._keyed(other).display = False
        await self.mount(*others)
        self._complete = True
        self.show(self._shown)
        if self._wants_focus:
            self.focus_shown()
        self.post_message(self.Complete())

    def _keyed(self, pane: Pane) -> Pane:
        for binding in self._keys(pane.id or ""):
            pane._bindings.bind(binding.key, binding.action, binding.description, show=False)
        return pane

    @property
    def test(self) -> TestConsole:
        return self.query_one("#test", TestConsole)

    @property
    def logs(self) -> LogPane:
        return self.query_one("#logs", LogPane)

    @property
    def history(self) -> HistoryPane:
        return self.query_one("#history", HistoryPane)

    @property
    def shown(self) -> DockTab:
        """The tab in front."""
        return self._shown

    def show(self, tab: DockTab) -> None:
        """Bring a tab to the front."""
        self._shown = tab
        self._draw_tabs()
        if self._complete:
            for other, _ in TABS:
                self.query_one(f"#{other}").display = other == tab
            self.history.load()

    def set_function(self, function_id: str | None, name: str = "") -> None:
        """The function that is tested, and whose calls the history has; None: none."""
        self.test.set_function(function_id, name)
        self.history.set_function(function_id, name)

    def places(self) -> list[tuple[DockTab, int]]:
        """Its tabs, with the cell of its border in which each begins."""
        starts, start = [], 2
        for tab, label in TABS:
            starts.append((tab, start))
            start += len(label) + 3
        return starts

    def focus_shown(self) -> None:
        """Give the tab in front the focus: its lines, or its input."""
        self._wants_focus = not self._complete
        if self._complete:
            target = {"test": self.test.entrance, "logs": self.logs.view, "history": self.history.view}[self.shown]
            target.focus()

    def on_click(self, event: events.Click) -> None:
        if action_id := event.style.meta.get("perform"):
            event.stop()
            self.post_message(Perform(action_id))

    def _draw_tabs(self) -> None:
        tabs = []
        for tab, label in TABS:
            style = "bold underline $accent" if tab == self.shown else "not bold $muted"
            content = Content.styled(label, style)
            tabs.append(content.stylize(Style.from_meta({"perform": f"pane.{tab}"})))
        self.border_title = Content.styled(" │ ", "not bold $line").join(tabs)
