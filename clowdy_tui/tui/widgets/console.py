"""The test console: an input, a button, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.style import Style
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static, TextArea

from clowdy_tui.tui.binding import perform_in, say
from clowdy_tui.tui.text import shorten, visible
from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.console_json import Parsed, parse
from clowdy_tui.tui.widgets.log_line import status_piece
from clowdy_tui.tui.widgets.result import ResultView
from clowdy_tui.tui.widgets.timing import timing_bar, timing_words

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvokeOut

NARROW: Final = 66
"""Below so many cells input and result stand one above the other."""

BAR: Final = 10
"""Cells of the bar that shows where a call's time went."""

AT_ONCE: Final = 64 * 1024
"""Inputs up to so many characters are checked at each key, longer ones when the typing pauses."""

_STYLES = {"good": "$success", "bad": "bold $error", "odd": "$warning", "running": "$accent"}


@dataclass(slots=True)
class _Memory:
    """What the console keeps for each function."""

    text: str = "{}"
    name: str = ""
    out: InvokeOut | None = None
    problem: str = ""


class _Nothing(Static, can_focus=True):
    """Stands where an answer will be, and has the keys that an answer has."""


class TestConsole(Widget):
    """Runs nothing itself: it says `RunRequested`, and is told what came of it.

    `ssh`: no blinking cursor, and the time that a call takes is shown in whole seconds.
    """

    # pytest collects what is named Test…
    __test__ = False

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    # For where nothing is typed: the input takes letters for itself.
    BINDINGS: ClassVar[list[BindingType]] = [*perform_in("test")]

    @dataclass
    class RunRequested(Message):
        """Call the function with `value`, which is `text` parsed."""

        function_id: str
        text: str
        value: Any

    def __init__(self, *, ssh: bool = False, run_key: str = "F5", id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._ssh = ssh
        self._run_key = run_key
        self._ready = False
        self._memories: dict[str, _Memory] = {}
        self._function_id: str | None = None
        self._function_name = ""
        self._called: str | None = None
        self._since = 0.0
        self._ticks: Timer | None = None
        self._check: Timer | None = None
        self._parsed: Parsed | None = Parsed({})

    def compose(self) -> ComposeResult:
        """Input and result, side by side or stacked."""
        with Vertical(id="asking"):
            with Horizontal(id="bar"):
                yield Static(id="about", markup=False)
                yield RunButton(id="run")
            yield CodeArea("{}", language="json", show_line_numbers=False, tab_behavior="focus", blink=not self._ssh)
            yield Static(id="verdict", markup=False)
        with Vertical(id="answer"):
            yield Static(id="outcome", markup=False)
            yield _Nothing(id="nothing", markup=False)
            yield ResultView()

    def on_mount(self) -> None:
        """Nothing has run yet."""
        self._ready = True
        self._recall()

    @property
    def input(self) -> CodeArea:
        """The input's editor."""
        return self.query_one(CodeArea)

    @property
    def entrance(self) -> Widget:
        """What has the focus first: the input, where there is a function to call."""
        return self.query_one("#nothing") if self.has_class("-idle") else self.input

    @property
    def running(self) -> bool:
        """Whether a call is under way, as far as the console was told."""
        return self._called is not None

    def set_function(self, function_id: str | None, name: str = "") -> None:
        """Another function, or none: its own input comes back, and what it last gave."""
        if function_id != self._function_id:
            self._keep()
            self._function_id, self._function_name = function_id, name
            if self._ready:
                self._recall()
        elif name != self._function_name:
            self._function_name = name
            self._draw_bar()

    def set_input(self, function_id: str, text: str, name: str = "") -> None:
        """Put an input into a function's console; `name` is what it is saved under. Undo brings the old one back."""
        self._memories.setdefault(function_id, _Memory()).name = name
        if function_id == self._function_id:
            if self.input.text != text:
                self.input.replace_text(text)
            self._draw_bar()
        else:
            self._memories[function_id].text = text

    @property
    def input_name(self) -> str:
        """What the input was loaded from, or saved as; empty where it is nothing of the kind."""
        return self._memory.name

    def parsed(self) -> Parsed:
        """The input as it stands there."""
        return parse(self.input.text)

    def check(self) -> Parsed:
        """The input as it stands there; where it is no JSON, the cursor goes to what is wrong."""
        self._parsed = parsed = self.parsed()
        self._draw_verdict()
        if not parsed.ok:
            self.input.move_cursor((parsed.line - 1, parsed.column - 1))
            self.input.focus()
        return parsed

    def request_run(self) -> None:
        """Ask for a run, if the input is JSON and none is under way."""
        if self._function_id is None or self.running:
            return
        parsed = self.check()
        if parsed.ok:
            self.post_message(self.RunRequested(self._function_id, self.input.text, parsed.value))

    def show_running(self) -> None:
        """The call was sent."""
        self._called = self._function_id
        self._since = time.monotonic()
        self._stop_ticking()
        self._ticks = self.set_interval(1.0 if self._ssh else 0.1, self._tick)
        self.query_one(ResultView).clear()
        self._tick()
        self._draw_bar()

    def show_result(self, out: InvokeOut, function_id: str | None = None) -> None:
        """The call's answer; `function_id` says whose, where that is not the one that was shown as running."""
        memory = self._finish(function_id)
        memory.out, memory.problem = out, ""
        self._draw_answer()

    def show_error(self, text: str, function_id: str | None = None) -> None:
        """There was no call: the gateway is gone, or refused."""
        memory = self._finish(function_id)
        memory.out, memory.problem = None, text
        self._draw_answer()

    def _finish(self, function_id: str | None) -> _Memory:
        whose = function_id or self._called or self._function_id or ""
        if whose == self._called or function_id is None:
            self._called = None
            self._stop_ticking()
        self._draw_bar()
        return self._memories.setdefault(whose, _Memory())

    # What is kept for each function.

    def _keep(self) -> None:
        if self._function_id is not None and self._ready:
            self._memories.setdefault(self._function_id, _Memory()).text = self.input.text

    def _recall(self) -> None:
        memory = self._memory
        area = self.input
        if area.text != memory.text:
            area.load_text(memory.text)
        area.move_cursor(area.document.end)
        self._validate()
        self._draw_bar()
        self._draw_answer()

    @property
    def _memory(self) -> _Memory:
        if self._function_id is None:
            return _Memory()
        return self._memories.setdefault(self._function_id, _Memory())

    # What is shown.

    def _draw_bar(self) -> None:
        if not self._ready:
            return
        name = shorten(visible(self._function_name), 40)
        said = f"  {shorten(visible(self._memory.name), 24)} ▾" if self._memory.name else "  input ▾"
        inputs = Content.styled(said, "$muted").stylize(Style.from_meta({"perform": "input.choose"}))
        self.query_one("#about", Static).update(Content.styled(name, "bold") + inputs)
        button = self.query_one(RunButton)
        button.show(self._run_key, possible=self._function_id is not None and not self.running, running=self.running)
        self.set_class(self._function_id is None, "-idle")

    def _draw_answer(self) -> None:
        if not self._ready:
            return
        memory = self._memory
        view = self.query_one(ResultView)
        mine = self._called is not None and self._called == self._function_id
        if mine:
            self._tick()
            view.clear()
        elif memory.out is not None:
            view.show(memory.out)
        elif memory.problem:
            view.show_problem(memory.problem)
        if not mine:
            self._draw_outcome()
        self._show_answer(mine or memory.out is not None or bool(memory.problem))
        nothing = self.query_one("#nothing", Static)
        if self._function_id is None:
            nothing.update("Open a function to test it.")
        else:
            nothing.update(say(self, "Not run yet.\nPress {function.run}, or click Run."))

    def _show_answer(self, something: bool) -> None:
        """An answer, or what stands in its place; the focus stays with whichever is there."""
        view, nothing = self.query_one(ResultView), self.query_one("#nothing")
        shown, hidden = (view, nothing) if something else (nothing, view)
        shown.display = True
        if hidden.has_focus:
            shown.focus()
        hidden.display = False

    def _draw_outcome(self) -> None:
        memory = self._memory
        head = self.query_one("#outcome", Static)
        if memory.out is not None:
            head.update(_outcome(memory.out, head.content_size.width))
        elif memory.problem:
            head.update(Content.styled("✗ not run", "bold $error"))
        else:
            head.update(Content.styled("Result", "bold"))

    def _tick(self) -> None:
        if self._called != self._function_id:
            return
        elapsed = time.monotonic() - self._since
        said = f"{elapsed:.0f} s" if self._ssh else f"{elapsed:.1f} s"
        self.query_one("#outcome", Static).update(
            Content.assemble(("… running", "bold $accent"), (f"  {said}", "$muted"))
        )
        self._show_answer(True)

    def _stop_ticking(self) -> None:
        if self._ticks is not None:
            self._ticks.stop()
            self._ticks = None

    def _draw_verdict(self) -> None:
        parsed = self._parsed
        if parsed is None:
            said = Content.styled("…", "$muted")
        elif not parsed.ok:
            fault = f"{parsed.line}:{parsed.column} {visible(parsed.problem)}"
            said = Content.assemble(("✗ ", "bold $error"), (fault, "$error"))
        elif self.input.text.strip():
            said = Content.styled("✓ JSON", "$success")
        else:
            said = Content.styled("✓ empty: null", "$success")
        self.query_one("#verdict", Static).update(said)

    def _validate(self) -> None:
        self._check = None
        self._parsed = parse(self.input.text)
        self._draw_verdict()

    @on(TextArea.Changed)
    def _typed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._check is not None:
            self._check.stop()
            self._check = None
        if len(self.input.text) <= AT_ONCE:
            self._validate()
        else:
            self._parsed = None
            self._draw_verdict()
            self._check = self.set_timer(0.3, self._validate)

    @on(TextArea.SelectionChanged)
    def _cursor_moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()

    def on_resize(self, event: events.Resize) -> None:
        """Side by side where there is room."""
        self.set_class(event.size.width < NARROW, "-stacked")
        if self._called is None or self._called != self._function_id:
            self.call_after_refresh(self._draw_outcome)

    def on_run_button_pressed(self, event: RunButton.Pressed) -> None:
        """The button was clicked."""
        event.stop()
        self.request_run()


class RunButton(Widget):
    """One line high, with its key on it."""

    ALLOW_SELECT = False

    class Pressed(Message):
        """It was clicked while it could be."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self._label = ""
        self._possible = False

    def show(self, key: str, *, possible: bool, running: bool) -> None:
        """What it reads, and whether it can be pressed."""
        self._label = " … running " if running else f" ▶ Run {key} "
        self._possible = possible
        self.set_class(possible, "-possible")
        self.refresh(layout=True)

    def render(self) -> Content:
        """The label."""
        return Content(self._label)

    def on_click(self, event: events.Click) -> None:
        """Press it."""
        event.stop()
        if self._possible:
            self.post_message(self.Pressed())


def _outcome(out: InvokeOut, width: int) -> Content:
    """`✓ success · 12 ms · warm · v7`, and as much of the rest as fits: where the time went, and memory."""
    said, style = status_piece(out.status.value)
    times = (out.queue_us, out.init_us, out.duration_us)
    run, *waits = timing_words(*times)
    facts = [run, "cold" if out.cold_start else "warm", f"v{out.version}"]
    if out.logs:
        facts.insert(2, f"{len(out.logs):,} printed")
    facts += waits
    if out.memory_mb is not None:
        facts.append(f"{out.memory_mb:.0f} MB")
    while len(facts) > 1 and cell_len(" · ".join([said, *facts])) > width:
        facts.pop()
    head = Content.assemble((said, _STYLES[style]), *((f" · {fact}", "$muted") for fact in facts))
    room = width - head.cell_length - 2
    return head if room < BAR or not waits else Content.assemble(head, "  ", timing_bar(*times, BAR))
