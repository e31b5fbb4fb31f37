"""The attach stream's bytes, without an engine: headers and payloads cut anywhere, answers that are none."""

import asyncio
import contextlib
import struct
from pathlib import Path

import pytest
from docker_support import PATIENCE_S, Recorder

from clowdy_tui.engine.sandboxes.docker_channel import ChannelError, Demultiplexer, open_channel
from clowdy_tui.engine.sandboxes.docker_endpoint import Endpoint

HEAD = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class ChannelRecorder(Recorder):
    closed = 0

    def channel_closed(self) -> None:
        self.closed += 1
        self.changed.set()


def chunk(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(data)) + data


def demultiplex(*pieces: bytes) -> tuple[bytes, bytes]:
    recorder = Recorder()
    demultiplexer = Demultiplexer(recorder.data_received, recorder.output_received)
    for piece in pieces:
        demultiplexer.feed(piece)
    return bytes(recorder.data), bytes(recorder.output)


def test_a_whole_chunk_is_handed_on_at_once() -> None:
    assert demultiplex(chunk(1, b"hello")) == (b"hello", b"")
    assert demultiplex(chunk(2, b"hello")) == (b"", b"hello")


def test_many_chunks_in_one_read() -> None:
    stream = chunk(1, b"a" * 40_000) + chunk(2, b"warn") + chunk(1, b"") + chunk(1, b"b") + chunk(3, b"system")
    assert demultiplex(stream) == (b"a" * 40_000 + b"b", b"warnsystem")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 10, 13, 17])
def test_headers_and_payloads_may_be_cut_anywhere(size: int) -> None:
    stream = b"".join(chunk(1 + i % 2, bytes([65 + i]) * (i * 5)) for i in range(12))
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert demultiplex(*pieces) == demultiplex(stream)
    assert demultiplex(stream)[0] == b"".join(bytes([65 + i]) * (i * 5) for i in range(0, 12, 2))


def test_a_payload_is_handed_on_before_it_is_whole() -> None:
    recorder = Recorder()
    demultiplexer = Demultiplexer(recorder.data_received, recorder.output_received)
    demultiplexer.feed(chunk(1, b"x" * 100)[:58])
    assert recorder.data == b"x" * 50


@pytest.mark.parametrize("stream", [0, 4, 255])
def test_a_stream_that_there_is_not_is_an_error(stream: int) -> None:
    with pytest.raises(ChannelError, match=str(stream)):
        demultiplex(chunk(1, b"fine"), chunk(stream, b"x"))


async def serve_once(tmp_path: Path, *answers: bytes) -> tuple[asyncio.Server, Endpoint, list[bytes]]:
    """A server on a socket that says what it is told to, piece by piece, and closes."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        with contextlib.suppress(ConnectionError):
            for answer in answers:
                writer.write(answer)
                await writer.drain()
                await asyncio.sleep(0)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    path = tmp_path / "engine.sock"
    return await asyncio.start_unix_server(serve, path), Endpoint(socket=path), heard


async def test_bytes_right_behind_the_answer_are_not_lost(tmp_path: Path) -> None:
    first = chunk(1, b"first")
    server, endpoint, heard = await serve_once(tmp_path, HEAD[:20], HEAD[20:] + first[:3], first[3:])
    async with server:
        recorder = ChannelRecorder()
        channel = await open_channel(endpoint, None, "1.41", "c0ffee", recorder, timeout_s=5)
        await recorder.until(lambda: recorder.closed == 1)
    assert recorder.data == b"first"
    assert not channel.is_open
    channel.write(b"dropped")
    assert heard[0].startswith(b"POST /v1.41/containers/c0ffee/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\n")
    assert b"\r\nUpgrade: tcp\r\n" in heard[0]


async def test_an_engine_that_refuses_says_why(tmp_path: Path) -> None:
    answer = b'HTTP/1.1 404 Not Found\r\nContent-Length: 31\r\n\r\n{"message":"No such container"}'
    server, endpoint, _ = await serve_once(tmp_path, answer)
    async with server:
        recorder = ChannelRecorder()
        with pytest.raises(ChannelError, match=r"404 Not Found.*No such container"):
            await open_channel(endpoint, None, "1.41", "c0ffee", recorder, timeout_s=5)
    assert recorder.closed == 0


async def test_an_engine_that_hangs_up_or_says_nothing(tmp_path: Path) -> None:
    server, endpoint, _ = await serve_once(tmp_path)
    async with server:
        with pytest.raises(ChannelError, match="closed the connection"):
            await open_channel(endpoint, None, "1.41", "c0ffee", ChannelRecorder(), timeout_s=5)

    hung_up = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    path = tmp_path / "silent.sock"
    async with await asyncio.start_unix_server(silent, path):
        with pytest.raises(TimeoutError):
            await open_channel(Endpoint(socket=path), None, "1.41", "x", ChannelRecorder(), timeout_s=0.2)
        async with asyncio.timeout(PATIENCE_S):
            await hung_up.wait()


async def test_a_stream_that_is_none_closes_the_channel(tmp_path: Path) -> None:
    server, endpoint, _ = await serve_once(tmp_path, HEAD + chunk(1, b"good") + chunk(9, b"bad"), b"x" * 100)
    async with server:
        recorder = ChannelRecorder()
        await open_channel(endpoint, None, "1.41", "c0ffee", recorder, timeout_s=5)
        await recorder.until(lambda: recorder.closed == 1)
    assert recorder.data == b"good"
