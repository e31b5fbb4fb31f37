"""The log pane: what the functions print, as they print it, and how each call ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from clowdy_tui.tui.text import count, shorten, visible
from clowdy_tui.tui.widgets.log_buffer import CAPACITY, Change, Filter, LogBuffer
from clowdy_tui.tui.widgets.log_view import LogView

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import EventOut, InvocationOut

BATCH_S: Final = 0.06
"""How long events are gathered before the screen changes."""

MAX_PENDING: Final = 4_096
"""Events that wait for the next batch before the oldest of them are taken in at once."""


class LogPane(Widget):
    """Lines of `invocation.*` events, newest last; others are passed over. No timer runs while nothing happens.

    `ssh`: no blinking cursor.
    """

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", show=False),
        Binding("exclamation_mark", "filter('!')", "Filter out", show=False),
        Binding("w", "wrap", "Wrap", show=False),
        Binding("f", "toggle_follow", "Follow", show=False),
        Binding("ctrl+l", "clear", "Clear", show=False),
        Binding("escape", "clear_filter", "Show all", show=False),
    ]

    @dataclass
    class InvocationChosen(Message):
        """Somebody wants to see one call whole."""

        invocation_id: str
        function_id: str

    def __init__(
        self,
        *,
        ssh: bool = False,
        capacity: int = CAPACITY,
        id: str | None = None,  # noqa: A002 - Textual's own word
    ) -> None:
        super().__init__(id=id)
        self._blink = not ssh
        self.buffer = LogBuffer(capacity)
        self._pending: list[tuple[EventOut, datetime]] = []
        self._timer: Timer | None = None
        self._function: tuple[str, str] | None = None
        self._ready = False

    def compose(self) -> ComposeResult:
        """A head of one line, the lines, and what stands there while there are none."""
        with Horizontal(id="head"):
            yield Static(id="scope", markup=False)
            yield Input(placeholder="text, or !text for all but those", compact=True, id="filter")
            yield Static(id="state", markup=False)
        yield LogView(self.buffer)
        yield Static(id="none", markup=False)

    def on_mount(self) -> None:
        """Show what came before there was a screen."""
        self._ready = True
        field = self.query_one("#filter", Input)
        field.display = False
        field.cursor_blink = self._blink
        self._taken(Change(anew=True))
        if self._pending:
            self._schedule()

    @property
    def view(self) -> LogView:
        """The lines."""
        return self.query_one(LogView)

    @property
    def following(self) -> bool:
        """Whether new lines come into sight by themselves."""
        return self.view.following

    # What comes in.

    def append_event(self, event: EventOut) -> None:
        """Take in an event; shown with the next batch."""
        if not event.type.startswith("invocation."):
            return
        self._pending.append((event, datetime.now().astimezone()))
        if self._ready:
            if len(self._pending) >= MAX_PENDING:
                self._flush()
            else:
                self._schedule()
        elif len(self._pending) > MAX_PENDING:
            self.buffer.apply(self._pending)
            self._pending = []

    def prime(self, invocations: Iterable[InvocationOut]) -> None:
        """Headers of calls from before the screen was there."""
        change = self.buffer.prime(invocations)
        if self._ready:
            self._taken(change)

    def set_function_names(self, names: Mapping[str, str]) -> None:
        """Function id → name, for calls whose events do not say."""
        self.buffer.set_names(names)
        if self._ready:
            self.view.refresh()

    def show_function(self, function_id: str | None, name: str = "") -> None:
        """Only this function's calls; None: all."""
        self._function = (function_id, name) if function_id else None
        self._refilter()

    def _schedule(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(BATCH_S, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        pending, self._pending = self._pending, []
        if pending:
            self._taken(self.buffer.apply(pending))

    def _taken(self, change: Change) -> None:
        self.view.changed(change)
        self._draw()

    # What is shown.

    def _draw(self) -> None:
        view = self.view
        some = bool(self.buffer.shown)
        view.display = some
        none = self.query_one("#none", Static)
        none.display = not some
        if not some:
            if self.buffer.lines:
                none.update("Nothing here passes the filter.\n\nEsc shows all lines again.")
            else:
                none.update("No calls yet.\n\nPress F5 to run the open function, or curl one of its routes.")
        self._draw_head()

    def _draw_head(self) -> None:
        view = self.view
        wanted = self.buffer.filter
        scope = Content.styled(shorten(visible(self._function[1]), 24) if self._function else "All functions", "bold")
        if wanted.text and not self.query_one("#filter").display:
            said = f"  {'without' if wanted.inverse else 'with'} “{shorten(visible(wanted.text), 24)}”"
            scope += Content.styled(said, "$warning")
        self.query_one("#scope", Static).update(scope)
        lines = count(len(self.buffer.shown), "line")
        parts = [
            Content.styled(lines, "$muted"),
            Content.styled("wrap" if view.wrap else "no wrap", "$muted").stylize(Style.from_meta({"log": "wrap"})),
        ]
        if self.size.width < 60:
            del parts[0]
        if view.following:
            badge = Content.styled(" FOLLOW ", "bold $on-accent on $accent")
        elif view.unseen:
            badge = Content.styled(f" {view.unseen:,} new below ↓ ", "bold $background on $warning")
        else:
            badge = Content.styled(" PAUSED · End follows ", "$muted on $panel")
        parts.append(badge.stylize(Style.from_meta({"log": "follow"})))
        self.query_one("#state", Static).update(Content("  ").join(parts))

    def on_resize(self) -> None:
        """Say as much as fits."""
        self._draw_head()

    def _refilter(self) -> None:
        typed = self.query_one("#filter", Input).value if self._ready else ""
        self.buffer.set_filter(Filter.parse(typed, [self._function[0]] if self._function else []))
        if self._ready:
            self.view.rebuild()
            self._draw()

    # Keys and clicks.

    def on_click(self, event: events.Click) -> None:
        """The words in the head can be clicked."""
        match event.style.meta.get("log"):
            case "wrap":
                self.action_wrap()
            case "follow":
                self.action_toggle_follow()
            case _:
                return
        event.stop()

    def action_filter(self, begin: str = "") -> None:
        """Type a filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        if begin and not field.value.startswith(begin):
            field.value = begin + field.value
        field.focus()
        field.cursor_position = len(field.value)
        self._draw_head()

    def action_clear_filter(self) -> None:
        """Show all lines again."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self._refilter()
        self.view.focus()

    def action_wrap(self) -> None:
        """Cut long lines, or let them go on."""
        self.view.wrap = not self.view.wrap
        self._draw_head()

    def action_toggle_follow(self) -> None:
        """Follow the end, or stay."""
        if self.view.following:
            self.view.following = False
        else:
            self.view.action_follow()

    def action_clear(self) -> None:
        """Forget the lines that are here; nothing is deleted at the gateway."""
        self.buffer.clear()
        self.view.rebuild()
        self._draw()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        event.stop()
        self._refilter()

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        event.input.display = False
        self.view.focus()
        self._draw_head()

    @on(LogView.FollowChanged)
    def _follow_changed(self, event: LogView.FollowChanged) -> None:
        event.stop()
        self._draw_head()

    @on(LogView.Chosen)
    def _call_chosen(self, event: LogView.Chosen) -> None:
        event.stop()
        self.post_message(self.InvocationChosen(event.invocation_id, event.function_id))
