"""Frames: cut anywhere they come out the same; whatever is wrong is refused."""

import json
import random
import re
import struct
from pathlib import Path

import pytest

from clowdy_tui.engine import protocol
from clowdy_tui.engine.calllog import CallLog
from clowdy_tui.engine.outcome import LogEntry
from clowdy_tui.engine.protocol import FrameError, FrameReader


def frame(kind: int, body: bytes) -> bytes:
    return struct.pack(">IB", 1 + len(body), kind) + body


def collect(pieces: list[bytes], max_length: int = 1000) -> list[tuple[int, bytes]]:
    got: list[tuple[int, bytes]] = []
    reader = FrameReader(lambda kind, body: got.append((kind, bytes(body))), max_length=max_length)
    for piece in pieces:
        reader.feed(piece)
    return got


def test_frames_come_out_however_the_stream_is_cut() -> None:
    frames = [(kind, random.Random(kind).randbytes(kind * 7 % 60)) for kind in range(1, 40)]
    stream = b"".join(frame(*one) for one in frames)
    assert collect([stream]) == frames
    assert collect([stream[at : at + 1] for at in range(len(stream))]) == frames
    cuts = random.Random(5)
    for _ in range(50):
        at = sorted(cuts.choices(range(len(stream)), k=10))
        assert collect([stream[a:b] for a, b in zip([0, *at], [*at, len(stream)], strict=True)]) == frames


@pytest.mark.parametrize("head", [struct.pack(">IB", 0, 1), struct.pack(">IB", 1001, 1), b"\xff" * 5])
def test_impossible_lengths_are_refused_before_they_are_awaited(head: bytes) -> None:
    with pytest.raises(FrameError):
        collect([head])
    with pytest.raises(FrameError):
        collect([frame(1, b"fine") + head[:2], head[2:]])


def test_a_call_frame_carries_the_event_as_it_is() -> None:
    event = b'{ "spaces": true }'
    whole = protocol.call_frame(7, 1500, "0123456789abcdef", event)
    ((kind, body),) = collect([whole])
    assert kind == protocol.CALL
    number, left, length = struct.unpack_from(">IIB", body)
    assert (number, left, length) == (7, 1500, 16)
    assert body[9:25] == b"0123456789abcdef"
    assert body[25:] == event


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"type": 1, "message": "", "trace": ""}', b"\xff", b"[" * 100_000, b'{"type": "x"}']
)
def test_errors_of_another_shape_are_refused(body: bytes) -> None:
    with pytest.raises(FrameError):
        protocol.parse_error(memoryview(body))


def test_errors_can_always_be_printed() -> None:
    told = json.dumps({"type": "x" * 500, "message": "\ud800", "trace": "t"}).encode()
    kind, message, trace = protocol.parse_error(memoryview(told))
    assert (len(kind), message, trace) == (200, "?", "t")


def test_a_log_joins_pieces_and_raw_output() -> None:
    live: list[LogEntry] = []
    log = CallLog(1000, live.append, 10.0)
    log.line("stdout", "one ", 5, protocol.LOG_PARTIAL)
    log.line("stderr", "between", 6, 0)
    log.line("stdout", "line", 7, 0)
    log.raw("stderr", b"raw \xc3", 10.5)
    log.raw("stderr", b"\xbc\nleft", 10.5)
    log.line("stdout", "open end", 9, protocol.LOG_PARTIAL)
    entries = log.finish(11.0)
    assert [(entry.stream, entry.text) for entry in entries] == [
        ("stderr", "between"),
        ("stdout", "one line"),
        ("stderr", "raw ü"),
        ("stdout", "open end"),
        ("stderr", "left"),
    ]
    assert [entry.at_us for entry in entries] == [6, 5, 500_000, 9, 1_000_000]
    assert live == entries
    assert not log.truncated


def test_a_log_holds_no_more_than_its_limit() -> None:
    log = CallLog(100, None, 1.0)
    log.line("stdout", "x" * 60, 0, 0)
    log.raw("stderr", b"y" * 5000, 1.0)
    log.line("stdout", "z", 0, 0)
    log.raw("stderr", b"y" * 5000, 1.0)
    entries = log.finish(1.0)
    assert sum(len(entry.text) + 1 for entry in entries) <= 101
    assert log.truncated


def test_a_log_says_when_the_runner_cut_it() -> None:
    log = CallLog(100, None, 1.0)
    log.line("stdout", "x", 0, protocol.LOG_TRUNCATED)
    log.line("stdout", "y", 0, 0)
    assert [entry.text for entry in log.finish(1.0)] == ["x"]
    assert log.truncated


def test_the_frames_are_described_as_they_are() -> None:
    text = (Path(__file__).parents[2] / "docs" / "engine.md").read_text()
    described = {name: int(kind, 16) for name, kind in re.findall(r"^\| `([A-Z]+)` \| `(0x..)` \|", text, re.MULTILINE)}
    names = ("LOAD", "CALL", "READY", "LOADED", "RESULT", "ERROR", "LOG", "CHUNK", "HEAD")
    assert described == {name: getattr(protocol, name) for name in names}


def test_the_last_part_of_a_line_without_an_end_joins_the_others() -> None:
    log = CallLog(1000, None, 0.0)
    log.line("stdout", "a", 1, protocol.LOG_PARTIAL)
    log.line("stdout", "b", 2, protocol.LOG_PARTIAL)
    log.line("stdout", "c", 3, protocol.LOG_TRUNCATED)
    assert [entry.text for entry in log.finish(0.0)] == ["abc"]
    assert log.truncated


def test_empty_lines_are_not_free() -> None:
    log = CallLog(1600, None, 0.0)
    for _ in range(1000):
        log.line("stdout", "", 0, 0)
    log.raw("stderr", b"\n" * 1000, 0.0)
    assert len(log.finish(0.0)) == 100
    assert log.truncated
