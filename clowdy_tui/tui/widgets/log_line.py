"""How lines of the log read, as pieces of text with the names of their styles: no widget needed."""

from typing import Final

from rich.cells import cell_len

from clowdy_tui.tui.text import duration, shorten, visible
from clowdy_tui.tui.widgets.log_call import Line, find_level
from clowdy_tui.tui.widgets.sought import Sought

Piece = tuple[str, str]

INDENT: Final = 6
"""Cells before what was printed."""

SIGNS: Final = {
    "success": ("✓", "good"),
    "error": ("✗", "bad"),
    "timeout": ("✗", "bad"),
    "out_of_memory": ("✗", "bad"),
    "crashed": ("✗", "bad"),
    "throttled": ("‖", "odd"),
    "unavailable": ("∅", "odd"),
    "cancelled": ("–", "odd"),
}
RUNNING: Final = ("…", "running")


def status_piece(status: str | None) -> Piece:
    """Sign and word: `✓ success`, `✗ out of memory`, `… running`."""
    sign, style = SIGNS.get(status, ("?", "odd")) if status else RUNNING
    return f"{sign} {visible((status or 'running').replace('_', ' '))}", style


def header(line: Line, width: int) -> list[Piece]:
    """A call in one line of at most `width` cells; where it is narrow, the least important parts go."""
    call = line.call
    status = status_piece(call.status)
    when = f"{call.began:%H:%M:%S}" if call.began else " " * 8
    name_room = 18 if width >= 100 else 14
    name = shorten(visible(call.function_name), name_room)
    route = " ".join(part for part in (call.method, call.path) if part) or call.source
    if line.kind == "more":
        return [("▏ ", "bar"), (when, "time"), ("  ", ""), (name, "name"), ("  goes on", "time")]
    tail: list[Piece] = [
        (f"{duration(call.duration_us / 1000) if not call.running else '':>8}", "what"),
        ("" if call.running else "cold" if call.cold else "warm", "odd" if call.cold else "time"),
    ]
    if call.version is not None and width >= 78:
        tail.append((f"v{call.version}", "time"))
    room = (
        width
        - (2 + 8 + 2 + name_room + 2)
        - (2 + max(9, cell_len(status[0])))
        - (2 + 8)
        - (2 + 4)
        - (6 if width >= 78 else 0)
    )
    what = shorten(visible(route), max(0, room))
    what += " " * (min(max(0, room), 34) - cell_len(what))
    pieces: list[Piece] = [
        ("▎ ", status[1]),
        (when, "time"),
        ("  ", ""),
        (name + " " * (name_room - cell_len(name)), "name"),
        ("  ", ""),
        (what, "what"),
        ("  ", ""),
        (f"{status[0]:<9}", status[1]),
    ]
    for text, style in tail:
        pieces += [("  ", ""), (f"{text:<4}", style)]
    return pieces


_LEADS: Final = {"stdout": ("    │ ", "bar"), "stderr": ("err │ ", "stderr"), "error": ("  ✗ │ ", "error")}
_TEXTS: Final = {"stdout": "text", "stderr": "stderr", "error": "error"}
_LEVELS: Final = {
    "trace": "time",
    "debug": "time",
    "info": "info",
    "warn": "warn",
    "error": "error",
    "fatal": "error",
}


def printed(kind: str, text: str, part: int, sought: Sought | None = None, *, beside: bool = False) -> list[Piece]:
    """What a call printed, or its error.

    `part` counts from 0 where a line was wrapped, `sought` is marked in it; `beside`: it was not sought, but stands
    next to what was.
    """
    lead = _LEADS[kind] if part == 0 else ("    ┊ ", "bar")
    if beside:
        return [(lead[0].replace("│", "·"), "bar"), (text, "beside")]
    style = _TEXTS[kind]
    marks: list[tuple[int, int, str]] = []
    if part == 0 and kind != "error":
        level, start, end = find_level(text)
        if level:
            marks.append((start, end, _LEVELS[level]))
    if sought is not None:
        found = [(start, end, "match") for start, end in sought.spans(text)]
        # What was sought is marked over the level that it may hold.
        marks = sorted([*(mark for mark in marks if not any(mark[0] < f[1] and f[0] < mark[1] for f in found)), *found])
    pieces: list[Piece] = [lead]
    at = 0
    for start, end, name in marks:
        if start > at:
            pieces.append((text[at:start], style))
        pieces.append((text[start:end], name))
        at = end
    pieces.append((text[at:], style))
    return pieces
