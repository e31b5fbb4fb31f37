"""Takes secrets out of whatever goes to the model's server: the last thing that is done before it is sent."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

# Shorter ones are ordinary words and numbers: hiding them would hide everything else, and keep nothing.
MIN_LENGTH: Final = 4
_WHOLE_WORD_BELOW: Final = 8

_KNOWN_FORMS: Final = (
    ("clowdy token", re.compile(r"\bclowdy_[A-Za-z0-9_-]{20,}")),
    (
        "API key",
        re.compile(r"\b(?:gsk|sk|pk|rk|sk_live|sk_test|napi|ghp|gho|ghs|glpat|xox[abprs])[-_][A-Za-z0-9_-]{16,}"),
    ),
    ("AWS key", re.compile(r"\bA(?:KIA|SIA)[A-Z0-9]{16}\b")),
    ("JWT", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+")),
    (
        "private key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    ),
    ("password", re.compile(r"(?<=://)[^\s/:@\"']+:[^\s/@\"']+(?=@)")),
    ("bearer token", re.compile(r"(?i)(?<=\bbearer )[A-Za-z0-9._~+/=-]{16,}")),
)

MARK: Final = re.compile(r"«hidden: [^»]{1,120}»")


class Redactor:
    """Replaces secret values, however they are spelt, and what looks like a credential, by `«hidden: NAME»`.

    `secrets` are names and values. A name says which one it was, so that the model can write `os.environ["NAME"]`.
    """

    def __init__(self, secrets: Iterable[tuple[str, str]]) -> None:
        names: dict[str, str] = {}
        for name, value in secrets:
            for spelling in _spellings(value):
                names.setdefault(spelling, name)
        # The longest first: one secret may begin with another.
        ordered = sorted(names, key=len, reverse=True)
        self._values = [(re.compile(_pattern(spelling)), f"«hidden: {names[spelling]}»") for spelling in ordered]

    def text(self, text: str) -> str:
        """The text without what is secret in it."""
        for value, mark in self._values:
            text = value.sub(lambda _, mark=mark: mark, text)  # type: ignore[misc]
        for kind, form in _KNOWN_FORMS:
            text = form.sub(f"«hidden: {kind}»", text)
        return text

    def value(self, value: Any) -> Any:
        """A JSON value without what is secret in any text of it, names included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.value(name): self.value(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            # A secret of digits alone is a number in JSON.
            return value if self.text(text := json.dumps(value)) == text else self.text(text)
        return value


def _spellings(value: str) -> Iterable[str]:
    """A secret as it is, line by line, and as URLs and base64 have it."""
    lines = {value, *value.splitlines()}
    found = lines | {quote(text, safe="") for text in lines}
    encoded = base64.b64encode(value.encode()).decode()
    found |= {encoded.rstrip("="), base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")}
    return (text for text in found if len(text.strip()) >= MIN_LENGTH)


def _pattern(text: str) -> str:
    """A text as it is, and as it stands in JSON, in JSON within JSON, and so on."""
    pattern = "".join(map(_character, text))
    return rf"(?<!\w){pattern}(?!\w)" if len(text) < _WHOLE_WORD_BELOW else pattern


def _character(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    units = character.encode("utf-16-be").hex()
    escaped = "".join(rf"\\+u{units[start : start + 4]}" for start in range(0, len(units), 4))
    short = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}.get(character)
    letter = rf"|\\+{short}" if short else ""
    return rf"(?:\\*{re.escape(character)}|(?i:{escaped}){letter})"
