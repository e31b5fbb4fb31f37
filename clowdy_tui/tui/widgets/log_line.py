"""How lines of the log read, as pieces of text with the names of their styles: no widget needed."""

import re
from typing import Final

from rich.cells import cell_len

from clowdy_tui.tui.text import duration, shorten, visible
from clowdy_tui.tui.widgets.log_buffer import Line

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


def printed(kind: str, text: str, part: int, sought: str) -> list[Piece]:
    """What a call printed, or its error; `part` counts from 0 where a line was wrapped, `sought` is marked in it."""
    lead = _LEADS[kind] if part == 0 else ("    ┊ ", "bar")
    style = _TEXTS[kind]
    if not sought:
        return [lead, (text, style)]
    pieces: list[Piece] = [lead]
    at = 0
    for found in re.finditer(re.escape(sought), text, re.IGNORECASE):
        if found.start() > at:
            pieces.append((text[at : found.start()], style))
        pieces.append((found[0], "match"))
        at = found.end()
    pieces.append((text[at:], style))
    return pieces
