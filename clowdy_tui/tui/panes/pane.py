"""What every pane of the centre has in common: its head, its contents, and what stands there while it has none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.messages import PaneChose, PaneStale, Perform
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import Place, ScreenState
from clowdy_tui.tui.text import block, visible
from clowdy_tui.tui.widgets.page import Page
from clowdy_tui.tui.widgets.table import Table

if TYPE_CHECKING:
    from clowdy_tui.client import Clowdy

WIDE = 96
"""From so many cells on a pane has the class `-wide`."""

Line = Content | str
"""A line of a sentence or two; text is shown as it is."""


class ProjectPane(Vertical):
    """One tab of the centre about one project. Drawn from the state and from what `fetch` returned; no I/O but there.

    See the package's docstring for how one is written.
    """

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    def __init__(self, state: ScreenState, keymap: Keymap, place: Place) -> None:
        super().__init__(classes="project-pane")
        self.state = state
        self.keymap = keymap
        self.place = place
        """Its own: the kind and the project."""
        self.chosen = place
        """What its cursor is on."""
        self.kind = PANES[place.kind]
        self._has_data = type(self).fetch is ProjectPane.fetch
        self._ready = False
        self._came: list[Callable[[], None]] = []
        self._before: Widget | None = None
        for binding in keymap.local_bindings(place.kind):
            self._bindings.bind(binding.key, binding.action, binding.description, show=False)

    # what a kind says

    def compose_pane(self) -> Iterable[Widget]:
        """Its contents."""
        raise NotImplementedError

    @staticmethod
    async def fetch(client: Clowdy, place: Place) -> Any:
        """The pane's data, by a worker. Kinds that draw from the state alone leave this as it is.

        Raises:
            ApiError, GatewayGone: shown in the pane.
        """
        raise NotImplementedError

    def job(self) -> Callable[[Clowdy, Place], Awaitable[Any]]:
        """What is run to fetch its data: `fetch`, or that with what the pane was told to ask for."""
        return type(self).fetch

    def take(self, data: Any) -> None:
        """Draw what was fetched."""

    def redraw(self) -> None:
        """Draw what is in the state."""

    # what it can use

    def say(self, head: Line, *lines: Line) -> None:
        """Show this in place of the contents: that there is nothing, and what to press."""
        parts = [Content.styled(visible(head), "bold") if isinstance(head, str) else head, Content("")]
        parts += [Content.styled(block(line), "$muted") if isinstance(line, str) else line for line in lines]
        note = self.query_one(".pane-note", Static)
        note.update(Content("\n").join(parts))
        self._show_note(True)

    def say_nothing(self) -> None:
        """Show the contents again."""
        self._show_note(False)

    def tell_facts(self, *facts: Line) -> None:
        """What the head says at its right, in as few words as can be."""
        shown = [fact if isinstance(fact, Content) else Content.styled(visible(fact), "$muted") for fact in facts]
        self.query_one(".pane-facts", Static).update(Content.styled("  ·  ", "$line").join(shown))

    def key_line(self, action_id: str, what: str) -> Content:
        """A line for `say`: the action's key here, what it does; to be clicked, too."""
        key = self.keymap.way_to(action_id, self.place.kind)
        line = Content.assemble((key, "bold $accent"), (f"   {visible(what)}", "$foreground"))
        return line.stylize(Style.from_meta({"perform": action_id}))

    def chose(self, place: Place) -> None:
        """Its cursor is on this now."""
        if place != self.chosen:
            self.chosen = place
            self.post_message(PaneChose(self, place))

    def refetch(self) -> None:
        """Fetch the data anew."""
        self.post_message(PaneStale(self))

    def take_focus(self) -> None:
        """Give the focus to what had it in here, or to what should have it first."""
        before = self._before
        if before is not None and before.is_attached and before.focusable:
            before.focus()
        elif self.query(Table) and self.query_one(".pane-body").display:
            # What is above it stays in sight.
            self.query(Table).first().focus_rows(scroll=False)
        else:
            first = next((widget for widget in self.query("*") if widget.focusable), None)
            (first or self.query_one(".pane-blank")).focus()

    # what the others use

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other tabs."""
        return self.place.kind, self.place.project_id or self.place.function_id or ""

    @property
    def label(self) -> str:
        """What its tab reads."""
        project = self.state.projects.get(self.place.project_id or "")
        title = self.kind.title.lower()
        return f"{project.name} · {title}" if project else title

    @property
    def wants_data(self) -> bool:
        """Whether there is something to fetch for it."""
        return type(self).fetch is not ProjectPane.fetch

    def compose(self) -> ComposeResult:
        with Vertical(classes="pane-head"):
            yield Static(classes="pane-title", markup=False)
            yield Static(classes="pane-facts", markup=False)
        with Vertical(classes="pane-body"):
            yield from self.compose_pane()
        with Page(classes="pane-blank") as blank:
            blank.display = False
            yield Static(classes="pane-note", markup=False)

    def on_mount(self) -> None:
        self._ready = True
        self.draw_head()
        if self._has_data:
            self.redraw()
        else:
            self.say(Content.styled("◌ Loading …", "$muted"))
        for happened in self._came:
            happened()
        self._came.clear()

    def draw_head(self) -> None:
        """Write its title: the project may have been renamed."""
        project = self.state.projects.get(self.place.project_id or "")
        title = Content.styled(self.kind.title, "bold")
        if project is not None:
            title += Content.styled(f"  {visible(project.name)}", "$muted")
        self.query_one(".pane-title", Static).update(title)

    def receive(self, data: Any) -> None:
        """What was fetched for it."""
        if not self._ready:
            # Asked for while its widgets were still being made, and answered before they were.
            self._came.append(partial(self.receive, data))
            return
        first = not self._has_data
        self._has_data = True
        self._show_note(False)
        if first:
            self.redraw()
        self.take(data)

    def fail(self, problem: str) -> None:
        """Its data could not be had. What was there stays."""
        if not self._ready:
            self._came.append(partial(self.fail, problem))
            return
        if not self._has_data:
            head = Content.styled("✗ This could not be loaded", "bold $error")
            self.say(head, Content(block(problem)), "", self.key_line("app.reload", "tries again"))

    def draw(self) -> None:
        """The state has changed."""
        if not self._ready:
            return
        self.draw_head()
        if self._has_data:
            self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self.draw()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._before = event.widget

    def on_click(self, event: events.Click) -> None:
        if action_id := event.style.meta.get("perform"):
            event.stop()
            self.post_message(Perform(action_id))

    def _show_note(self, shown: bool) -> None:
        if shown == self.query_one(".pane-blank").display:
            return
        had_focus = self.has_focus_within
        self.query_one(".pane-blank").display = shown
        self.query_one(".pane-body").display = not shown
        if had_focus:
            self._before = None
            self.call_after_refresh(self.take_focus)
