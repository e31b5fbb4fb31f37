"""What a call gave, as lines: its result or its error, and apart from that what it printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clowdy_tui.tui.text import count, duration, flat, lines_of
from clowdy_tui.tui.widgets.console_json import parse
from clowdy_tui.tui.widgets.result_json import pretty

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationDetail, InvokeOut, LogLine

MAX_PRINTED = 5_000
LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class ResultLine:
    """`kind` is `title`, `json`, `plain`, `stdout`, `stderr`, `error`, `trace`, `note` or `blank`."""

    kind: str
    text: str


def result_lines(out: InvokeOut) -> list[ResultLine]:
    """An answer as lines: result or error first, then what was printed."""
    lines: list[ResultLine] = []
    if out.success:
        shown = pretty(out.output)
        lines += [ResultLine("json", flat(line)) for line in shown.lines]
        if not shown.whole:
            lines.append(
                ResultLine("note", f"… only the first {count(len(shown.lines), 'line')} are shown; y copies all")
            )
    else:
        message = out.error or out.status.value.replace("_", " ")
        said = f"{out.error_type}: {message}" if out.error_type else message
        lines += [ResultLine("error", shortened(line)) for line in lines_of(said)[:MAX_PRINTED]]
        if out.stack_trace:
            lines.append(ResultLine("blank", ""))
            lines += [
                ResultLine("trace", shortened(line)) for line in lines_of(out.stack_trace.rstrip())[-MAX_PRINTED:]
            ]
    if out.logs:
        # No blank line before it: the dock may be five lines high.
        lines += _printed(out.logs, truncated=out.logs_truncated)
    return lines


def call_lines(call: InvocationDetail) -> list[ResultLine]:
    """A call from the log of calls, whole: its error, what came in, what went out, what it printed and when."""
    lines: list[ResultLine] = []
    if call.error_message or call.error_type:
        said = ": ".join(part for part in (call.error_type, call.error_message) if part)
        lines += [_title("error"), *(ResultLine("error", shortened(line)) for line in lines_of(said)[:MAX_PRINTED])]
        if call.stack_trace:
            trace = lines_of(call.stack_trace.rstrip())[-MAX_PRINTED:]
            lines += [ResultLine("blank", ""), *(ResultLine("trace", shortened(line)) for line in trace)]
        lines.append(ResultLine("blank", ""))
    lines += [*_body("request", call.input, cut=call.input_truncated), ResultLine("blank", "")]
    if call.output is not None or not call.error_type:
        lines += [*_body("answer", call.output, cut=call.output_truncated), ResultLine("blank", "")]
    if call.logs:
        lines += _printed(call.logs, truncated=call.logs_truncated, timed=True)
    else:
        lines.append(_title("printed nothing"))
    return lines


def _title(text: str) -> ResultLine:
    return ResultLine("title", f"── {text} ──")


def _body(name: str, text: str | None, *, cut: bool) -> Iterable[ResultLine]:
    """JSON on many lines; what is none, or was cut, as it is."""
    yield _title(f"{name}, cut" if cut else name)
    if text is None:
        yield ResultLine("note", "not kept: the project's capture leaves it out")
        return
    parsed = parse(text) if text.strip() and not cut else None
    if parsed is None or not parsed.ok:
        yield from (ResultLine("plain", shortened(line)) for line in lines_of(text)[:MAX_PRINTED])
        return
    shown = pretty(parsed.value)
    yield from (ResultLine("json", flat(line)) for line in shown.lines)
    if not shown.whole:
        yield ResultLine("note", f"… only the first {count(len(shown.lines), 'line')} are shown")


def _printed(logs: Sequence[LogLine], *, truncated: bool, timed: bool = False) -> Iterable[ResultLine]:
    yield _title(f"printed, {count(len(logs), 'line')}")
    for line in logs[:MAX_PRINTED]:
        when = f"{duration(line.at_us / 1000):>8}  " if timed else ""
        yield ResultLine(line.stream, when + shortened(line.text))
    if len(logs) > MAX_PRINTED:
        yield ResultLine("note", f"… only the first {MAX_PRINTED:,} are shown; y copies the result")
    if truncated:
        yield ResultLine("note", "… it printed more than is kept")


def shortened(line: str) -> str:
    """The line as it is shown, cut where it is very long."""
    if len(line) > LONGEST:
        line = f"{line[:LONGEST]}… ({len(line) - LONGEST:,} more characters)"
    return flat(line)
