"""Figures in Prometheus's text format, under the names that OpenFaaS has made usual."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from clowdy_tui.services.counters import BOUNDS_S
from clowdy_tui.services.monitoring import FunctionReading, Reading

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[str, Mapping[str, str], float]

_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def to_text(reading: Reading) -> str:
    """All that was read, as one scrape."""
    functions = reading.functions
    called = [(item, item.calls) for item in functions if item.calls is not None]
    families = (
        _family(
            "gateway_function_invocation_started",
            "counter",
            "Calls that were begun.",
            (("", _of(item), calls.started) for item, calls in called),
        ),
        _family(
            "gateway_function_invocation_total",
            "counter",
            "Calls that ended, by the HTTP status that stands for how.",
            (
                ("", {**_of(item), "code": code}, count)
                for item, calls in called
                for code, count in sorted(calls.codes.items())
            ),
        ),
        _family(
            "gateway_functions_seconds",
            "histogram",
            "How long calls ran.",
            (sample for item in functions for sample in _histogram(item)),
        ),
        _family(
            "gateway_service_count",
            "gauge",
            "Instances of a function.",
            (("", _of(item), item.instances) for item in functions),
        ),
        _family(
            "clowdy_cold_starts_total",
            "counter",
            "Calls for which an instance had to be made.",
            (("", _of(item), calls.cold_starts) for item, calls in called),
        ),
        _family(
            "clowdy_queue_depth",
            "gauge",
            "Calls that wait for an instance.",
            (("", _of(item), item.waiting) for item in functions),
        ),
        _family(
            "clowdy_pool_instances",
            "gauge",
            "Sandboxes by state.",
            (("", {"state": state}, count) for state, count in reading.pool.items()),
        ),
    )
    return "".join(f"{line}\n" for family in families for line in family)


def _of(item: FunctionReading) -> dict[str, str]:
    return {"function_name": item.name}


def _histogram(item: FunctionReading) -> Iterator[Sample]:
    calls, labels = item.calls, _of(item)
    if calls is None:
        return
    total = 0
    for bound, total in zip((*map(_number, BOUNDS_S), "+Inf"), accumulate(calls.buckets), strict=True):
        yield "_bucket", {**labels, "le": bound}, total
    yield "_sum", labels, calls.seconds
    yield "_count", labels, total


def _family(name: str, kind: str, help_: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels.items())
        yield f"{name}{suffix}{{{shown}}} {_number(value)}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(round(value, 6))
