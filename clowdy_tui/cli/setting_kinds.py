"""What a setting may be: each kind reads a value as the file, the environment or a flag has it, and says what it takes.

By hand and not by pydantic: the screen's first frame waits for the settings, and pydantic alone
would add a third of what an empty app takes.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

_WORDS: Final = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "on"), True),
    **dict.fromkeys(("0", "false", "f", "no", "n", "off"), False),
}


class Kind(Protocol):
    """One kind of setting."""

    @property
    def allowed(self) -> str:
        """What it takes, in words that go on from `is not allowed, only`."""

    def read(self, value: Any) -> Any:
        """The value as the program uses it.

        Raises:
            ValueError: it is none of this kind.
        """


class Secret:
    """A text that is shown nowhere, unless it is asked for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('****')"


@dataclass(frozen=True, slots=True)
class Number:
    """A number between two bounds, which may be it."""

    least: float
    most: float = math.inf
    whole: bool = False

    @property
    def allowed(self) -> str:
        span = f" from {self.least:g} up" if math.isinf(self.most) else f" from {self.least:g} to {self.most:.0f}"
        return ("a whole number" if self.whole else "a number") + span

    def read(self, value: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(value)
        number = int(value) if self.whole and isinstance(value, str) else float(value)
        if self.whole and number != int(number):
            raise ValueError(value)
        if not self.least <= number <= self.most:
            raise ValueError(value)
        return int(number) if self.whole else number


def whole(least: int, most: float = math.inf) -> Number:
    """A whole number between two bounds, which may be it."""
    return Number(least, most, whole=True)


class Switch:
    """On or off."""

    allowed: str = "true or false"

    def read(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, int | str) and str(value).lower() in _WORDS:
            return _WORDS[str(value).lower()]
        raise ValueError(value)


class Text:
    """Any text."""

    allowed: str = "a text"

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError(value)
        return value


class Hidden(Text):
    """A text that is shown nowhere."""

    def read(self, value: Any) -> Any:
        return Secret(super().read(value))


class Choice:
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    @property
    def allowed(self) -> str:
        return "one of " + ", ".join(self._words)

    def read(self, value: Any) -> str:
        if value not in self._words:
            raise ValueError(value)
        return str(value)


class Folder:
    """A path; `~` is the home, and what is not absolute begins in the working directory."""

    allowed: str = "a path"

    def read(self, value: Any) -> Path:
        if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
            raise ValueError(value)
        return Path(value).expanduser().absolute()


class Texts:
    """A list of texts; as one text, the way the environment and a flag carry it: `a, b`."""

    allowed: str = "a list of texts"

    def read(self, value: Any) -> list[str]:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise ValueError(value)
        return value


class Keys:
    """Ids of actions with their keys; as one text, as the environment has it: `function.run=f5 ctrl+e; app.help=f1`.

    An action's keys may be a list, too, or none at all.
    """

    allowed: str = "ids of actions, each with its keys"

    def read(self, value: Any) -> dict[str, str]:
        if isinstance(value, str):
            pairs = [part.partition("=") for part in value.split(";") if part.strip()]
            if not all(equals for _, equals, _ in pairs):
                raise ValueError(value)
            return {name.strip(): ",".join(keys.replace(",", " ").split()) for name, _, keys in pairs}
        if not isinstance(value, dict):
            raise ValueError(value)
        found: dict[str, str] = {}
        for name, keys in value.items():
            text = ",".join(map(str, keys)) if isinstance(keys, list) else "" if keys is None else keys
            if not isinstance(name, str) or not isinstance(text, str):
                raise ValueError(value)
            found[name] = text
        return found
