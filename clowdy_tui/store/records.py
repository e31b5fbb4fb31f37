"""What is kept of one call: cut to size, with nothing in it that authenticates somebody."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clowdy_tui.domain.redaction import Redactor

INVOCATION_COLUMNS: Final = (
    "id",
    "function_id",
    "owner",
    "version",
    "status",
    "source",
    "http_method",
    "http_path",
    "cold_start",
    "duration_us",
    "queue_us",
    "init_us",
    "memory_kb",
    "error_type",
)
BODY_COLUMNS: Final = (
    "id",
    "input",
    "output",
    "input_truncated",
    "output_truncated",
    "error_message",
    "stack_trace",
    "logs",
    "logs_truncated",
)
_MAX_ERROR_CHARACTERS: Final = 16 * 1024

# Over bytes and not over parsed JSON: it works on a prefix, and most calls hold neither word. An unfinished text at the
# end of a prefix counts as one.
_TEXT: Final = rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
MASKED_NAMES: Final = ("authorization", "proxy-authorization", "cookie", "cookies", "set-cookie", "x-api-key")
_NAMES: Final = rb'"(?:' + "|".join(MASKED_NAMES).encode() + rb')"'
_SECRETS: Final = re.compile(
    rb"(" + _NAMES + rb"\s*:\s*+)"
    # Nothing is hidden where nothing is: every event of a route has `cookies`, which is nearly always empty.
    rb"(?!\{\s*\}|\[\s*\])"
    rb"(?:" + _TEXT + rb"|\[(?:[^\]\"]|" + _TEXT + rb")*+\]?|\{(?:[^{}\"]|" + _TEXT + rb")*+\}?)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(slots=True)
class InvocationRecord:
    """One call, as the engine and the gateway hand it over. `has_body` False: only the narrow row is kept.

    `redactor` hides the project's secrets in input and output, when the row is written; the rest comes without them.
    """

    id: int
    function_id: str
    owner: str
    version: int
    status: str
    source: str
    http_method: str | None
    http_path: str | None
    cold_start: bool
    duration_us: int
    queue_us: int
    init_us: int
    memory_kb: int | None
    error_type: str | None
    has_body: bool = False
    input: bytes | None = None
    input_truncated: bool = False
    output: bytes | None = None
    output_truncated: bool = False
    error_message: str | None = None
    stack_trace: str | None = None
    logs: Sequence[tuple[str, str, int]] = ()
    logs_truncated: bool = False
    redactor: Redactor | None = None

    @property
    def size(self) -> int:
        """About how many bytes of memory it holds on to."""
        lines = sum(len(line[1]) + 100 for line in self.logs) if self.logs else 0
        return 500 + len(self.input or b"") + len(self.output or b"") + lines

    def row(self) -> tuple[Any, ...]:
        """The narrow row, in the order of INVOCATION_COLUMNS."""
        return (
            self.id,
            self.function_id,
            self.owner,
            self.version,
            self.status,
            self.source,
            self.http_method,
            clean(self.http_path),
            self.cold_start,
            self.duration_us,
            self.queue_us,
            self.init_us,
            self.memory_kb,
            clean(self.error_type),
        )

    def body(self, max_log_bytes: int, *, plain: bool = False) -> tuple[Any, ...]:
        """The body's row, in the order of BODY_COLUMNS; log lines up to a size. `plain`: see `bodies`."""
        logs, all_of_them = _logs(self.logs, max_log_bytes)
        return (
            self.id,
            self._text(self.input, cut=self.input_truncated, plain=plain),
            self._text(self.output, cut=self.output_truncated, plain=plain),
            self.input_truncated,
            self.output_truncated,
            clean(self.error_message),
            clean(self.stack_trace),
            logs,
            self.logs_truncated or not all_of_them,
        )

    def _text(self, data: bytes | None, *, cut: bool, plain: bool) -> str | None:
        if data is None:
            return None
        masked = data if plain else mask(data)
        if self.redactor is not None:
            masked = self.redactor.json(masked, cut=cut)
        return (_whole_characters(masked) if cut else masked).decode("utf-8", "replace")


def bodies(records: Iterable[InvocationRecord], max_log_bytes: int) -> list[tuple[Any, ...]]:
    """The bodies' rows of those that have one. What authenticates somebody is looked for in all of them at once: most
    hold nothing that does.
    """
    kept = [record for record in records if record.has_body]
    plain = not _names_a_secret(b"\n".join([text for record in kept for text in (record.input, record.output) if text]))
    return [record.body(max_log_bytes, plain=plain) for record in kept]


def mask(text: bytes) -> bytes:
    """JSON with the values of the names that authenticate somebody hidden, at any depth."""
    # Looked for first: the pattern costs a hundred times as much.
    return _SECRETS.sub(rb'\1"****"', text) if _names_a_secret(text) else text


def _names_a_secret(text: bytes) -> bool:
    lowered = text.lower()
    return (
        b'authorization"' in lowered
        or b'cookie"' in lowered
        or b'"x-api-key"' in lowered
        or lowered.count(b'cookies"') > lowered.count(b'"cookies":{}')
    )


def clean(text: str | None) -> str | None:
    """Text that a database can hold: half surrogate pairs replaced, cut where it is very long."""
    return text[:_MAX_ERROR_CHARACTERS].encode("utf-8", "replace").decode() if text is not None else None


def _whole_characters(data: bytes) -> bytes:
    """Without the beginning of a character that was cut through at the end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            width = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return data[:-back] if width > back else data
    return data


def _logs(lines: Sequence[tuple[str, str, int]], max_bytes: int) -> tuple[str, bool]:
    if not lines:
        return "[]", True
    room, kept = max_bytes, []
    for stream, text, at_us in lines:
        room -= len(text) + 30
        if room < 0:
            break
        kept.append((stream, text, at_us))
    # ASCII only: half a surrogate pair goes through as an escape.
    return json.dumps(kept, separators=(",", ":")), len(kept) == len(lines)
