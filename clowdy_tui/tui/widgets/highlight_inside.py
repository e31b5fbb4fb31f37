"""What goes on over a line's end, by language: strings and comments. Kept for each line, and costs next to nothing.

A window of a text that is parsed alone cannot know whether it begins inside of one; this can.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Over:
    """Something that goes over lines: how it opens, and what closes it (`until` finds that from anywhere inside)."""

    opens: str
    closes: str
    until: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Rules:
    """`token` finds in a line what may open, and what must be passed over: other strings, comments up to the end."""

    overs: tuple[Over, ...]
    token: re.Pattern[str]


def _over(opens: str, closes: str, *, escapes: bool = False) -> Over:
    inner = r"(?:\\.|[^\\])*?" if escapes else r".*?"
    return Over(opens, closes, re.compile(inner + re.escape(closes)))


_STRINGS = r'"(?:\\.|[^"\\])*"?|' + r"'(?:\\.|[^'\\])*'?"
_TRIPLES = _Rules(
    (_over('"""', '"""', escapes=True), _over("'''", "'''", escapes=True)),
    re.compile(r"\"{3}|'{3}|#.*|" + _STRINGS),
)
_COMMENT = _over("/*", "*/")
_FENCES = tuple(Over(mark, mark, re.compile(rf"^\s{{0,3}}{mark}+\s*$")) for mark in ("```", "~~~"))

_RULES: Final[Mapping[str, _Rules]] = {
    "python": _TRIPLES,
    "toml": _TRIPLES,
    "javascript": _Rules((_COMMENT, _over("`", "`", escapes=True)), re.compile(r"/\*|//.*|`|" + _STRINGS)),
    "css": _Rules((_COMMENT,), re.compile(r"/\*|" + _STRINGS)),
    "sql": _Rules((_COMMENT,), re.compile(r"/\*|--.*|'(?:[^']|'')*'?|\"[^\"]*\"?")),
    "html": _Rules((_over("<!--", "-->"),), re.compile(r"<!--")),
    "markdown": _Rules(_FENCES, re.compile(r"^\s{0,3}(?P<fence>```|~~~)")),
}


class Inside:
    """For each line 0 where it begins outside of everything, else which of the language's `overs` it begins in."""

    def __init__(self, language: str) -> None:
        self._rules = _RULES.get(language)
        self._signs = () if self._rules is None else tuple({sign for over in self._rules.overs
                                                            for sign in (over.opens, over.closes)})  # fmt: skip
        self._states = bytearray(1)

    def edited(self, row: int) -> None:
        """Lines from `row` on are not what they were."""
        del self._states[row + 1 :]

    def at(self, lines: Sequence[str], row: int) -> int:
        """The state of a row, computed down to there."""
        if self._rules is None:
            return 0
        known, signs = self._states, self._signs
        state = known[-1]
        for line in lines[len(known) - 1 : row]:
            if any(sign in line for sign in signs):
                state = self._after(line, state)
            known.append(state)
        return known[row]

    def closing(self, lines: Sequence[str], row: int) -> str:
        """What closes, in front of a row, what is open there."""
        state = self.at(lines, row)
        return self._rules.overs[state - 1].closes if self._rules and state else ""

    def _after(self, line: str, state: int) -> int:
        """The state behind a line that begins with `state`."""
        assert self._rules is not None
        overs, token = self._rules.overs, self._rules.token
        at = 0
        while True:
            if state:
                closed = overs[state - 1].until.match(line, at)
                if closed is None:
                    return state
                at, state = closed.end(), 0
            found = token.search(line, at)
            while found is not None and (state := self._opened(found, overs)) == 0:
                found = token.search(line, max(found.end(), found.start() + 1))
            if found is None:
                return 0
            at = found.end()
            if "fence" in found.re.groupindex:
                # What follows on that line is what the fence is for.
                return state

    @staticmethod
    def _opened(found: re.Match[str], overs: Sequence[Over]) -> int:
        text = found[found.lastgroup] if found.lastgroup else found[0]
        return next((number for number, over in enumerate(overs, 1) if over.opens == text), 0)
