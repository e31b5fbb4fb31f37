"""From samples to figures: medians over rounds, and ratios taken within a round before their median."""

from dataclasses import dataclass
from statistics import median

from benchmarks.rounds import Sample


@dataclass(frozen=True, slots=True)
class Figures:
    """One row at one number of clients. Ratios are None where what they relate to was not measured.

    `*_to_hello` is this row's value over hello's; `rate_to_exec` its calls per second over those of exec-per-call.
    """

    row: str
    clients: int
    p50_us: float
    p99_us: float
    calls_per_s: float
    cpu_us: float | None
    p50_to_hello: float | None
    rate_to_hello: float | None
    cpu_to_hello: float | None
    p50_to_exec: float | None
    rate_to_exec: float | None
    cpu_to_exec: float | None


def summarise(samples: list[Sample], *, hello: str, exec_per_call: str) -> list[Figures]:
    """One for each row and number of clients, in the order in which they were measured."""
    groups: dict[tuple[str, int], dict[int, Sample]] = {}
    for sample in samples:
        groups.setdefault((sample.row, sample.clients), {})[sample.round] = sample
    figures = []
    for (row, clients), mine in groups.items():
        to_hello = _ratios(mine, groups.get((hello, clients), {}))
        to_exec = _ratios(mine, groups.get((exec_per_call, clients), {}))
        figures.append(
            Figures(
                row,
                clients,
                median(sample.p50_us for sample in mine.values()),
                median(sample.p99_us for sample in mine.values()),
                median(sample.calls_per_s for sample in mine.values()),
                _median([sample.cpu_us for sample in mine.values()]),
                *to_hello,
                *to_exec,
            )
        )
    return figures


def _ratios(mine: dict[int, Sample], other: dict[int, Sample]) -> tuple[float | None, float | None, float | None]:
    pairs = [(sample, other[number]) for number, sample in mine.items() if number in other]
    return (
        _median([a.p50_us / b.p50_us for a, b in pairs]),
        _median([a.calls_per_s / b.calls_per_s for a, b in pairs]),
        _median([a.cpu_us / b.cpu_us if a.cpu_us is not None and b.cpu_us else None for a, b in pairs]),
    )


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known and len(known) == len(values) else None
