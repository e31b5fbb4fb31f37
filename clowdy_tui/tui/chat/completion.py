"""What may come next where the cursor is: commands after a slash, functions after an `@`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from clowdy_tui.tui.chat.commands import COMMANDS

MOST: Final = 50

_COMMAND: Final = re.compile(r"/(\w*)\Z")
_MENTION: Final = re.compile(r"(?:^|(?<=[\s(,]))@(\"[^\"]*|[\w./-]*)\Z")
_MENTIONS: Final = re.compile(r"(?:^|(?<=[\s(,]))@(?:\"([^\"]+)\"|([\w./-]*[\w-]))")


@dataclass(frozen=True, slots=True)
class Mentionable:
    """A function, by the name of its project and its own."""

    id: str
    name: str
    project: str = ""

    @property
    def title(self) -> str:
        return f"{self.project}/{self.name}" if self.project else self.name


@dataclass(frozen=True, slots=True)
class Choice:
    """`insert` takes the place of what was typed so far."""

    insert: str
    title: str
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """`typed` is how many characters before the cursor they replace."""

    typed: int
    choices: Sequence[Choice]


def complete(before: str, functions: Sequence[Mentionable]) -> Choices:
    """For the text before the cursor; without choices where there is nothing to complete."""
    if found := _COMMAND.fullmatch(before):
        word = found[1].lower()
        fitting = [each for each in COMMANDS if each.name.startswith(word)]
        choices = [
            Choice(f"/{each.name}{' ' if each.takes else ''}", f"/{each.name}", each.description) for each in fitting
        ]
        return Choices(len(before), choices)
    if found := _MENTION.search(before):
        word = found[1].strip('"').casefold()
        fits = sorted(
            (each for each in functions if word in each.title.casefold()),
            key=lambda each: (not each.name.casefold().startswith(word), each.title.casefold()),
        )
        return Choices(len(found[0]), [Choice(f"{written(each)} ", each.title) for each in fits[:MOST]])
    return Choices(0, ())


def written(function: Mentionable) -> str:
    """A mention as it is typed."""
    title = function.title
    return f"@{title}" if re.fullmatch(r"[\w./-]*[\w-]", title) else f'@"{title}"'


def mentioned(text: str, functions: Sequence[Mentionable]) -> list[str]:
    """The ids of the functions that a question names; a bare name that several have stands for all of them."""
    found: dict[str, None] = {}
    for match in _MENTIONS.finditer(text):
        name = match[1] or match[2]
        for function in functions:
            if name in (function.title, function.name):
                found[function.id] = None
    return list(found)
