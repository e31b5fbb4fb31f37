"""`python -m benchmarks [--quick] [--only SUBJECT]…`: one run, all subjects, the results in benchmarks/results/."""

import argparse
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from benchmarks import (
    engine,
    first_calls,
    first_frame,
    flood,
    keystrokes,
    layers,
    lists,
    machine,
    neighbours,
    redaction,
    report,
    rounds,
    scale,
    styling,
    summary,
    targets,
    weight,
)
from benchmarks.loadgen import AsyncioGenerator
from benchmarks.model import BenchmarkError, Generator
from benchmarks.rounds import Plan, Row
from benchmarks.subjects.base import Subject, Unavailable
from benchmarks.subjects.clowdy import Clowdy
from benchmarks.subjects.exec_per_call import ExecPerCall
from benchmarks.subjects.functions_framework import FunctionsFramework
from benchmarks.subjects.hello import Hello
from benchmarks.subjects.workerd import Workerd
from benchmarks.wrk import Wrk

FULL = Plan(rounds=5, seconds=3, slow_seconds=6, warmup_seconds=0.5)
QUICK = Plan(rounds=2, seconds=1, slow_seconds=2, warmup_seconds=0.2)

SUBJECTS: dict[str, Callable[[], Subject]] = {
    "hello": Hello,
    "bubblewrap": lambda: Clowdy("bubblewrap"),
    "docker": lambda: Clowdy("docker"),
    "workerd": Workerd,
    "functions-framework": FunctionsFramework,
    "exec-per-call": ExecPerCall,
}
NEEDS_ENGINE = {"docker", "exec-per-call"}
FIRST_CALLS = "first-calls"
LISTS = "lists"
LAYERS = "layers"
FIRST_FRAME = "first-frame"
FLOOD = "flood"
KEYSTROKES = "keystrokes"
NEIGHBOURS = "neighbours"
WEIGHT = "weight"
REDACTION = "redaction"
STYLING = "styling"
SCALE = "scale"
# What takes ten minutes runs only where it is asked for.
USUAL = (*SUBJECTS, FIRST_CALLS, LISTS, LAYERS, FIRST_FRAME, FLOOD, KEYSTROKES, NEIGHBOURS, WEIGHT, REDACTION, STYLING)
CHOICES = (*USUAL, SCALE)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a first look in under 90 seconds")
    parser.add_argument("--only", action="append", choices=CHOICES, help="only this part; may be said more than once")
    parser.add_argument(
        "--generator", choices=("auto", "wrk", "ours"), default="auto", help="auto: wrk where there is one"
    )
    parser.add_argument(
        "--results", type=Path, default=Path(__file__).parent / "results", help="the folder to write to"
    )
    parser.add_argument(
        "--seconds", type=float, default=600, help="how long `--only scale` takes; ten minutes unless said"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminated)
    begun = time.monotonic()
    try:
        results = run(
            set(options.only or USUAL),
            QUICK if options.quick else FULL,
            _generator(options.generator),
            options.quick,
            options.seconds,
        )
    except BenchmarkError as error:
        sys.stderr.write(f"\nThe run failed:\n{error}\n")
        return 1
    written = report.write(results, options.results)
    sys.stdout.write(report.to_markdown(results))
    _say(f"\n{time.monotonic() - begun:.0f} s; written to {', '.join(path.name for path in written)}")
    return 0


def run(wanted: set[str], plan: Plan, generator: Generator, quick: bool, scale_seconds: float) -> report.Results:
    """Everything that was asked for.

    Raises:
        BenchmarkError: a wrong answer, a server that does not start, something left behind.
    """
    results = report.Results(machine.describe(), generator.name, "quick" if quick else "full", plan, {})
    drivers = wanted & {"bubblewrap", "docker"}
    with ExitStack() as stack:
        rows = _start(wanted & SUBJECTS.keys(), results, stack)
        if rows:
            results.samples = rounds.measure(rows, plan, generator, _say)
    results.figures = summary.summarise(results.samples, hello="hello", exec_per_call="exec-per-call")
    if FIRST_CALLS in wanted:
        for driver in sorted(drivers or {"bubblewrap", "docker"}):
            if why := _unavailable(driver):
                results.skipped[f"first calls, {driver}"] = why
            else:
                results.first_calls.append(first_calls.measure(driver, calls=3 if quick else 15, say=_say))
    if LISTS in wanted:
        # A quick look has no time to write a million calls.
        calls, times, seconds = (50_000, 50, 1.0) if quick else (1_000_000, 300, 3.0)
        results.lists = lists.measure(calls=calls, times=times, seconds=seconds, say=_say)
    if LAYERS in wanted:
        results.layers = layers.measure(times=3 if quick else 11, say=_say)
    if FIRST_FRAME in wanted:
        results.first_frame = first_frame.measure(rounds=3 if quick else 15, say=_say)
    if FLOOD in wanted:
        results.flood = flood.measure(seconds=6 if quick else 30, say=_say)
    if KEYSTROKES in wanted:
        results.keystrokes = keystrokes.measure(seconds=5 if quick else 20, say=_say)
    if NEIGHBOURS in wanted:
        seconds = 2.0 if quick else 5.0
        results.sections += [
            neighbours.fairness(seconds=seconds, say=_say),
            neighbours.concurrency(seconds=seconds, say=_say),
        ]
    if WEIGHT in wanted:
        results.sections += [
            weight.memory(calls=(1_000, 10_000) if quick else (1_000, 10_000, 50_000, 100_000), say=_say),
            weight.logging(say=_say),
            weight.bodies(times=5 if quick else 15, say=_say),
        ]
    if REDACTION in wanted:
        results.sections.append(redaction.measure(rounds=3 if quick else 15, say=_say))
    if STYLING in wanted:
        results.sections.append(styling.measure(rounds=3 if quick else 15, say=_say))
    if SCALE in wanted:
        results.sections.append(scale.measure(seconds=scale_seconds, say=_say))
    results.verdicts = targets.judge(results.figures)
    return results


def _start(wanted: set[str], results: report.Results, stack: ExitStack) -> list[Row]:
    rows = []
    for key, make in SUBJECTS.items():
        if key not in wanted:
            continue
        if why := _unavailable(key):
            results.skipped[key] = why
            continue
        _say(f"starting {key}")
        subject = stack.enter_context(make())
        try:
            found = subject.start()
        except Unavailable as reason:
            results.skipped[key] = str(reason)
            continue
        for name, request in found.items():
            rows.append(Row(name, subject, request))
            results.titles[name] = subject.title if len(found) == 1 else f"{subject.title}: {name.split()[-1]}"
    return rows


def _unavailable(key: str) -> str:
    return engine.problem() if key in NEEDS_ENGINE else ""


def _generator(choice: str) -> Generator:
    wrk = None if choice == "ours" else Wrk.find()
    if wrk is None and choice == "wrk":
        raise BenchmarkError("wrk is not installed")
    return wrk or AsyncioGenerator()


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    # As an exception it unwinds every `with`, so that nothing is left behind.
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
