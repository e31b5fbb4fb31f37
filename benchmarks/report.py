"""The results for people (Markdown) and for programs (JSON)."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import first_frame, flood, keystrokes, layers, lists
from benchmarks.first_calls import FirstCalls
from benchmarks.first_frame import FirstFrame
from benchmarks.flood import Flood
from benchmarks.keystrokes import Keystrokes
from benchmarks.layers import Layers
from benchmarks.lists import Lists
from benchmarks.rounds import Plan, Sample
from benchmarks.section import Section
from benchmarks.summary import Figures
from benchmarks.targets import Verdict

# More than this used by other programs, and the figures are not to be trusted.
NOISE_CORES = 0.15

COLUMNS = ("p50 ms", "× hello", "p99 ms", "calls/s", "× hello", "× exec", "CPU µs/call", "× hello")


@dataclass(slots=True)
class Results:
    """Everything that one run found. `skipped` says of each subject that could not be measured why."""

    machine: dict[str, str]
    generator: str
    mode: str
    plan: Plan
    titles: dict[str, str]
    samples: list[Sample] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    first_calls: list[FirstCalls] = field(default_factory=list)
    lists: Lists | None = None
    layers: Layers | None = None
    first_frame: FirstFrame | None = None
    flood: Flood | None = None
    keystrokes: Keystrokes | None = None
    sections: list[Section] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def elsewhere(self) -> tuple[float, float] | None:
        """What other programs used during the loads, in cores: median and most."""
        known = [sample.elsewhere for sample in self.samples if sample.elsewhere is not None]
        return (median(known), max(known)) if known else None


def to_json(results: Results) -> str:
    return json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n"


def to_markdown(results: Results) -> str:
    parts = [
        "# Benchmark",
        _head(results),
        *(_table(results, clients) for clients in results.plan.clients if results.figures),
        _targets(results.verdicts),
        _first_calls(results.first_calls),
        lists.to_markdown(results.lists) if results.lists else "",
        layers.to_markdown(results.layers) if results.layers else "",
        first_frame.to_markdown(results.first_frame) if results.first_frame else "",
        flood.to_markdown(results.flood) if results.flood else "",
        keystrokes.to_markdown(results.keystrokes) if results.keystrokes else "",
        *(section.to_markdown() for section in results.sections),
        _skipped(results.skipped),
        _legend(results),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: Results) -> str:
    lines = [f"- {what}: {value}" for what, value in results.machine.items()]
    plan = results.plan
    lines.append(
        f"- load: {results.generator}; {results.mode}: {plan.rounds} rounds of {plan.seconds:g} s, interleaved"
    )
    if results.elsewhere:
        middle, most = results.elsewhere
        lines.append(f"- other programs used {middle:.2f} cores meanwhile (median of the loads; {most:.2f} at most)")
        if middle > NOISE_CORES:
            lines.append("- **the machine was not quiet: do not trust these figures**")
    return "\n".join(lines)


def _table(results: Results, clients: int) -> str:
    rows = [
        [
            results.titles[figures.row],
            f"{figures.p50_us / 1000:.2f}",
            _ratio(figures.p50_to_hello),
            f"{figures.p99_us / 1000:.2f}",
            f"{figures.calls_per_s:,.0f}" if figures.calls_per_s >= 100 else f"{figures.calls_per_s:.1f}",
            _ratio(figures.rate_to_hello),
            _ratio(figures.rate_to_exec),
            "–" if figures.cpu_us is None else f"{figures.cpu_us:,.0f}",
            _ratio(figures.cpu_to_hello),
        ]
        for figures in results.figures
        if figures.clients == clients
    ]
    head = ["", *COLUMNS]
    return f"## {clients} client{'s' * (clients > 1)}\n\n" + _grid(head, rows)


def _grid(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *("--:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 20 else f"{value:.2f}"


def _targets(verdicts: list[Verdict]) -> str:
    if all(verdict.met is None for verdict in verdicts):
        return ""
    words = {True: "met", False: "**not met**", None: "not measured"}
    rows = [[verdict.words, _ratio(verdict.value), words[verdict.met]] for verdict in verdicts]
    return "## Targets\n\n" + _grid(["target", "figure", ""], rows)


def _first_calls(found: list[FirstCalls]) -> str:
    if not found:
        return ""
    rows = [
        [
            figures.driver,
            f"{figures.warm_p50_ms:.2f}",
            f"{figures.spare_p50_ms:.2f} ({figures.spare_max_ms:.1f})",
            f"{figures.spare_p50_ms - figures.warm_p50_ms:+.2f}",
            f"{figures.cold_p50_ms:.0f} ({figures.cold_max_ms:.0f})",
            "–" if figures.bare_p50_ms is None else f"{figures.bare_p50_ms:.0f}",
            f"{figures.burst_all_ms:.0f}",
            f"{figures.burst_bound_ms:.0f}",
            str(figures.burst_spares),
        ]
        for figures in found
    ]
    head = ["driver", "warm", "from a spare: p50 (max)", "over warm", "no spare: p50 (max)", "bare container"]
    head += ["20 new at once: the last", "5 × no spare", "spares ready"]
    return (
        "## First calls\n\nMilliseconds, one client; "
        f"{found[0].calls} new functions one after the other, then twenty at the same moment.\n\n" + _grid(head, rows)
    )


def _skipped(skipped: dict[str, str]) -> str:
    if not skipped:
        return ""
    return "## Not measured\n\n" + "\n".join(f"- {subject}: {why}" for subject, why in skipped.items())


def _legend(results: Results) -> str:
    if not results.figures:
        return ""
    return (
        "Every call but hello's echoes 100 bytes of JSON; every answer's status and body were checked. "
        "Figures are medians over rounds; a ratio is taken within a round before its median. "
        "CPU is user and system time of the server's whole process tree, for Docker that of the engine, its shims and "
        "the containers too. One keep-alive connection a client, each waiting for its answer before it asks again."
    )


def write(results: Results, folder: Path) -> tuple[Path, Path]:
    """`latest.md` and `latest.json`; where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "latest.md", folder / "latest.json"
    for path, text in zip(paths, (to_markdown(results), to_json(results)), strict=True):
        path.write_text(text)
    return paths
