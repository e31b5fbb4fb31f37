"""What differs between two bundles of files, as rows that can stand side by side or under each other. No widget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

from clowdy_tui.domain.schemas import VersionOut
from clowdy_tui.tui.state import ENTRY_PATH
from clowdy_tui.tui.text import lines_of

Bundle = Mapping[str, str]
CONTEXT = 3
"""Lines shown around what has changed."""


@dataclass(frozen=True, slots=True)
class Side:
    """One line on one side: its number from 1, its text, and which columns of it differ (all of them: None)."""

    number: int
    text: str
    changed: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """`same` has both sides, `changed` one or both; `file` and `gap` have a text instead."""

    kind: Literal["file", "gap", "same", "changed"]
    old: Side | None = None
    new: Side | None = None
    text: str = ""


def bundle_of(version: VersionOut) -> Bundle:
    """All files of a version by their paths, the entry among them."""
    return {ENTRY_PATH: version.code, **version.files}


def differing(old: Bundle, new: Bundle) -> list[Row]:
    """Every file that differs, with a few lines around each change."""
    rows: list[Row] = []
    for path in sorted({*old, *new}, key=lambda path: (path != ENTRY_PATH, path)):
        before, after = old.get(path), new.get(path)
        if before != after:
            what = " (new)" if before is None else " (deleted)" if after is None else ""
            rows.append(Row("file", text=path + what))
            rows += _file(_lines(before), _lines(after))
    return rows


def changed_lines(old: Bundle, new: Bundle) -> tuple[int, int]:
    """How many lines came and how many went."""
    came = went = 0
    for path in {*old, *new}:
        before, after = _lines(old.get(path)), _lines(new.get(path))
        if before != after:
            for tag, top, bottom, first, last in _opcodes(before, after):
                if tag != "equal":
                    went += bottom - top
                    came += last - first
    return came, went


def under_each_other(rows: Sequence[Row]) -> list[Row]:
    """The same rows with one line each: of a run of changes first all that went, then all that came."""
    found: list[Row] = []
    run: list[Row] = []
    for row in [*rows, Row("gap")]:
        if row.kind == "changed":
            run.append(row)
            continue
        found += [Row("changed", old=each.old) for each in run if each.old]
        found += [Row("changed", new=each.new) for each in run if each.new]
        run = []
        found.append(row)
    return found[:-1]


def _lines(text: str | None) -> list[str]:
    if not text:
        return []
    lines = lines_of(text)
    return lines[:-1] if lines[-1] == "" else lines


def _opcodes(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    # What is the same at both ends is most of it, and need not be looked through for pairs.
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    if head:
        yield "equal", 0, head, 0, head
    middle = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail])
    for tag, top, bottom, first, last in middle.get_opcodes():
        yield tag, top + head, bottom + head, first + head, last + head
    if tail:
        yield "equal", len(old) - tail, len(old), len(new) - tail, len(new)


def _file(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    codes = list(_opcodes(old, new))
    for index, (tag, top, bottom, first, last) in enumerate(codes):
        if tag != "equal":
            for offset in range(max(bottom - top, last - first)):
                yield _pair(old, new, top + offset if top + offset < bottom else None,
                            first + offset if first + offset < last else None)  # fmt: skip
            continue
        before = CONTEXT if index else 0
        after = CONTEXT if index < len(codes) - 1 else 0
        if bottom - top <= before + after + 1:
            shown = [*range(bottom - top)]
        else:
            shown = [*range(before), -1, *range(bottom - top - after, bottom - top)]
        for offset in shown:
            if offset < 0:
                hidden = bottom - top - before - after
                yield Row("gap", text=f"{hidden:,} lines are the same")
            else:
                left, right = top + offset, first + offset
                yield Row("same", Side(left + 1, old[left]), Side(right + 1, new[right]))


def _pair(old: Sequence[str], new: Sequence[str], left: int | None, right: int | None) -> Row:
    if left is None or right is None:
        return Row(
            "changed",
            None if left is None else Side(left + 1, old[left]),
            None if right is None else Side(right + 1, new[right]),
        )
    return changed(Side(left + 1, old[left]), Side(right + 1, new[right]))


def changed(old: Side, new: Side) -> Row:
    """A line that became another, with the columns that differ where the two have much in common."""
    before, after = old.text, new.text
    room = min(len(before), len(after))
    head = next((at for at in range(room) if before[at] != after[at]), room)
    tail = next((at for at in range(room - head) if before[-1 - at] != after[-1 - at]), room - head)
    if head + tail < max(len(before), len(after)) // 3:
        # Two lines that have little in common are not the same line, changed.
        return Row("changed", old, new)
    return Row(
        "changed",
        replace(old, changed=(head, len(before) - tail)),
        replace(new, changed=(head, len(after) - tail)),
    )
