"""Go to a line: the text moves along while the number is typed."""

from collections.abc import Callable, Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from clowdy_tui.tui.screens.dialog import Dialog
from clowdy_tui.tui.widgets.literal_input import LiteralInput

Location = tuple[int, int]


def parse_line(text: str, lines: int) -> Location | None:
    """A row and a column, from 0, of `12` or `12:5`; `-1` is the last line. None where it is none of these."""
    row, _, column = text.strip().partition(":")
    try:
        number, at = int(row), int(column or 1)
    except ValueError:
        return None
    if number < 0:
        number += lines + 1
    return min(max(number, 1), lines) - 1, max(at, 1) - 1


class GoToLine(Dialog[Location]):
    """`show` is told of each place that what was typed so far means. Dismisses with the last, or None."""

    heading = "Go to line"

    def __init__(self, *, lines: int, line: int, show: Callable[[Location], None]) -> None:
        super().__init__()
        self._lines = lines
        self._line = line
        self._show = show

    def compose_box(self) -> Iterable[Widget]:
        yield LiteralInput(placeholder=f"{self._line}", id="line", classes="typed")
        yield Static(self._about(), id="about", classes="muted")

    def _about(self) -> Content:
        return Content.styled(f"1 to {self._lines:,}; 12:5 is column 5, -1 the last line", "$muted")

    @on(Input.Changed, "#line")
    def _typed(self, event: Input.Changed) -> None:
        location = parse_line(event.value, self._lines)
        about = self.query_one("#about", Static)
        if location is None:
            about.update(Content.styled("✗ a number, please", "$error") if event.value.strip() else self._about())
        else:
            about.update(self._about())
            self._show(location)

    @on(Input.Submitted, "#line")
    def _enter(self, event: Input.Submitted) -> None:
        location = parse_line(event.value, self._lines)
        if location is not None or not event.value.strip():
            self.dismiss(location)
