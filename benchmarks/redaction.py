"""What hiding a project's secrets costs a call: its input, its output and three lines that it printed."""

import json
import secrets
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from benchmarks.section import Section
from clowdy_tui.domain.redaction import Redactor

SECRETS = (0, 10, 50)
BODY_BYTES = (100, 10_000, 250_000)
LINES = ("called with 17 orders", "asked https://example.org/api/orders?page=2: 200 in 31 ms", "done, 17 of 17")
ROUND_S = 0.03


def measure(*, rounds: int, say: Callable[[str], None]) -> Section:
    """No call here holds a secret, as hardly any does. CPU of this thread."""
    section = Section(
        "Secrets hidden",
        "CPU time of searching a call's input, output and three log lines for a project's secrets (of 32 characters), "
        "microseconds a call, medians of rounds in turn. Beside it one search for each secret by itself, and "
        "`json.loads` of both bodies. Without secrets nothing is searched.",
        ["bodies of", "secrets", "µs a call", "each by itself", "× of it", "json.loads", "× of it"],
    )
    for size in BODY_BYTES:
        body = json.dumps({"rows": [{"id": number, "name": "x" * 40} for number in range(size // 60 + 1)]}).encode()
        for count in SECRETS:
            known = [secrets.token_hex(16) for _ in range(count)]
            redactor = Redactor.of(known)
            ways = (
                partial(_hide, redactor, body),
                partial(_search, known, [secret.encode() for secret in known], body),
                partial(_parse, body),
            )
            took: list[list[float]] = [[] for _ in ways]
            for _ in range(rounds):
                for way, samples in zip(ways, took, strict=True):
                    samples.append(_cost_us(way))
            ours, search, parse = map(median, took)
            say(f"redaction: {len(body):,} bytes, {count} secrets: {ours:.1f} µs a call")
            row = [f"{len(body):,} B", f"{count}", f"{ours:.1f}", f"{search:.1f}"]
            section.rows.append([*row, _ratio(ours, search, count), f"{parse:.1f}", _ratio(ours, parse, count)])
    return section


def _hide(redactor: Redactor | None, body: bytes) -> None:
    if redactor is None:
        return
    redactor.json(body)
    redactor.json(body)
    for line in LINES:
        redactor.text(line)


def _search(texts: list[str], encoded: list[bytes], body: bytes) -> None:
    found = [secret for _ in range(2) for secret in encoded if secret in body]
    assert not found + [secret for line in LINES for secret in texts if secret in line]


def _parse(body: bytes) -> None:
    json.loads(body)
    json.loads(body)


def _cost_us(work: Callable[[], None]) -> float:
    calls, begun = 0, time.thread_time()
    while (took := time.thread_time() - begun) < ROUND_S:
        for _ in range(8):
            work()
        calls += 8
    return took / calls * 1e6


def _ratio(ours: float, other: float, count: int) -> str:
    return f"{ours / other:.2f}" if count else "–"
