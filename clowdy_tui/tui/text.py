"""Text from outside, made fit to be shown: literally, on as many lines as were meant, and nothing invisible."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from rich.cells import cell_len, chop_cells, set_cell_size
from textual.content import Content

_CONTROL_PICTURES: Final = {code: chr(0x2400 + code) for code in range(32)} | {127: "\u2421"}
_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
# What a line of code shows in place of them: one character for one, so that columns stay what they are.
_SYMBOLS: Final[dict[int, str]] = {
    **dict.fromkeys((0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F)), "\ufffd"),
    **dict.fromkeys((*range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC)), "\ufffd"),
    **dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000)), "\ufffd"),
    **dict.fromkeys((0x2028, 0x2029), "\u2424"),
    **_CONTROL_PICTURES,
}


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    return _CONTROL_PICTURES.get(code) or f"<{code:02x}>"


def visible(text: str, *, keep: str = "") -> str:
    """The text with each control, zero-width and direction-changing character shown; those in `keep` stay.

    Escape becomes `␛`, a newline `␊`, a right-to-left override `<202e>`: nothing reaches the terminal that it would
    obey, and nothing that makes a name look like another.
    """
    return _HIDDEN.sub(lambda match: match[0] if match[0] in keep else _picture(match), text)


def block(text: str) -> str:
    """As `visible`, for text of several lines: newlines stay and tabs become blanks."""
    return visible(text.replace("\r\n", "\n").expandtabs(4), keep="\n")


def literal(text: str, style: str = "") -> Content:
    """Content that shows the text as it is and reads no markup out of it."""
    return Content.styled(visible(text), style) if style else Content(visible(text))


def shorten(text: str, width: int) -> str:
    """At most `width` cells of the text, ending in `…` where it was cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def duration(milliseconds: float) -> str:
    """A span of time in three digits or so: `0.4 ms`, `12 ms`, `1.3 s`."""
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def since(moment: datetime, now: datetime) -> str:
    """How long ago, in one unit: `3 min ago`."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return "just now"


def size(number: int) -> str:
    """An amount of bytes in three digits or so: `7.9 MiB`."""
    if number >= 1024 * 1024 * 1000:
        return f"{number / 1024**3:.1f} GiB"
    return f"{number / 1024**2:.1f} MiB" if number >= 1024 * 100 else f"{number / 1024:.1f} KiB"


def symbols(text: str) -> str:
    """As `visible`, but as long as it was: each such character becomes one symbol. For code, where columns count."""
    return text if text.isprintable() else text.translate(_SYMBOLS)


def flat(line: str, tab_size: int = 4) -> str:
    """One line with its tabs expanded by cells, the rest as `symbols` has it."""
    if "\t" not in line:
        return symbols(line)
    head, *rest = line.split("\t")
    shown = symbols(head)
    for part in rest:
        shown += " " * (tab_size - cell_len(shown) % tab_size) + symbols(part)
    return shown


def column_at(line: str, cells: int, tab_size: int = 4) -> int:
    """The column (in characters) of the raw line that `flat` shows at cell `cells`; its length past its end."""
    if line.isascii() and line.isprintable():
        return min(cells, len(line))
    position = 0
    for column, character in enumerate(line):
        position += tab_size - position % tab_size if character == "\t" else cell_len(symbols(character))
        if position > cells:
            return column
    return len(line)


def lines_of(text: str) -> list[str]:
    """Splits at what ends a line in a file (`\\n`, `\\r\\n`, `\\r`) and nowhere else: a form feed ends no line.

    There is always one line at least; text that ends with a line's end has an empty one after it.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def wrap_cells(text: str, cells: int) -> list[str]:
    """Cut into pieces of at most `cells` cells each, a wide character never in two; at least one piece."""
    return [text] if cells <= 0 or cell_len(text) <= cells else chop_cells(text, cells)


def count(number: int, one: str, many: str = "") -> str:
    """`1 line`, `2 lines`, `12,000 lines`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def pack(parts: Sequence[str], width: int) -> str:
    """The parts with ` · ` between them, in lines of so many cells that break between parts only."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]} · {part}" if lines else part
        if lines and cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(lines)
