"""What the figures should reach. Said next to them, met or not met; a run never fails for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.summary import Figures


@dataclass(frozen=True, slots=True)
class Target:
    """`field` of a row's figures at so many clients, at most or at least this; over `over`'s, where it names a row."""

    row: str
    clients: int
    field: str
    bound: float
    at_most: bool
    words: str
    over: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`met` is None where the figure was not measured in this run."""

    words: str
    value: float | None
    met: bool | None


TARGETS = (
    Target("bubblewrap invoke", 1, "p50_to_hello", 2.5, True, "bubblewrap: warm p50 at most 2.5 × hello, 1 client"),
    Target("docker invoke", 1, "p50_to_hello", 4, True, "docker: warm p50 at most 4 × hello, 1 client"),
    Target(
        "bubblewrap invoke", 8, "rate_to_hello", 0.4, False, "bubblewrap: at least 0.4 × hello's calls/s, 8 clients"
    ),
    Target("docker invoke", 8, "rate_to_hello", 0.2, False, "docker: at least 0.2 × hello's calls/s, 8 clients"),
    Target(
        "bubblewrap invoke",
        8,
        "rate_to_exec",
        600,
        False,
        "bubblewrap: at least 600 × exec-per-call's calls/s, 8 clients",
    ),
    Target("docker invoke", 8, "rate_to_exec", 250, False, "docker: at least 250 × exec-per-call's calls/s, 8 clients"),
    Target(
        "bubblewrap invoke",
        8,
        "calls_per_s",
        4,
        False,
        "bubblewrap: at least 4 × functions-framework's calls/s, 8 clients",
        over="functions-framework",
    ),
    Target(
        "bubblewrap invoke",
        8,
        "calls_per_s",
        0.75,
        False,
        "bubblewrap: at least 0.75 × workerd's calls/s, 8 clients",
        over="workerd",
    ),
)


def judge(figures: Iterable[Figures]) -> list[Verdict]:
    """One verdict for each target."""
    by_row = {(figure.row, figure.clients): figure for figure in figures}
    verdicts = []
    for target in TARGETS:
        figure = by_row.get((target.row, target.clients))
        value: float | None = getattr(figure, target.field) if figure else None
        if value is not None and target.over is not None:
            other = by_row.get((target.over, target.clients))
            value = value / getattr(other, target.field) if other else None
        met = None if value is None else value <= target.bound if target.at_most else value >= target.bound
        verdicts.append(Verdict(target.words, value, met))
    return verdicts
