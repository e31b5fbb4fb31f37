"""The history: every call of a function, or of all, to look at, to run again, to begin the next one from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from clowdy_tui.tui.binding import bind, say
from clowdy_tui.tui.text import count, shorten, visible
from clowdy_tui.tui.widgets.call_pages import PageAsk
from clowdy_tui.tui.widgets.history_view import HistoryView
from clowdy_tui.tui.widgets.literal_input import LiteralInput
from clowdy_tui.tui.widgets.log_query import BadQuery, api_query
from clowdy_tui.tui.widgets.logs import NO_CALLS

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut

AGAIN_S: Final = 0.4
"""How long after a call ended the newest are fetched: of many that end together once."""

TYPING_S: Final = 0.3
FAILED: Final = "status:failed"

WORDS: Final = "text · status:failed · source:gateway · since:10m · until:14:30"
"""What a filter can be made of, said where none is typed yet."""

ACTIONS: Final = ("replay", "edit", "compare", "curl", "cli")
"""What can be done with the call under the cursor."""


class HistoryPane(Widget):
    """Fetches nothing itself: it says `PageWanted`, and is told what came of it. `ssh`: no blinking cursor."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("history.search", "filter"),
        bind("history.failed", "failed"),
        bind("history.scope", "scope"),
        bind("history.all", "clear_filter"),
        *(bind(f"history.call.{action}", f"ask('{action}')") for action in ACTIONS),
    ]

    @dataclass
    class PageWanted(Message):
        """A page is wanted, for `take`; `query` is what the API's list of calls takes."""

        ask: PageAsk
        query: Mapping[str, Any]

    @dataclass
    class CallAsked(Message):
        """Something is to be done with a call: one of `ACTIONS`, or `open`."""

        action: str
        call: InvocationOut

    @dataclass
    class Moved(Message):
        """The cursor is on another call, or on none."""

        call: InvocationOut | None

    def __init__(self, *, ssh: bool = False, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._blink = not ssh
        self._function: tuple[str, str] | None = None
        self._all = False
        self._query: Mapping[str, Any] = {}
        self._problem = ""
        self._refused = ""
        self._stale = True
        self._again: Timer | None = None
        self._typing: Timer | None = None
        # The filter is typed; where something fits it, the rows get the focus.
        self._typed = False

    def compose(self) -> ComposeResult:
        with Horizontal(id="head"):
            yield Static(id="scope", markup=False)
            yield LiteralInput(placeholder=WORDS, compact=True, select_on_focus=False, id="filter")
            yield Static(id="state", markup=False)
        yield HistoryView()
        yield Static(id="none", markup=False)

    def on_mount(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = False
        field.cursor_blink = self._blink
        self._draw()

    @property
    def view(self) -> HistoryView:
        """The rows."""
        return self.query_one(HistoryView)

    # What is shown of what.

    def set_function(self, function_id: str | None, name: str = "") -> None:
        """The function whose calls are shown, unless all are."""
        function = (function_id, name) if function_id else None
        if function != self._function:
            self._function = function
            if not self._all:
                self._stale = True
            self.load()

    def set_function_names(self, names: Mapping[str, str]) -> None:
        """Function id → name."""
        self.view.names = names
        self.view.refresh()

    def load(self) -> None:
        """Fetch what is not there, if somebody can see it."""
        if self.display and self._stale:
            self._stale = False
            self._refused = ""
            self.view.named = self._all or self._function is None
            self.view.begin()
            self._draw()

    def reload(self) -> None:
        """Everything may have changed: the connection was lost, or another gateway answers."""
        self._stale = True
        self.load()

    def note_call(self, function_id: str) -> None:
        """A call has ended."""
        mine = self._all or self._function is None or self._function[0] == function_id
        if mine and not self.display:
            self._stale = True
        elif mine and self._again is None:
            self._again = self.set_timer(AGAIN_S, self._look_again)

    def _look_again(self) -> None:
        self._again = None
        if len(self.view.pages):
            self.view.look_again()
        else:
            self.reload()

    def take(self, ask: PageAsk, calls: list[InvocationOut] | None, problem: str = "") -> None:
        """What came of a page that was wanted."""
        if self.view.take(ask, calls):
            self._refused = problem
            self._leave_filter()
            self._draw()

    def _draw(self) -> None:
        view, some = self.view, bool(len(self.view.pages))
        view.display = some
        none = self.query_one("#none", Static)
        none.display = not some
        if not some:
            none.update(self._said_of_none())
        field = self.query_one("#filter", Input)
        named = self._function is None or self._all
        scope = Content.styled("All functions" if named else shorten(visible(self._function[1]), 24), "bold")  # type: ignore[index]
        if field.value.strip() and not field.display:
            scope += Content.styled(f"  with “{shorten(visible(field.value.strip()), 30)}”", "$warning")
        self.query_one("#scope", Static).update(scope.stylize(Style.from_meta({"history": "scope"})))
        self._draw_state()

    def _said_of_none(self) -> Content | str:
        if self._refused:
            return Content.assemble(("✗ The calls could not be loaded\n\n", "$error"), visible(self._refused))
        if self.view.busy:
            return "Looking …"
        if self._query:
            return say(self, "No call fits.\n\n{History.all} shows all again.")
        return say(self, NO_CALLS)

    def _draw_state(self) -> None:
        view = self.view
        if self._problem:
            state = Content.styled(f"✗ {visible(self._problem)}", "$error")
        elif view.unseen:
            badge = Content.styled(f" {view.unseen:,} new above ↑ ", "bold $background on $warning")
            state = badge.stylize(Style.from_meta({"history": "first"}))
        elif self._refused:
            state = Content("")
        else:
            known = count(len(view.pages), "call") if view.pages.ended else f"{len(view.pages):,}+ calls"
            state = Content.styled(known, "$muted")
        self.query_one("#state", Static).update(state)

    def on_resize(self) -> None:
        """Say as much as fits."""
        self._draw_state()

    # Keys and clicks.

    def on_click(self, event: events.Click) -> None:
        """The words in the head can be clicked."""
        match event.style.meta.get("history"):
            case "scope":
                self.action_scope()
            case "first":
                self.view.action_first()
            case _:
                return
        event.stop()

    def action_ask(self, action: str) -> None:
        """Do something with the call under the cursor."""
        if (call := self.view.current) is not None:
            self.post_message(self.CallAsked(action, call))

    def action_filter(self) -> None:
        """Type what to look for."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()
        field.cursor_position = len(field.value)
        self._draw()

    def action_failed(self) -> None:
        """Only calls that failed; all again."""
        field = self.query_one("#filter", Input)
        words = field.value.split()
        kept = [word for word in words if not word.startswith("status:")]
        field.value = " ".join(kept if FAILED in words else [*kept, FAILED])

    def action_scope(self) -> None:
        """The calls of all functions, or of the open one."""
        if self._function is not None:
            self._all = not self._all
            self.reload()

    def action_clear_filter(self) -> None:
        """Show all again."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.view.focus()
        self._draw()

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        event.stop()
        self._typed = False
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING_S, self._search)

    def _search(self) -> None:
        self._typing = None
        try:
            query = api_query(self.query_one("#filter", Input).value)
        except BadQuery as problem:
            self._problem = str(problem)
        else:
            self._problem = ""
            if query != self._query:
                self._query = query
                self.reload()
        self._draw()

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        event.stop()
        if self._typing is not None:
            self._typing.stop()
        self._search()
        self._typed = not self._problem
        self._leave_filter()
        self._draw()

    def _leave_filter(self) -> None:
        if self._typed and len(self.view.pages):
            self._typed = False
            self.query_one("#filter", Input).display = False
            self.view.display = True
            self.view.focus()

    @on(HistoryView.Wanted)
    def _page_wanted(self, event: HistoryView.Wanted) -> None:
        event.stop()
        function = None if self._all or self._function is None else self._function[0]
        query = dict(self._query) | ({"function_id": function} if function else {})
        self.post_message(self.PageWanted(event.ask, query))

    @on(HistoryView.Moved)
    def _cursor_moved(self, event: HistoryView.Moved) -> None:
        event.stop()
        self._draw_state()
        self.post_message(self.Moved(event.call))

    @on(HistoryView.Chosen)
    def _call_chosen(self, event: HistoryView.Chosen) -> None:
        event.stop()
        self.post_message(self.CallAsked("open", event.call))
