"""What the tests of the docker driver share: a listener, programs to run, proxies in front of the engine."""

import asyncio
import contextlib
import json
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from clowdy_tui.engine.deployment import SpareShape
from clowdy_tui.engine.outcome import Stream
from clowdy_tui.engine.pack import PYTHON, RUNNER_ARGV
from clowdy_tui.engine.sandboxes.base import SandboxExit, SandboxSpec
from clowdy_tui.engine.sandboxes.docker_endpoint import find_endpoint

RUNTIMES = Path(__file__).parents[2] / "runtimes"
ENGINE_SOCKET = find_endpoint(None, None, None, os.environ, Path.home()).socket or Path("/var/run/docker.sock")
PATIENCE_S = 60.0

ECHO = """
import os
os.write(2, b"up")
while data := os.read(0, 65536):
    while data:
        data = data[os.write(1, data):]
"""
STUBBORN = "import os, time\nos.write(2, b'up')\nwhile True: time.sleep(60)"


@dataclass
class Recorder:
    """A listener that keeps all that it is told; `until` waits for it to be as somebody expects."""

    data: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    exits: list[SandboxExit] = field(default_factory=list)
    pauses: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def output_received(self, stream: Stream, data: bytes) -> None:
        assert stream == "stderr"
        self.output += data
        self.changed.set()

    def sandbox_exited(self, how: SandboxExit) -> None:
        self.exits.append(how)
        self.changed.set()

    def pause_writing(self) -> None:
        self.pauses.append("pause")
        self.changed.set()

    def resume_writing(self) -> None:
        self.pauses.append("resume")
        self.changed.set()

    async def until(self, ready: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(patience_s):
            while not ready():
                self.changed.clear()
                await self.changed.wait()

    async def is_up(self) -> None:
        await self.until(lambda: bytes(self.output).startswith(b"up"))

    async def exited(self) -> SandboxExit:
        await self.until(lambda: bool(self.exits))
        return self.exits[0]


async def eventually(ready: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Poll something that tells nobody when it changes."""
    async with asyncio.timeout(patience_s):
        while not await asyncio.to_thread(ready):
            await asyncio.sleep(0.05)


class SpecMaker:
    """Specs with ids of their own that run a Python program."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made = 0

    def __call__(
        self,
        program: str = ECHO,
        *,
        network: bool = False,
        memory_mb: int = 64,
        cpus: float = 1.0,
        tmp_mb: int = 16,
        max_processes: int = 32,
        root: Path | None = None,
    ) -> SandboxSpec:
        self.made += 1
        return SandboxSpec(
            id=f"sandbox{self.made}",
            shape=SpareShape("python", None, network, memory_mb, cpus),
            root=root or self.root,
            argv=(PYTHON, "-I", "-S", "-c", program),
            tmp_mb=tmp_mb,
            max_processes=max_processes,
        )

    def of_runner(self) -> SandboxSpec:
        """One that runs Clowdy's own."""
        return replace(self(), argv=RUNNER_ARGV)


class EngineProxy:
    """Stands in front of the engine's socket: can be cut off, put back, and made to swallow all and say nothing.

    `refusals` are answers in the engine's place, status and message, to requests with this in their path.
    """

    def __init__(self, *, socket: Path | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._socket = socket
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()
        self.silent = False
        self.refusals: dict[str, tuple[int, str]] = {}
        self.port = 0

    async def open(self) -> None:
        if self._socket is not None:
            self._server = await asyncio.start_unix_server(self._serve, self._socket)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pipes.add(task)
        task.add_done_callback(self._pipes.discard)
        engine: asyncio.StreamWriter | None = None
        try:
            if self.silent:
                await reader.read()
                return
            answers, engine = await asyncio.open_unix_connection(ENGINE_SOCKET)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, engine, writer))
                group.create_task(self._pump(answers, writer))
        except* (OSError, asyncio.CancelledError):
            pass
        finally:
            ends = [end for end in (writer, engine) if end is not None]
            # Both before the first is waited for: a test that ends then would leave the other open.
            for end in ends:
                end.close()
            for end in ends:
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _ask(
        self, reader: asyncio.StreamReader, engine: asyncio.StreamWriter, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            path = data.split(b" ", 2)[1].decode("latin-1") if data.startswith(b"POST ") else ""
            for part, (status, message) in self.refusals.items():
                if part in path:
                    body = json.dumps({"message": message}).encode()
                    head = f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nConnection: close\r\n"
                    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                    await writer.drain()
                    raise ConnectionResetError("refused in the engine's place")
            engine.write(data)
            await engine.drain()
        raise ConnectionResetError("one end is closed")

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError("one end is closed")
