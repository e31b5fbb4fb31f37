"""The interleaved rounds: A B C, A B C, … so that whatever else the machine does falls on all of them alike."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import cpu
from benchmarks.loadgen import AsyncioGenerator
from benchmarks.model import Generator, Load, Request
from benchmarks.subjects.base import Subject

# Under this rate at one client a load of a few seconds holds so few calls that those which `wrk` drops at its end
# would be a good part of them; our own generator waits for them.
SLOW_CALLS_PER_S = 50


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how often. `slow_seconds` is for what answers only a few calls a second."""

    rounds: int
    seconds: float
    slow_seconds: float
    warmup_seconds: float
    clients: tuple[int, ...] = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class Sample:
    """One load of one row in one round. `elsewhere` is what other programs used meanwhile, in cores."""

    row: str
    clients: int
    round: int
    calls: int
    calls_per_s: float
    p50_us: float
    p99_us: float
    cpu_us: float | None
    elsewhere: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a request, and the subject that answers it."""

    name: str
    subject: Subject
    request: Request


def measure(rows: list[Row], plan: Plan, generator: Generator, say: Callable[[str], None]) -> list[Sample]:
    """All loads of all rounds.

    Raises:
        BenchmarkError: a wrong answer, from whichever of them.
    """
    ours = AsyncioGenerator()
    slow = {row.name for row in rows if _is_slow(row, ours)}
    samples = []
    for number in range(1, plan.rounds + 1):
        for clients in plan.clients:
            for row in rows:
                by = ours if row.name in slow else generator
                seconds = plan.slow_seconds if row.name in slow else plan.seconds
                if row.name not in slow:
                    ours.load(row.request, clients=clients, seconds=plan.warmup_seconds)
                    row.subject.settle()
                sample = take(row, clients, number, seconds, by)
                samples.append(sample)
                say(_line(sample, plan))
    return samples


def _is_slow(row: Row, generator: Generator) -> bool:
    load = generator.load(row.request, clients=1, seconds=0.1)
    return load.calls / load.seconds < SLOW_CALLS_PER_S


def take(row: Row, clients: int, number: int, seconds: float, generator: Generator) -> Sample:
    """One load of one row, with the CPU that it and other programs used.

    Raises:
        BenchmarkError: a wrong answer.
    """
    roots = row.subject.roots() if cpu.can_be_read() else set()
    if not roots:
        return _to_sample(row.name, clients, number, generator.load(row.request, clients=clients, seconds=seconds))
    machine, tree, own = cpu.machine_seconds(), cpu.tree(roots), _own_seconds()
    load = generator.load(row.request, clients=clients, seconds=seconds)
    # Sandboxes that came in the meantime hang below the same roots, but a shim of the engine's is a root of its own.
    served = cpu.seconds_between(tree, cpu.tree(roots | row.subject.roots()))
    elsewhere = cpu.machine_seconds() - machine - served - (_own_seconds() - own)
    return _to_sample(row.name, clients, number, load, served / load.calls * 1e6, max(0.0, elsewhere / load.seconds))


def _to_sample(
    name: str, clients: int, number: int, load: Load, cpu_us: float | None = None, elsewhere: float | None = None
) -> Sample:
    rate = load.calls / load.seconds
    return Sample(name, clients, number, load.calls, rate, load.p50_us, load.p99_us, cpu_us, elsewhere)


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _line(sample: Sample, plan: Plan) -> str:
    cost = "" if sample.cpu_us is None else f", {sample.cpu_us:.0f} µs of CPU a call"
    return (
        f"[{sample.round}/{plan.rounds}] {sample.row}, {sample.clients} client{'s' * (sample.clients > 1)}: "
        f"p50 {sample.p50_us / 1000:.2f} ms, p99 {sample.p99_us / 1000:.2f} ms, {sample.calls_per_s:,.0f} calls/s{cost}"
    )
