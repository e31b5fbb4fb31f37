"""What clients send that browsers never would, byte by byte: each gets its answer, and others are served meanwhile."""

import asyncio
import contextlib
import gzip
import json
import resource
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from api_support import ECHO, until

from clowdy_tui.domain.schemas import FunctionIn, ProjectIn, RouteIn, TokenIn
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.actor import LOCAL
from clowdy_tui.services.platform import Platform

LIMIT = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def impatient(platform: Platform) -> AsyncIterator[Gateway]:
    """A gateway that waits for nobody very long, with an echo at every path of the project `raw`."""
    project = await platform.projects.create(LOCAL, ProjectIn(name="raw"))
    function = await platform.functions.create(LOCAL, FunctionIn(name="echo", code=ECHO, project_id=project.id))
    await platform.routes.create(LOCAL, project.id, RouteIn(function_id=function.id, method="ANY", path="/*path"))
    config = GatewayConfig(
        port=0,
        socket_path=platform.config.data_dir / "raw.sock",
        max_body_bytes=LIMIT,
        head_timeout_s=1.0,
        body_timeout_s=1.0,
        send_timeout_s=1.0,
        max_connections=100,
    )
    async with Gateway(platform, config) as gateway:
        yield gateway
    await platform.projects.delete(LOCAL, project.id)


class Line:
    """A connection; what is sent is sent as it is."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.data = b""

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.connection, data)

    async def more(self) -> bool:
        piece = await asyncio.get_running_loop().sock_recv(self.connection, 65536)
        self.data += piece
        return bool(piece)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers by their names in lower case, body."""
        async with asyncio.timeout(60):
            while b"\r\n\r\n" not in self.data:
                assert await self.more(), f"closed after {self.data!r}"
            head, _, self.data = self.data.partition(b"\r\n\r\n")
            first, *lines = head.decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            length = int(headers.get("content-length", 0))
            while len(self.data) < length:
                assert await self.more(), "closed in the middle of an answer"
        body, self.data = self.data[:length], self.data[length:]
        return int(first.split(" ")[1]), headers, body

    async def closed(self) -> None:
        """Waits until the other end closes; nothing more comes before."""
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionResetError):
                assert not await self.more(), self.data


@contextlib.asynccontextmanager
async def line(gateway: Gateway, receive_buffer: int = 0) -> AsyncIterator[Line]:
    with socket.socket() as connection:
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", gateway.port))
        yield Line(connection)


async def ask(gateway: Gateway, data: bytes) -> tuple[int, dict[str, str], bytes]:
    async with line(gateway) as open_line:
        await open_line.send(data)
        return await open_line.answer()


def post(headers: str = "", body: bytes = b"", path: str = "/api/gateway/raw/x") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode() + body


def get(path: str = "/api/gateway/raw/x", headers: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()


async def event(gateway: Gateway, data: bytes) -> dict[str, Any]:
    """What the function saw."""
    status, _, body = await ask(gateway, data)
    assert status == 200, body
    seen: dict[str, Any] = json.loads(body)
    return seen


CHUNKED = "Transfer-Encoding: chunked\r\n"

MALFORMED = {
    "both lengths": (post(f"Content-Length: 4\r\n{CHUNKED}", b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"), 400),
    "both lengths, the other way round": (post(f"{CHUNKED}Content-Length: 4\r\n", b"0\r\n\r\n"), 400),
    "two lengths": (post("Content-Length: 4\r\nContent-Length: 5\r\n", b"abcde"), 400),
    "a negative length": (post("Content-Length: -4\r\n", b"abcd"), 400),
    "a length with a sign": (post("Content-Length: +4\r\n", b"abcd"), 400),
    "a length that is no number": (post("Content-Length: 4x\r\n", b"abcd"), 400),
    "another transfer encoding": (post("Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400),
    "chunked, but not last": (post("Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n"), 400),
    "chunked after another": (post("Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 501),
    "chunks in HTTP/1.0": (post(CHUNKED, b"0\r\n\r\n").replace(b"/1.1", b"/1.0"), 501),
    "a chunk's size that is no number": (post(CHUNKED, b"zz\r\nabc\r\n0\r\n\r\n"), 400),
    "a chunk longer than it says": (post(CHUNKED, b"3\r\nabcdef\r\n0\r\n\r\n"), 400),
    "a chunk too long to count": (post(CHUNKED, b"f" * 30 + b"\r\nabc"), 400),
    "a null byte in a header": (get(headers="X-A: a\0b\r\n"), 400),
    "a null byte in the path": (get("/api/gateway/raw/\0"), 400),
    "a control character in a header": (get(headers="X-A: a\x01b\r\n"), 400),
    "a blank before the colon": (get(headers="X-A : b\r\n"), 400),
    "a folded header": (get(headers="X-A: a\r\n b\r\n"), 400),
    "no host": (b"GET /api/health HTTP/1.1\r\n\r\n", 400),
    "two hosts": (get(headers="Host: y\r\n"), 400),
    "an address that is none": (get("http://[::1/x"), 400),
    "line feeds alone": (b"GET /api/health HTTP/1.1\nHost: x\n\n", 400),
    "a method of its own": (get().replace(b"GET", b"BREW"), 400),
    "another version": (get().replace(b"/1.1", b"/3.7"), 400),
    "HTTP/2 as if it were HTTP/1": (get("/api/health").replace(b"/1.1", b"/2.0"), 505),
    "HTTP/0.9": (get("/api/health").replace(b"/1.1", b"/0.9"), 505),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, 400),
    "a long address": (get("/" + "a" * 9000), 431),
    "a long header": (get(headers=f"X-A: {'a' * 9000}\r\n"), 431),
    "a long name": (get(headers=f"{'X' * 9000}: a\r\n"), 431),
    "many headers": (get(headers="X-A: a\r\n" * 500), 431),
    "many trailers": (post(CHUNKED, b"1\r\na\r\n0\r\n" + b"X-A: a\r\n" * 500 + b"\r\n"), 431),
    "a length over the limit": (post(f"Content-Length: {LIMIT + 1}\r\n"), 413),
    "chunks over the limit": (post(CHUNKED, (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 17), 413),
    "an expectation of its own": (post("Content-Length: 1\r\nExpect: tea\r\n"), 417),
}


@pytest.mark.parametrize(("data", "expected"), MALFORMED.values(), ids=MALFORMED)
async def test_what_is_not_http_gets_a_problem(
    impatient: Gateway, data: bytes, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with line(impatient) as open_line:
        await open_line.send(data)
        status, headers, body = await open_line.answer()
        problem = json.loads(body)
        assert (status, problem["status"], headers["content-type"]) == (expected, expected, "application/problem+json")
        assert problem["detail"]
        assert headers["server"] == "clowdy"
        assert headers["x-request-id"]
        if expected != 417:
            assert headers.get("connection", "close") == "close"
    assert not caplog.records, "a stranger does not fill the log"
    assert (await ask(impatient, get("/api/health")))[0] == 200


async def test_after_a_malformed_request_nothing_is_read_as_another(impatient: Gateway) -> None:
    async with line(impatient) as open_line:
        await open_line.send(post(f"Content-Length: 6\r\n{CHUNKED}", b"0\r\n\r\n") + get("/api/gateway/raw/hidden"))
        assert (await open_line.answer())[0] == 400
        await open_line.closed()


async def test_chunks_that_go_wrong_later(impatient: Gateway) -> None:
    async with line(impatient) as open_line:
        await open_line.send(post(CHUNKED, b"3\r\nabc\r\n"))
        await asyncio.sleep(0.05)
        await open_line.send(b"zz\r\nabc\r\n")
        status, _, body = await open_line.answer()
        assert (status, json.loads(body)["type"]) == (400, "bad-request")
        await open_line.closed()


async def test_bodies_in_every_way(impatient: Gateway) -> None:
    assert (await event(impatient, post("Content-Length: 3\r\n", b"abc")))["body"] == "abc"
    assert (await event(impatient, post(CHUNKED, b"3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nX-T: 1\r\n\r\n")))["body"] == "abcde"
    assert (await event(impatient, post("Content-Length: 0\r\n")))["body"] is None
    assert (await event(impatient, post(CHUNKED, b"0\r\n\r\n")))["body"] is None
    assert (await event(impatient, post().replace(b"POST", b"DELETE")))["body"] is None
    seen = await event(impatient, post("Content-Length: 3\r\n", b"abc").replace(b"POST", b"DELETE"))
    assert (seen["method"], seen["body"]) == ("DELETE", "abc")
    seen = await event(impatient, get("/api/gateway/raw/%00?a=%00&a=%FF"))
    assert (seen["params"], seen["multi_query"]) == ({"path": "\0"}, {"a": ["\0", "\ufffd"]})


async def test_a_compressed_body_comes_as_it_is(impatient: Gateway) -> None:
    bomb = gzip.compress(b"0" * (64 * 1024 * 1024))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n"
    seen = await event(impatient, post(head, bomb))
    assert seen["headers"]["content-encoding"] == "gzip"
    assert (seen["body"], len(seen["body_base64"])) == (None, (len(bomb) + 2) // 3 * 4)
    # What the gateway reads itself it takes plain.
    for path in ("/api/invoke/0123456789ab", "/api/projects"):
        status, _, body = await ask(impatient, post(head, bomb, path))
        assert status in {401, 404, 415}, body
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024


async def test_the_gateways_own_bodies_are_plain(impatient: Gateway, platform: Platform) -> None:
    function = await platform.functions.create(LOCAL, FunctionIn(name="plain", code=ECHO))
    body = gzip.compress(b'{"input": 1}')
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\n"
    status, headers, answer = await ask(impatient, post(head, body, f"/api/invoke/{function.id}"))
    assert (status, headers["accept-encoding"]) == (415, "identity")
    assert "gzip" in json.loads(answer)["detail"]
    await platform.functions.delete(LOCAL, function.id)


async def test_whoever_asks_first_is_told(impatient: Gateway) -> None:
    async with line(impatient) as open_line:
        await open_line.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n"))
        assert (await open_line.answer())[0] == 100
        await open_line.send(b"abc")
        status, _, body = await open_line.answer()
        assert (status, json.loads(body)["body"]) == (200, "abc")
    status, _, _ = await ask(impatient, post(f"Content-Length: {LIMIT + 1}\r\nExpect: 100-continue\r\n"))
    assert status == 413, "before it sends a byte of it"


async def test_a_connection_serves_many_requests(impatient: Gateway) -> None:
    async with line(impatient) as open_line:
        # One after the other, then all at once.
        for number in range(3):
            await open_line.send(post("Content-Length: 1\r\n", b"%d" % number))
            status, _, body = await open_line.answer()
            assert (status, json.loads(body)["body"]) == (200, number)
        await open_line.send(b"".join(post("Content-Length: 1\r\n", b"%d" % number) for number in range(9)))
        assert [json.loads((await open_line.answer())[2])["body"] for _ in range(9)] == list(range(9))
        await open_line.send(get().replace(b"GET", b"HEAD"))
        async with asyncio.timeout(60):
            while b"\r\n\r\n" not in open_line.data:
                await open_line.more()
        head, _, rest = open_line.data.partition(b"\r\n\r\n")
        assert (b" 200 " in head, rest) == (True, b"")
        open_line.data = b""
        await open_line.send(get(headers="Connection: close\r\n"))
        assert (await open_line.answer())[0] == 200
        await open_line.closed()


async def test_slow_heads_end(impatient: Gateway) -> None:
    async with contextlib.AsyncExitStack() as many:
        slow = [await many.enter_async_context(line(impatient)) for _ in range(50)]
        for number, open_line in enumerate(slow):
            # The first ten say nothing at all.
            await open_line.send(b"GET /api/health HTTP/1.1\r\nX-A: "[: 0 if number < 10 else None])
        assert (await ask(impatient, get("/api/health")))[0] == 200, "others are served meanwhile"
        await slow[-1].send(b"a")
        for open_line in slow:
            status, headers, body = await open_line.answer()
            assert (status, headers["connection"], json.loads(body)["status"]) == (408, "close", 408)
            await open_line.closed()


async def test_there_is_an_end_to_connections(impatient: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    async with contextlib.AsyncExitStack() as many:
        crowd = [await many.enter_async_context(line(impatient)) for _ in range(150)]
        await crowd[0].send(get("/api/health"))
        assert (await crowd[0].answer())[0] == 200, "who was there first is served"
        status, headers, _ = await crowd[-1].answer()
        assert (status, headers["connection"]) == (503, "close")
        await crowd[-1].closed()

    # The sockets of those who left are taken down one after the other.
    async def served() -> bool:
        return (await ask(impatient, get("/api/health")))[0] == 200

    assert await until(served)
    assert not caplog.records


@pytest.mark.parametrize("path", ["/api/gateway/raw/x", "/api/invoke/{id}", "/api/functions"])
@pytest.mark.parametrize("head", ["Content-Length: 100\r\n", CHUNKED])
async def test_slow_bodies_end(impatient: Gateway, platform: Platform, path: str, head: str) -> None:
    function = next(target for target in platform.directory.functions() if target.deployment.function_name == "echo")
    token = await platform.tokens.create(LOCAL, TokenIn(name="slow"))
    head += f"Authorization: Bearer {token.token}\r\n"
    async with line(impatient) as open_line:
        await open_line.send(post(head, b"1\r\n{", path.format(id=function.deployment.function_id)))
        began = asyncio.get_running_loop().time()
        status, headers, body = await open_line.answer()
        assert (status, json.loads(body)["type"], headers["connection"]) == (408, "request-timeout", "close")
        assert 0.9 < asyncio.get_running_loop().time() - began < 30
    await platform.tokens.revoke(LOCAL, token.id)


async def test_a_body_that_keeps_coming_has_time(impatient: Gateway) -> None:
    async with line(impatient) as open_line:
        await open_line.send(post("Content-Length: 65536\r\n"))
        for _ in range(16):
            # More than the least rate, and longer in all than a body gets that says nothing.
            await open_line.send(b"x" * 4096)
            await asyncio.sleep(0.1)
        status, _, body = await open_line.answer()
        assert (status, len(json.loads(body)["body"])) == (200, 65536)


async def test_who_hangs_up_in_the_middle_of_a_body_calls_nothing(impatient: Gateway, platform: Platform) -> None:
    before = platform.bus.last_id
    async with line(impatient) as open_line:
        await open_line.send(post("Content-Length: 100\r\n", b"abc"))
    assert (await ask(impatient, get("/api/gateway/raw/after")))[0] == 200
    started = [told for told in platform.bus.kept() if told.type == "invocation.started" and told.id > before]
    assert [told.data["http_path"] for told in started][-1] == "/after"


async def test_who_hangs_up_in_the_middle_of_a_call_ends_it(impatient: Gateway, platform: Platform) -> None:
    project = next(iter(await platform.projects.list(LOCAL)))
    function = await platform.functions.create(
        LOCAL,
        FunctionIn(name="sleeps", code="import time\ndef handler(e, c):\n    time.sleep(30)\n", project_id=project.id),
    )
    await platform.routes.create(LOCAL, project.id, RouteIn(function_id=function.id, method="GET", path="/sleeps"))

    async def calls() -> list[Any]:
        return await platform.invocations.list(LOCAL, function.id)

    async with line(impatient) as open_line:
        await open_line.send(get(f"/api/gateway/{project.slug}/sleeps"))
        async with asyncio.timeout(60):
            while not any(info.function_id == function.id for info in platform.pool._engine.snapshot()):
                await asyncio.sleep(0.01)
    kept = await until(calls)
    assert (kept[0].status, kept[0].error_type) == ("cancelled", "Cancelled")
    await platform.functions.delete(LOCAL, function.id)


async def send_again_and_again(open_line: Line, request: bytes) -> None:
    async with asyncio.timeout(60):
        while True:
            await open_line.send(request)


async def test_who_reads_nothing_is_cut_off(impatient: Gateway) -> None:
    body = b"x" * 200_000
    request = post(f"Content-Length: {len(body)}\r\n", body)
    async with line(impatient, receive_buffer=4096) as open_line:
        # Asked again and again, nothing ever read.
        with pytest.raises(ConnectionError):
            await send_again_and_again(open_line, request)
    assert (await ask(impatient, get("/api/health")))[0] == 200


async def test_memory_stays_where_it_was(impatient: Gateway) -> None:
    async def misbehave() -> None:
        for data in (get(headers="X-A: a\r\n" * 100), post("Content-Length: 900000\r\n", b"x" * 500_000), b"\0" * 8000):
            async with line(impatient) as open_line:
                await open_line.send(data)

    for _ in range(3):
        await asyncio.gather(*(misbehave() for _ in range(10)))
    before = _resident()
    for _ in range(10):
        await asyncio.gather(*(misbehave() for _ in range(10)))
    assert (await ask(impatient, get("/api/health")))[0] == 200
    assert _resident() - before < 24 * 1024 * 1024


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
