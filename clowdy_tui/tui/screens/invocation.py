"""One call whole: what came in, what went out, what it printed, and how it ended."""

from collections.abc import Iterable

from textual import on
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from clowdy_tui.domain.schemas import InvocationDetail, OutcomeStatus
from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.text import block, duration, visible
from clowdy_tui.tui.widgets.console_json import parse
from clowdy_tui.tui.widgets.result_json import pretty

WORTH_SAYING_US = 50


class InvocationDialog(Dialog[None]):
    """Shows what it is given."""

    def __init__(self, call: InvocationDetail, function_name: str) -> None:
        super().__init__()
        self.heading = f"Call of {function_name}"
        self._call = call

    def compose_box(self) -> Iterable[Widget]:
        with VerticalScroll(id="help"):
            yield Static(self._facts(), classes="about")
            for title, text, style in self._parts():
                yield Static(Content.assemble((title, "bold $accent"), "\n", (block(text), style)), classes="part")
        with Horizontal(id="buttons"):
            yield action_button("Close", "esc", id="close")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-large", "-tall")
        self.query_one("#help").focus()

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.action_cancel()

    def _facts(self) -> Content:
        call = self._call
        good = call.status is OutcomeStatus.SUCCESS
        sign = Content.styled(f"{'✓' if good else '✗'} {call.status.value}", "bold $success" if good else "bold $error")
        where = f"{call.http_method} {call.http_path}" if call.http_method else call.source
        facts = [duration(call.duration_ms), "cold" if call.cold_start else "warm", f"v{call.version}", where]
        waits = (("queue", call.queue_us), ("init", call.init_us))
        facts += [f"{name} {duration(us / 1000)}" for name, us in waits if us >= WORTH_SAYING_US]
        facts.append(call.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
        return sign + Content.styled("  " + visible(" · ".join(facts)), "$muted")

    def _parts(self) -> Iterable[tuple[str, str, str]]:
        call = self._call
        if call.error_message or call.stack_trace:
            yield "Error", (call.stack_trace or f"{call.error_type}: {call.error_message}").rstrip(), "$error"
        cut = {True: " (cut)", False: ""}
        yield (
            f"Input{cut[call.input_truncated]}",
            _readable(call.input, "not kept"),
            "$foreground",
        )
        yield (
            f"Output{cut[call.output_truncated]}",
            _readable(call.output, "none"),
            "$foreground",
        )
        lines = [f"{'err ' if line.stream == 'stderr' else ''}{line.text}" for line in call.logs]
        yield f"Printed{cut[call.logs_truncated]}", "\n".join(lines) or "nothing", "$foreground"


def _readable(text: str | None, nothing: str) -> str:
    """JSON on many lines; what is none, or was cut, as it is."""
    if text is None:
        return nothing
    parsed = parse(text)
    if not text.strip() or not parsed.ok:
        return text
    shown = pretty(parsed.value)
    return "\n".join(shown.lines if shown.whole else [*shown.lines, "…"])
