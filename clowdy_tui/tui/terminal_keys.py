"""What a terminal sends for a key, where Textual reads something else in it.

Terminals with the newer keyboard protocol send other bytes, which are read as they should be.
"""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from string import ascii_lowercase, digits
from typing import Any, Final, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


@dataclass(frozen=True, slots=True)
class SentKey:
    """A key's name in `value`, as a member of Textual's `Keys` has it."""

    value: str


READ_AS: Final[Mapping[str, str]] = {
    # Textual waits for what may follow. What does follow on a slow line, an arrow say, makes characters of both.
    **{f"\x1b{letter}": f"alt+{letter}" for letter in ascii_lowercase + digits if letter not in "bf"},
    # Textual reads ctrl+w, as a shell does: in a file that would close it, and not delete a word.
    "\x1b\x7f": "alt+backspace",
    # Of terminals whose backspace is ctrl+h; read as a plain one.
    "\x1b\x08": "alt+backspace",
    # Read without alt: the one would send what is to go on in a new line, the other would type a full stop.
    "\x1b\r": "alt+enter",
    "\x1b.": "alt+full_stop",
}
"""Keys by the bytes that come. With b and f some terminals say the arrow keys for a word: so these stay."""


def teach() -> None:
    """Have Textual read these keys as what they are. Once is enough."""
    known = cast("MutableMapping[str, Any]", ANSI_SEQUENCES_KEYS)
    known.update({sent: (SentKey(key),) for sent, key in READ_AS.items()})
