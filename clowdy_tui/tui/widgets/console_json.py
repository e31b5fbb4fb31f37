"""The input of a test call: text → value, or what is wrong with it and where."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class Parsed:
    """`problem` is "" where the text is JSON; else `line` and `column` (both from 1) say where it is not."""

    value: Any = None
    problem: str = ""
    line: int = 0
    column: int = 0

    @property
    def ok(self) -> bool:
        """Whether it can be sent."""
        return not self.problem


def parse(text: str) -> Parsed:
    """Nothing at all is `null`. Strict: `NaN` and halves of surrogate pairs are refused, as they are on the wire."""
    if not text.strip():
        return Parsed()
    try:
        value = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        return _explained(error)
    except _NoJsonError as error:
        place = text.find(error.constant)
        return Parsed(
            problem=str(error), line=text.count("\n", 0, place) + 1, column=place - text.rfind("\n", 0, place)
        )
    except UnicodeEncodeError:
        return Parsed(problem="half of a surrogate pair cannot be sent", line=1, column=1)
    except RecursionError:
        return Parsed(problem="nested too deeply", line=1, column=1)
    except ValueError as error:
        # A number with more digits than Python takes.
        return Parsed(problem=str(error).partition(";")[0], line=1, column=1)
    return Parsed(value)


class _NoJsonError(ValueError):
    def __init__(self, constant: str) -> None:
        self.constant = constant
        super().__init__(f"{constant} is not JSON")


def _refuse(constant: str) -> NoReturn:
    raise _NoJsonError(constant)


def _explained(error: json.JSONDecodeError) -> Parsed:
    """Python's words made plainer, and the same in every version of it."""
    text, place, said = error.doc, error.pos, _PLAINER.get(error.msg, error.msg[:1].lower() + error.msg[1:])
    before = text[:place].rstrip()
    if before.endswith(",") and text[place : place + 1] in {"}", "]"}:
        # Newer versions of Python point at the comma, older ones at what comes after it.
        place, said = len(before) - 1, _TRAILING
    return Parsed(problem=said, line=text.count("\n", 0, place) + 1, column=place - text.rfind("\n", 0, place))


_TRAILING = "a comma too many"
_PLAINER = {
    "Expecting value": "value missing",
    "Expecting property name enclosed in double quotes": '"name" missing',
    "Expecting ',' delimiter": "comma missing",
    "Expecting ':' delimiter": "colon missing",
    "Extra data": "nothing may follow",
    "Unterminated string starting at": "string does not end",
    "Illegal trailing comma before end of object": _TRAILING,
    "Illegal trailing comma before end of array": _TRAILING,
}
