"""Where a call's time went: waiting for an instance, making one ready, running. In words and as a bar."""

from typing import Final

from textual.content import Content

from clowdy_tui.tui.text import duration

WORTH_SAYING_US: Final = 50
PARTS: Final = (("queue", "░", "$warning"), ("init", "▒", "$secondary"), ("run", "█", "$success"))


def timing_words(queue_us: int, init_us: int, run_us: int) -> list[str]:
    """`run 12 ms`, `init 35 ms`, `queue 0.2 ms`: the first always, the others where they took any time."""
    waits = [("init", init_us), ("queue", queue_us)]
    said = [f"{name} {duration(us / 1000)}" for name, us in waits if us >= WORTH_SAYING_US]
    return [f"run {duration(run_us / 1000)}" if said else duration(run_us / 1000), *said]


def timing_bar(queue_us: int, init_us: int, run_us: int, width: int) -> Content:
    """The three parts one after the other, each in its share of `width` cells: at least one where it took any time."""
    times = [max(0, queue_us), max(0, init_us), max(1, run_us)]
    cells = _shares([us if us >= WORTH_SAYING_US else 0 for us in times[:2]] + times[2:], width)
    parts = [(sign * many, style) for (_, sign, style), many in zip(PARTS, cells, strict=True) if many]
    return Content.assemble(*parts)


def timing_legend(queue_us: int, init_us: int, run_us: int) -> Content:
    """`░ queue 0.2 ms  ▒ init 35 ms  █ run 12 ms`."""
    times = zip(PARTS, (queue_us, init_us, run_us), strict=True)
    said = [Content.assemble((f"{sign} ", style), (f"{name} {duration(us / 1000)}", "$foreground"))
            for (name, sign, style), us in times if us >= WORTH_SAYING_US or name == "run"]  # fmt: skip
    return Content("   ").join(said)


def _shares(times: list[int], width: int) -> list[int]:
    """Whole cells in proportion, which add up to the width."""
    least = [1 if time else 0 for time in times]
    whole, room = sum(times), max(0, width - sum(least))
    exact = [time * room / whole for time in times]
    cells = [one + int(share) for one, share in zip(least, exact, strict=True)]
    by_rest = sorted(range(len(times)), key=lambda place: exact[place] - int(exact[place]), reverse=True)
    for place in by_rest[: max(0, width - sum(cells))]:
        cells[place] += 1
    return cells
