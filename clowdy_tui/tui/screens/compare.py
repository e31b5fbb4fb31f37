"""Two answers to the same input, and where they differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from textual import on
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.text import flat, lines_of, shorten
from clowdy_tui.tui.widgets.console_json import parse
from clowdy_tui.tui.widgets.log_line import status_piece
from clowdy_tui.tui.widgets.page import Page
from clowdy_tui.tui.widgets.result_json import pretty
from clowdy_tui.tui.widgets.timing import timing_words

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationDetail, InvokeOut

MOST: Final = 2_000
"""Lines of each answer that are compared: to find what differs takes the product of both."""

SIDE_BY_SIDE: Final = 110
"""From so many cells on the answers stand beside each other."""

_STYLES: Final = {"good": "$success", "bad": "bold $error", "odd": "$warning"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a version answered, as lines."""

    version: int
    status: str
    timing: tuple[int, int, int]
    lines: tuple[str, ...]

    @classmethod
    def of_run(cls, out: InvokeOut) -> Answer:
        """Of a call that was just made."""
        timing = (out.queue_us, out.init_us, out.duration_us)
        said = _json_lines(out.output) if out.success else _error_lines(out.error_type, out.error, out.stack_trace)
        return cls(out.version, out.status.value, timing, said)

    @classmethod
    def of_call(cls, call: InvocationDetail) -> Answer:
        """Of a call from the log."""
        timing = (call.queue_us, call.init_us, call.duration_us)
        if call.status.value == "success":
            parsed = parse(call.output or "")
            said = _json_lines(parsed.value) if parsed.ok else tuple(lines_of(call.output or ""))
        else:
            said = _error_lines(call.error_type, call.error_message, call.stack_trace)
        return cls(call.version, call.status.value, timing, said)

    def head(self) -> Content:
        """`v7  ✓ success · 12 ms`."""
        said, style = status_piece(self.status)
        timing = " · ".join(timing_words(*self.timing))
        return Content.assemble((f"v{self.version}  ", "bold"), (said, _STYLES[style]), (f" · {timing}", "$muted"))


class CompareDialog(Dialog[None]):
    """Beside each other where there is room, else one after the other with signs."""

    def __init__(self, name: str, left: Answer, right: Answer) -> None:
        super().__init__()
        self.heading = f"{name}: version {left.version} and version {right.version}"
        self._left = left
        self._right = right

    def compose_box(self) -> Iterable[Widget]:
        yield Static(id="said", classes="about", markup=False)
        with Page(id="help"), Vertical(id="sides"):
            yield Static(id="compared", markup=False)
        with Horizontal(id="buttons"):
            yield action_button("Close", self.key("dialog.leave"), id="close")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-large", "-tall")
        self.query_one("#help").focus()
        self._draw()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    @on(Button.Pressed, "#close")
    def _close(self) -> None:
        self.action_cancel()

    def _draw(self) -> None:
        left, right = self._left, self._right
        same = left.lines == right.lines and left.status == right.status
        verdict = ("= the same answer", "bold $success") if same else ("≠ the answers differ", "bold $warning")
        self.query_one("#said", Static).update(Content.assemble(verdict, "\n", left.head(), "\n", right.head()))
        width = self.query_one("#help").scrollable_content_region.width
        rows = _beside(left, right, width) if width >= SIDE_BY_SIDE - 12 else _inline(left, right)
        self.query_one("#compared", Static).update(Content("\n").join(rows))


def _blocks(left: Answer, right: Answer) -> Iterable[tuple[str, list[str], list[str]]]:
    """(`equal` or another word, lines on the left, lines on the right), from the first to the last."""
    one, other = left.lines[:MOST], right.lines[:MOST]
    for what, a, b, c, d in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        yield what, list(one[a:b]), list(other[c:d])


def _inline(left: Answer, right: Answer) -> list[Content]:
    rows: list[Content] = []
    for what, one, other in _blocks(left, right):
        if what == "equal":
            rows += [Content.styled(f"  {line}", "$muted") for line in one]
        else:
            rows += [Content.styled(f"- {line}", "$error") for line in one]
            rows += [Content.styled(f"+ {line}", "$success") for line in other]
    return rows


def _beside(left: Answer, right: Answer, width: int) -> list[Content]:
    half = (width - 3) // 2
    rows: list[Content] = []
    for what, one, other in _blocks(left, right):
        for place in range(max(len(one), len(other))):
            mine = one[place] if place < len(one) else None
            theirs = other[place] if place < len(other) else None
            if what == "equal":
                styles, signs = ("$muted", "$muted"), ("  ", "  ")
            else:
                styles, signs = ("$error", "$success"), ("- ", "+ ")
            rows.append(
                Content.assemble(
                    (_cell(mine, signs[0], half), styles[0]),
                    (" │ ", "$line"),
                    (_cell(theirs, signs[1], half), styles[1]),
                )
            )
    return rows


def _cell(line: str | None, sign: str, width: int) -> str:
    text = shorten(sign + line, width) if line is not None else ""
    return text + " " * (width - Content(text).cell_length)


def _json_lines(value: Any) -> tuple[str, ...]:
    return tuple(flat(line) for line in pretty(value).lines)


def _error_lines(type_: str | None, message: str | None, trace: str | None) -> tuple[str, ...]:
    said = ": ".join(part for part in (type_, message) if part)
    return tuple(flat(line) for line in lines_of("\n".join(part for part in (said, trace or "") if part).rstrip()))
