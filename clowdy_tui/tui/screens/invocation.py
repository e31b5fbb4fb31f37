"""One call whole: how it ended, where its time went, what came in, what went out, what it printed, its trace."""

from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from clowdy_tui.domain.schemas import InvocationDetail, OutcomeStatus
from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.chat.messages import MendAsked
from clowdy_tui.tui.screens.dialog import Dialog, action_button, labelled
from clowdy_tui.tui.text import duration, visible
from clowdy_tui.tui.widgets.log_line import status_piece
from clowdy_tui.tui.widgets.result import ResultView
from clowdy_tui.tui.widgets.result_lines import call_lines
from clowdy_tui.tui.widgets.timing import timing_bar, timing_legend

WAYS: Final = {"replay": "Replay", "edit": "Edit", "compare": "Compare", "curl": "curl", "cli": "CLI"}
"""What can be done with a call, with its word. `invocation.` before it is its key's name."""

ROOMY: Final = 100
"""Columns from which the buttons have room for air in them; below, all of them still stand side by side."""


ONE_ROW: Final = 76
"""Columns below which the buttons stand in two rows."""


class InvocationDialog(Dialog[str]):
    """Dismisses with what is to be done with the call: one of `WAYS`, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("invocation.mend", "mend"),
        *(bind(f"invocation.{way}", f"leave('{way}')") for way in WAYS),
    ]

    def __init__(self, call: InvocationDetail, function_name: str) -> None:
        super().__init__()
        self.heading = f"Call of {function_name}"
        self._call = call
        self._function_name = function_name

    def compose_box(self) -> Iterable[Widget]:
        yield Static(id="call-facts", markup=False)
        yield ResultView(id="call-lines")
        with Horizontal(id="buttons"):
            for name, label, key in self._buttons():
                yield action_button(label, key, id=name, variant="main" if name == "mend" else "plain")

    def _buttons(self) -> list[tuple[str, str, str]]:
        failed = self._call.status is not OutcomeStatus.SUCCESS
        ways = {**({"mend": "Mend it"} if failed else {}), **WAYS}
        named = [(way, label, self.key(f"invocation.{way}")) for way, label in ways.items()]
        return [*named, ("close", "Close", self.key("dialog.leave"))]

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-large", "-tall")
        view = self.query_one(ResultView)
        call = self._call
        copied = call.output if call.output is not None else call.error_message
        view.show_lines(call_lines(call), copied or "", "Answer copied" if call.output is not None else "Error copied")
        view.focus()
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def action_mend(self) -> None:
        """Have the assistant look at a call that failed."""
        if self._call.status is not OutcomeStatus.SUCCESS:
            self.app.post_message(MendAsked(self._call.id, self._function_name))
            self.action_cancel()

    def action_leave(self, way: str) -> None:
        self.dismiss(way)

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "mend":
            self.action_mend()
        else:
            self.dismiss(None if event.button.id == "close" else event.button.id)

    def _draw(self) -> None:
        facts = self.query_one("#call-facts", Static)
        facts.update(self._facts(facts.content_size.width))
        roomy = self.size.width >= ROOMY
        self.set_class(self.size.width < ONE_ROW, "-rows")
        for button, (_, label, key) in zip(self.query("#buttons Button").results(Button), self._buttons(), strict=True):
            narrow = "" if button.id == "close" else key
            button.label = labelled(label, key) if roomy else labelled(label, narrow, gap=1)

    def _facts(self, width: int) -> Content:
        call = self._call
        sign, _ = status_piece(call.status.value)
        good = call.status is OutcomeStatus.SUCCESS
        where = f"{call.http_method} {call.http_path}" if call.http_method else call.source
        facts = [duration(call.duration_ms), "cold" if call.cold_start else "warm", f"v{call.version}", where]
        if call.memory_mb is not None:
            facts.append(f"{call.memory_mb:.0f} MB")
        when = call.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        times = (call.queue_us, call.init_us, call.duration_us)
        legend = timing_legend(*times)
        bar = timing_bar(*times, max(8, min(40, width - legend.cell_length - 2)))
        return Content.assemble(
            (sign, "bold $success" if good else "bold $error"), (f"  {visible(' · '.join(facts))}", "$muted"), "\n",
            bar, "  ", legend, "\n", (f"{when}  {call.id}", "$muted"),
        )  # fmt: skip
