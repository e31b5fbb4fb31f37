"""CallLog: what one call prints, put together from frames and raw output, within a size."""

from typing import Final

from clowdy_tui.engine import protocol
from clowdy_tui.engine.outcome import LogEntry, LogSink, Stream

LINE_PRICE: Final = 16
"""What a line counts beside its characters: an empty one is not free to keep."""


class CallLog:
    """Collects lines; tells `sink` of each as it comes. Past the limit it takes nothing more and is `truncated`."""

    __slots__ = ("_began", "_left", "_partial", "_raw", "_sink", "entries", "truncated")

    def __init__(self, limit: int, sink: LogSink | None, began: float) -> None:
        self.entries: list[LogEntry] = []
        self.truncated = False
        self._left = limit
        self._sink = sink
        self._began = began
        self._partial: dict[Stream, tuple[str, int]] | None = None
        self._raw: dict[Stream, bytes] | None = None

    def line(self, stream: Stream, text: str, at_us: int, flags: int) -> None:
        """A line, or a piece of one, that the runner sent."""
        if self._partial and stream in self._partial:
            before, at_us = self._partial.pop(stream)
            text = before + text
        if flags & protocol.LOG_TRUNCATED:
            self._add(stream, text, at_us)
            self.truncated = True
            self._left = 0
            return
        if flags & protocol.LOG_PARTIAL and len(text) < self._left:
            if self._partial is None:
                self._partial = {}
            self._partial[stream] = (text, at_us)
        else:
            self._add(stream, text, at_us)

    def raw(self, stream: Stream, data: bytes, now: float) -> None:
        """Bytes from a descriptor: lines are cut out of them as they get whole."""
        if self._left <= 0:
            self.truncated = True
            return
        if self._raw is None:
            self._raw = {}
        *lines, rest = (self._raw.get(stream, b"") + data).split(b"\n")
        at_us = int((now - self._began) * 1e6) if self._began else 0
        for line in lines:
            self._add(stream, line.decode("utf-8", "replace"), at_us)
        self._raw[stream] = b""
        if len(rest) > self._left:
            self._add(stream, rest.decode("utf-8", "replace"), at_us)
        else:
            self._raw[stream] = rest

    def take_over(self, other: "CallLog") -> None:
        """Begin with what was printed before this call (while the code was imported, or by a thread between calls)."""
        for entry in other.entries:
            self._add(entry.stream, entry.text, 0)
        self.truncated = other.truncated
        other.entries = []
        other._left = self._left
        other.truncated = False

    def finish(self, now: float) -> list[LogEntry]:
        """All lines; what has no line end yet becomes one."""
        if self._partial:
            for stream, (text, at_us) in self._partial.items():
                self._add(stream, text, at_us)
            self._partial = None
        if self._raw:
            at_us = int((now - self._began) * 1e6)
            for stream, data in self._raw.items():
                if data:
                    self._add(stream, data.decode("utf-8", "replace"), at_us)
            self._raw = None
        return self.entries

    def _add(self, stream: Stream, text: str, at_us: int) -> None:
        if self._left <= 0:
            self.truncated = True
            return
        self._left -= len(text) + LINE_PRICE
        if self._left < 0:
            text = text[: max(0, len(text) + self._left)]
            self.truncated = True
        entry = LogEntry(stream, text, at_us)
        self.entries.append(entry)
        if self._sink is not None:
            self._sink(entry)
