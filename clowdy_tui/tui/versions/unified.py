"""A unified diff, as the gateway writes it, read back into rows. No widget."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from clowdy_tui.tui.text import count
from clowdy_tui.tui.versions.diffing import Row, Side, changed

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def rows_of(diff: str) -> list[Row]:
    """What differs by a unified diff: the rows that `differing` finds, but for the lines after the last change."""
    return list(_rows(diff.split("\n")))


def _rows(lines: Sequence[str]) -> Iterator[Row]:
    went: list[Side] = []
    came: list[Side] = []
    old = new = old_left = new_left = 0
    for line in lines:
        sign, text = line[:1], line[1:]
        if old_left or new_left:
            if sign in "-+":
                if sign == "-":
                    went.append(Side(old, text))
                    old, old_left = old + 1, old_left - 1
                else:
                    came.append(Side(new, text))
                    new, new_left = new + 1, new_left - 1
            elif sign != "\\":
                yield from _paired(went, came)
                yield Row("same", Side(old, text), Side(new, text))
                old, new, old_left, new_left = old + 1, new + 1, old_left - 1, new_left - 1
            if old_left or new_left:
                continue
            yield from _paired(went, came)
        elif hunk := _HUNK.match(line):
            before = old
            old, new = int(hunk[1]), int(hunk[3])
            old_left, new_left = (int(1 if many is None else many) for many in (hunk[2], hunk[4]))
            if (hidden := old - max(1, before)) > 0:
                yield Row("gap", text=f"{count(hidden, 'line')} {'is' if hidden == 1 else 'are'} the same")
        elif line.startswith("+++ "):
            old = new = 0
            yield Row("file", text=line[4:].partition("\t")[0])
    # What was cut off in the middle is shown as far as it goes.
    yield from _paired(went, came)


def _paired(went: list[Side], came: list[Side]) -> Iterator[Row]:
    for before, after in zip_longest(went, came):
        yield changed(before, after) if before and after else Row("changed", before, after)
    went.clear()
    came.clear()
