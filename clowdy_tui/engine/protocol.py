"""The frames between the host and the runner: `u32 length | u8 type | body`, big-endian, length counts type and body.

The runner has the same numbers written again (`runtimes/python/runner.py`): it may import nothing of ours. User code
can reach the runner's descriptor and write what it likes, so whatever comes is checked and nothing is believed.

    host → runner   LOAD    JSON: what to run and with which surroundings
                    CALL    u32 call | u32 milliseconds left | u8 n | n bytes invocation id | the event's JSON
    runner → host   READY   u8 protocol version: the interpreter is up, nothing of a user's is loaded
                    LOADED  u32 µs that the import took | u8 1: takes several calls at once, where LOAD wants that
                            | empty, or JSON {type, message, trace} where it failed
                    RESULT  u32 call | u32 peak memory in KiB | u32 µs that the handler took, with the highest bit where
                            something was written past the runner that nobody has read | the result's JSON; nothing
                            where it was streamed
                    ERROR   as RESULT, with JSON {type, message, trace}
                    LOG     u32 call (0: outside a call) | u8 stream | u8 flags | u32 µs since the call began | UTF-8
                    HEAD    u32 call | u8 flags | JSON object {statusCode, headers, cookies}: a stream begins
                    CHUNK   u32 call | bytes, after HEAD; RESULT or ERROR ends the stream
"""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

VERSION: Final = 3

LOAD: Final = 0x01
CALL: Final = 0x02
READY: Final = 0x10
LOADED: Final = 0x11
RESULT: Final = 0x12
ERROR: Final = 0x13
LOG: Final = 0x14
CHUNK: Final = 0x15
HEAD: Final = 0x16

STDOUT: Final = 1
STDERR: Final = 2
LOG_TRUNCATED: Final = 1
"""The call printed more than is kept: nothing more of it comes."""
LOG_PARTIAL: Final = 2
"""The line goes on in the next LOG of this stream."""

MAX_FRAME_SLACK: Final = 64 * 1024
"""What a frame may hold beside the result itself: its head, or an error's message and trace."""

_PREFIX: Final = struct.Struct(">IB")
_CALL_HEAD: Final = struct.Struct(">IBIIB")
ANSWER_HEAD: Final = struct.Struct(">III")
UNREAD: Final = 1 << 31
LOADED_HEAD: Final = struct.Struct(">IB")
CALL_NUMBER: Final = struct.Struct(">I")
LOG_HEAD: Final = struct.Struct(">IBBI")


class FrameError(Exception):
    """The stream is not what a runner sends; whoever writes it is not to be trusted any further."""


def load_frame(body: Mapping[str, Any]) -> bytes:
    """LOAD: what to run."""
    payload = json.dumps(body, separators=(",", ":")).encode()
    return _PREFIX.pack(len(payload) + 1, LOAD) + payload


def call_frame(call: int, remaining_ms: int, invocation_id: str, event: bytes) -> bytes:
    """CALL: run the handler with this event, which is JSON and is not looked at."""
    name = invocation_id.encode()
    return b"".join(
        (_CALL_HEAD.pack(10 + len(name) + len(event), CALL, call, remaining_ms, len(name)), name, event),
    )


def called(frame: bytes) -> int | None:
    """Which call a frame, or several of them, asks for; None where it is none, or its bytes are elsewhere."""
    while len(frame) >= _CALL_HEAD.size:
        length, kind, call, _, _ = _CALL_HEAD.unpack_from(frame)
        if kind == CALL:
            return int(call)
        frame = frame[4 + length :]
    return None


class FrameReader:
    """Cuts a byte stream, fed in any pieces, into frames; `on_frame(type, body)` is called for each.

    A body is a view that is valid only during the call: keep `bytes(body)`.
    """

    __slots__ = ("_buffer", "_max_length", "_on_frame")

    def __init__(self, on_frame: Callable[[int, memoryview], None], *, max_length: int) -> None:
        self._on_frame = on_frame
        self._max_length = max_length
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            FrameError: a frame is longer than allowed or empty, or `on_frame` raised it.
        """
        if not self._buffer:
            # Nearly every chunk is one whole frame, or begins with one: no copy is made of those.
            size = len(data)
            if 5 <= size <= self._max_length:
                length, kind = _PREFIX.unpack_from(data)
                if length == size - 4:
                    self._on_frame(kind, memoryview(data)[5:])
                    return
            rest = self._consume(memoryview(data))
            if rest:
                self._buffer += data[-rest:]
            return
        self._buffer += data
        view = memoryview(self._buffer)
        try:
            rest = self._consume(view)
        finally:
            view.release()
        del self._buffer[: len(self._buffer) - rest]

    def _consume(self, view: memoryview) -> int:
        """Hand out the whole frames at the front; how many bytes are left behind them."""
        start, end = 0, len(view)
        while end - start >= 5:
            length, kind = _PREFIX.unpack_from(view, start)
            if not 1 <= length <= self._max_length:
                raise FrameError(f"a frame of {length} bytes")
            stop = start + 4 + length
            if stop > end:
                break
            body = view[start + 5 : stop]
            try:
                self._on_frame(kind, body)
            finally:
                body.release()
            start = stop
        return end - start


def parse_error(body: memoryview) -> tuple[str, str, str]:
    """The type, message and trace that an ERROR or LOADED frame tells.

    Raises:
        FrameError: it is not an object with three texts.
    """
    try:
        told = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise FrameError("an error that is not JSON") from error
    if not isinstance(told, dict):
        raise FrameError("an error that is not an object")
    texts = [told.get(name) for name in ("type", "message", "trace")]
    if not all(isinstance(text, str) for text in texts):
        raise FrameError("an error without its type, message and trace")
    kind, message, trace = (_printable(str(text)) for text in texts)
    return kind[:200], message, trace


def _printable(text: str) -> str:
    # JSON can hold lone surrogates, which nothing after us could encode.
    return text.encode("utf-8", "replace").decode()
