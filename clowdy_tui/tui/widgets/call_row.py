"""How a call reads in one row: when, how it ended, how long it took, what went in and what came out."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len

from clowdy_tui.tui.text import duration, flat, shorten, visible
from clowdy_tui.tui.widgets.log_line import Piece, status_piece

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import InvocationOut

CUT: Final = 160
"""Characters of input and output that are fetched for a row."""
REQUEST: Final = 14
"""Cells that a request has at least: most arrows stand below each other."""


def call_row(call: InvocationOut, width: int, *, name: str = "", today: date) -> list[Piece]:
    """In at most `width` cells; `name` is the function's, where the rows are of several."""
    began = call.created_at.astimezone()
    when = f"{began:%H:%M:%S}" if began.date() == today else f"{began:%d %b %H:%M}"
    status, style = status_piece(call.status.value)
    pieces: list[Piece] = [
        ("▎", style),
        (f"{when:<12} " if width >= 66 else f"{when[:8]:<8} ", "time"),
        (f"{status:<10}", style),
        (f"{duration(call.duration_us / 1000):>8}  ", "what"),
        (f"{'cold' if call.cold_start else 'warm':<5}", "odd" if call.cold_start else "time"),
        (f"v{call.version:<4}", "time"),
    ]
    if name:
        room = 18 if width >= 100 else 12
        pieces.append((_fit(visible(name), room) + "  ", "name"))
    request = visible(" ".join(part for part in (call.http_method, call.http_path) if part))
    if width >= 90:
        pieces.append((_fit(request or visible(call.source), 22 if width >= 130 else REQUEST) + "  ", "what"))
    left = width - sum(cell_len(text) for text, _ in pieces)
    if left < 8:
        return pieces
    # All events of requests begin alike: the request itself says more.
    given = f"{request:<{REQUEST}}" if request else _body(call.input, cut=call.input_truncated)
    if request and width >= 90:
        given = ""
    failed = call.error_type or call.status.value.replace("_", " ")
    gave = _body(call.output, cut=call.output_truncated) if call.status.value == "success" else visible(failed)
    gave_style = "text" if call.status.value == "success" else style
    if not given:
        return [*pieces, ("→ ", "time"), (shorten(gave, left - 2), gave_style)]
    # The answer gets what the input leaves of its half, and the other way round.
    room = max(left - 3 - cell_len(gave), (left - 3) // 2)
    given = shorten(given, room)
    gave = shorten(gave, left - 3 - cell_len(given))
    return [*pieces, (given, "text"), (" → ", "time"), (gave, gave_style)]


def _fit(text: str, room: int) -> str:
    text = shorten(text, room)
    return text + " " * (room - cell_len(text))


def _body(text: str | None, *, cut: bool) -> str:
    if text is None:
        return "not kept"
    return flat(" ".join(text.split())) + ("…" if cut else "")
