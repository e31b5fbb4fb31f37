"""Text from outside, made fit to be shown: literally, on as many lines as were meant, and nothing invisible."""

import re
from typing import Final

from rich.cells import cell_len, set_cell_size
from textual.content import Content

_CONTROL_PICTURES: Final = {code: chr(0x2400 + code) for code in range(32)} | {127: "\u2421"}
_HIDDEN: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)


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
