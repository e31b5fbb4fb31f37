"""Hides a project's secrets in what is kept and shown of a call, wherever they stand in it as they are.

Most calls hold none of them, so that is what is found out first: by one search for all.
"""

import json
import re
from collections.abc import Iterable
from typing import Final, Self

MASK: Final = "****"
SHORTEST: Final = 8
"""Secrets of fewer characters are left alone: they would be found in every second word."""

_NUMBER: Final = re.compile(r"[0-9.eE+-]+\Z")
_SHORTEST_PART: Final = 4


class Redactor:
    """Knows some secrets. Made once per project and change, asked in every call."""

    __slots__ = ("_any_in_json", "_any_in_text", "_in_json", "_in_text")

    def __init__(self, in_text: tuple[str, ...], in_json: tuple[tuple[bytes, bytes], ...]) -> None:
        self._in_text = in_text
        self._in_json = in_json
        self._any_in_text = re.compile("|".join(map(re.escape, in_text)))
        self._any_in_json = re.compile(b"|".join(re.escape(secret) for secret, _ in in_json))

    @classmethod
    def of(cls, secrets: Iterable[str]) -> Self | None:
        """For the secrets that are long enough; None where there are none of those."""
        values = {value for secret in secrets for value in _forms(secret) if len(value) >= SHORTEST}
        if not values:
            return None
        # The longest first: one secret may hold another.
        ordered = sorted(values, key=lambda value: (-len(value), value))
        return cls(tuple(ordered), tuple(pair for value in ordered for pair in _in_json(value)))

    def text(self, text: str) -> str:
        """The text with `****` in every secret's place."""
        if self._any_in_text.search(text):
            for secret in self._in_text:
                text = text.replace(secret, MASK)
        return text

    def json(self, data: bytes, *, cut: bool = False) -> bytes:
        """JSON with `****` in every secret's place; `cut`: it is a prefix, which may end in the middle of one."""
        if self._any_in_json.search(data):
            for secret, mask in self._in_json:
                data = data.replace(secret, mask)
        return self._without_beginning(data) if cut else data

    def _without_beginning(self, data: bytes) -> bytes:
        for secret, mask in self._in_json:
            beginning = secret[:_SHORTEST_PART]
            at = data.find(beginning, max(0, len(data) - len(secret)))
            while at >= 0:
                if secret.startswith(data[at:]):
                    return data[:at] + mask
                at = data.find(beginning, at + 1)
        return data


def _forms(secret: str) -> Iterable[str]:
    """A secret as it is printed: whole, and each of its lines, because a log has lines."""
    yield secret
    yield secret.strip()
    if "\n" in secret:
        yield from (line for raw in secret.splitlines() if not (line := raw.strip()).startswith("-----"))


def _in_json(value: str) -> Iterable[tuple[bytes, bytes]]:
    # A number's digits may stand outside of quotes, where only other digits can take their place.
    mask = b"1" if _NUMBER.match(value) else MASK.encode()
    plain = json.dumps(value, ensure_ascii=False)[1:-1].encode("utf-8", "surrogatepass")
    escaped = json.dumps(value)[1:-1].encode()
    return dict.fromkeys(((plain, mask), (escaped, mask)))
