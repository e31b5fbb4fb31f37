"""The log pane: what the functions print, as they print it, and how each call ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from clowdy_tui.tui.binding import bind, say
from clowdy_tui.tui.widgets.literal_input import LiteralInput
from clowdy_tui.tui.widgets.log_buffer import CAPACITY, Change, LogBuffer
from clowdy_tui.tui.widgets.log_call import plain
from clowdy_tui.tui.widgets.log_head import LogHead
from clowdy_tui.tui.widgets.log_query import BadQuery, Filter
from clowdy_tui.tui.widgets.log_search import Ask, OlderCalls
from clowdy_tui.tui.widgets.log_view import LogView

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import EventOut, InvocationOut

BATCH_S: Final = 0.06
"""How long events are gathered before the screen changes."""

MAX_PENDING: Final = 4_096
"""Events that wait for the next batch before the oldest of them are taken in at once."""

TYPING_S: Final = 0.25
"""How long after a key of the filter older calls are looked for."""

CONTEXTS: Final = (0, 1, 3, 10)
"""Lines shown around each that is sought: the key goes from one to the next."""

FAILED: Final = "status:failed"

NO_CALLS: Final = "No calls yet.\n\nPress {function.run} to run the open function, or curl one of its routes."
_ALL_AGAIN: Final = "{Logs.all} shows all lines again."

WORDS: Final = "text · !text · /regex/ · status:failed · level:warn · since:10m"
"""What a filter can be made of, said where none is typed yet."""


class LogPane(Widget):
    """Lines of `invocation.*` events, newest last; others are passed over. No timer runs while nothing happens.

    What is older than the first line it asks for, page by page (`OlderWanted`), when one scrolls there or when a filter
    leaves room for it. `ssh`: no blinking cursor.
    """

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("logs.log.filter", "filter"),
        bind("logs.filter_out", "filter('!')"),
        bind("logs.log.failed", "failed"),
        bind("logs.log.context", "context"),
        bind("logs.log.scope", "scope"),
        bind("logs.log.wrap", "wrap"),
        bind("logs.log.follow", "toggle_follow"),
        bind("logs.log.save", "save"),
        bind("logs.log.clear", "clear"),
        bind("logs.all", "clear_filter"),
    ]

    @dataclass
    class InvocationChosen(Message):
        """Somebody wants to see one call whole."""

        invocation_id: str
        function_id: str

    @dataclass
    class OlderWanted(Message):
        """A page of calls is wanted, for `take_older`."""

        ask: Ask

    class NewestWanted(Message):
        """The newest calls are wanted, for `prime`: what came meanwhile was not taken in."""

    @dataclass
    class SaveWanted(Message):
        """The lines that are shown are wanted in a file."""

        lines: list[str]

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
        self.older = OlderCalls()
        self._pending: list[tuple[EventOut, datetime]] = []
        self._timer: Timer | None = None
        self._looking: Timer | None = None
        self._function: tuple[str, str] | None = None
        self._problem = ""
        self._ready = False

    def compose(self) -> ComposeResult:
        """A head of one line, the lines, and what stands there while there are none."""
        with Horizontal(id="head"):
            yield LogHead(id="scope")
            yield LiteralInput(placeholder=WORDS, compact=True, select_on_focus=False, id="filter")
            yield LogHead(id="state")
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
        """Calls from before the screen was there, or that it missed."""
        if self._ready:
            # What came by itself is known by then.
            self._flush()
            self._keep_what_is_read()
        change = self.buffer.prime(invocations)
        if self._ready:
            self._taken(change)

    def take_older(self, ask: Ask, calls: list[InvocationOut] | None) -> None:
        """The page that was asked for; None where it could not be had."""
        if not self.older.take(ask, calls):
            return
        if calls:
            # Whoever follows the end reads it: only what there is room for is put before it.
            self._taken(self.buffer.put_older(calls, keep=not self.following))
        self._draw()
        self._fill()

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
            self._keep_what_is_read()
            self._taken(self.buffer.apply(pending))

    def _keep_what_is_read(self) -> None:
        top = self.view.top
        self.buffer.keep_from = None if self.following or top is None else top.number

    def _taken(self, change: Change) -> None:
        self.view.changed(change)
        self._draw()

    # What came before.

    def _fill(self) -> None:
        """Go on looking where the filter leaves room, or where one still reads at the top."""
        view = self.view
        empty = len(self.buffer.shown) < self.size.height and not self.buffer.filter.empty
        full = self.following and len(self.buffer.lines) >= self.buffer.capacity
        reading = not self.following and view.scroll_offset.y == 0
        if (empty and not full) or reading:
            self._want_older(anew=False)

    def _want_older(self, *, anew: bool) -> None:
        wanted = self.buffer.filter
        ask = None if wanted.problem else self.older.next(wanted, self.buffer.oldest, anew=anew)
        if ask is not None:
            self.post_message(self.OlderWanted(ask))
        self._draw_head()

    @on(LogView.TopReached)
    def _top_reached(self, event: LogView.TopReached) -> None:
        event.stop()
        self._want_older(anew=True)

    # What is shown.

    def _draw(self) -> None:
        view = self.view
        some = bool(self.buffer.shown)
        view.display = some
        none = self.query_one("#none", Static)
        none.display = not some
        if not some:
            all_again = say(self, _ALL_AGAIN)
            if self.older.busy and not self.buffer.filter.empty:
                none.update(f"Looking …\n\n{self.older.said}\n{all_again}")
            elif self.buffer.lines or not self.buffer.filter.empty:
                none.update(self._nothing_passes())
            else:
                none.update(say(self, NO_CALLS))
        self._draw_head()

    def _nothing_passes(self) -> str:
        if (back_to := self.older.rests_at) is None:
            return f"Nothing here passes the filter.\n\n{say(self, _ALL_AGAIN)}"
        further = say(self, "{logs.up} looks further back, since: and until: go there at once.\n" + _ALL_AGAIN)
        return f"Nothing since {back_to:%d %b %H:%M} passes the filter.\n\n{further}"

    def _draw_head(self) -> None:
        field = self.query_one("#filter", Input)
        view = self.view
        scope, state = self.query_one("#scope", LogHead), self.query_one("#state", LogHead)
        scope.say_scope(self._function[1] if self._function else None, "" if field.display else field.value.strip())
        if problem := self._problem or self.buffer.filter.problem:
            state.say_problem(problem)
        else:
            state.say_state(
                width=self.size.width,
                lines=len(self.buffer.shown),
                older=self.older.said,
                context=self.buffer.context,
                wrap=view.wrap,
                following=view.following,
                unseen=view.unseen + self.buffer.missed,
            )

    def on_resize(self) -> None:
        """Say as much as fits."""
        self._draw_head()

    def _refilter(self, context: int | None = None) -> None:
        typed = self.query_one("#filter", Input).value if self._ready else ""
        try:
            wanted = Filter.parse(typed, [self._function[0]] if self._function else [])
        except BadQuery as problem:
            self._problem = str(problem)
        else:
            self._problem = ""
            self.buffer.set_filter(wanted, context)
            if self._ready:
                self.view.rebuild()
        if self._ready:
            self._draw()
            # Not for every letter of a word.
            if self._looking is not None:
                self._looking.stop()
            self._looking = self.set_timer(TYPING_S, self._fill)

    # Keys and clicks.

    def on_click(self, event: events.Click) -> None:
        """The words in the head can be clicked."""
        action = event.style.meta.get("log")
        if action in ("wrap", "toggle_follow", "context", "filter", "scope"):
            event.stop()
            getattr(self, f"action_{action}")()

    def action_filter(self, begin: str = "") -> None:
        """Type a filter."""
        field = self.query_one("#filter", Input)
        field.display = True
        if begin and not field.value.startswith(begin):
            field.value = begin + field.value
        field.focus()
        field.cursor_position = len(field.value)
        self._draw_head()

    def action_failed(self) -> None:
        """Only calls that failed; all again."""
        field = self.query_one("#filter", Input)
        words = field.value.split()
        kept = [word for word in words if not word.startswith("status:")]
        field.value = " ".join(kept if FAILED in words else [*kept, FAILED])

    def action_context(self) -> None:
        """More of the lines around what is sought, and none again."""
        place = CONTEXTS.index(self.buffer.context) if self.buffer.context in CONTEXTS else 0
        self._refilter(CONTEXTS[(place + 1) % len(CONTEXTS)])

    def action_scope(self) -> None:
        """Only the function whose line the cursor is on; all again."""
        if self._function is not None:
            self.show_function(None)
        elif (line := self.view.current) is not None:
            self.show_function(line.call.function_id, line.call.function_name)

    def action_clear_filter(self) -> None:
        """Show all lines again."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self._function = None
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

    def action_save(self) -> None:
        """Write what is shown to a file."""
        self.post_message(self.SaveWanted([plain(line) for line in self.buffer.shown if line.kind != "more"]))

    def action_clear(self) -> None:
        """Forget the lines that are here; nothing is deleted at the gateway."""
        self.buffer.clear(for_good=True)
        self.older.forget()
        self.view.rebuild()
        self._draw()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        event.stop()
        self._refilter()

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        if not self._problem and not self.buffer.filter.problem:
            event.input.display = False
            self.view.focus()
        self._draw_head()

    @on(LogView.FollowChanged)
    def _follow_changed(self, event: LogView.FollowChanged) -> None:
        event.stop()
        if event.following and self.buffer.cut_off:
            # What came meanwhile was not taken in: begin again at the end.
            self.buffer.clear()
            self.older.forget()
            self.view.rebuild()
            self._draw()
            self.post_message(self.NewestWanted())
        self._draw_head()

    @on(LogView.Chosen)
    def _call_chosen(self, event: LogView.Chosen) -> None:
        event.stop()
        self.post_message(self.InvocationChosen(event.invocation_id, event.function_id))
