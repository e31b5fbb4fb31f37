"""One container as a sandbox: its stream, its end, and what it used."""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.outcome import Stream
from clowdy_tui.engine.sandboxes.base import SandboxExit, SandboxListener
from clowdy_tui.engine.sandboxes.docker_channel import AttachChannel
from clowdy_tui.engine.sandboxes.docker_direct import DirectChannel
from clowdy_tui.engine.sandboxes.docker_engine import DockerEngine, EngineRefused

logger = logging.getLogger(__name__)

CONTROL_TIMEOUT_S = 5
LAST_BYTES_S = 1.0
STOPPING_S = 1.0
POLL_S = 0.01
LATE_NEWS_S = 1.0
LATE_NEWS_POLL_S = 0.05
KILLED = SandboxExit(-9)
UNKNOWN = SandboxExit(None)


class DockerSandbox:
    """A container from its creation to its removal; it ends by itself or by `kill`, and is then removed.

    Its program may speak by `direct` and not by the attach stream; this owns it.

    `removed` is whether the engine has really taken the container away; where it could not be asked, the driver
    tidies up when it answers again.
    """

    def __init__(
        self,
        sandbox_id: str,
        container: str,
        engine: DockerEngine,
        listener: SandboxListener,
        direct: DirectChannel | None = None,
    ) -> None:
        self._direct = direct
        if direct is not None:
            direct.listen(self)
        self.id = sandbox_id
        self.container = container
        self.removed = False
        self.gone = asyncio.Event()
        self._engine = engine
        self._listener = listener
        self._channel: AttachChannel | None = None
        self._closed = asyncio.Event()
        self._direct_closed = asyncio.Event()
        self._direct_closed.set()
        self._ending: asyncio.Task[None] | None = None
        self._started = False
        self._paused = False
        self._exit_said = False
        self._peak_file: Path | None = None
        self._peak_known_missing = False
        self._peak_kb: int | None = None

    async def open(self) -> None:
        """Attach. Raises DriverUnavailable."""
        self._channel = await self._engine.attach(self.container, self)

    def begin(self) -> None:
        """Its program is started: from now on the listener is told how it ends."""
        self._started = True
        if self.gone.is_set():
            self._say(KILLED)
        elif self._closed.is_set():
            self._end_soon(killed=False)

    @property
    def queues(self) -> bool:
        return self._direct is not None and self._direct.is_open and self._direct.queues

    def catch_up(self) -> None:
        if self._direct is not None:
            self._direct.catch_up()

    def take_back(self) -> list[bytes]:
        return self._direct.take_back() if self._direct is not None else []

    def write(self, data: bytes, *, soon: bool = False) -> None:
        if self._direct is not None and (self._direct.is_open or self._direct.queues):
            self._direct.write(data, soon=soon)
        elif self._channel is not None:
            self._channel.write(data)

    def pause_reading(self) -> None:
        self._paused = True
        for channel in (self._channel, self._direct):
            if channel is not None:
                channel.pause_reading()

    def resume_reading(self) -> None:
        self._paused = False
        for channel in (self._channel, self._direct):
            if channel is not None:
                channel.resume_reading()

    async def kill(self) -> None:
        await asyncio.shield(self._end_soon(killed=True))

    async def peak_memory_kb(self) -> int | None:
        """From the cgroup's own file where the engine runs on this machine, else by a question to the engine."""
        if self.gone.is_set():
            return self._peak_kb
        if self._peak_file is None and not self._peak_known_missing:
            await self._find_peak_file()
        try:
            if self._peak_file is not None:
                self._note_peak(int(self._peak_file.read_text()))
            else:
                stats = await self._engine.call(
                    lambda client: client.stats(self.container, stream=False, one_shot=True),
                    timeout_s=CONTROL_TIMEOUT_S,
                )
                memory = stats.get("memory_stats") or {}
                self._note_peak(int(memory.get("max_usage") or memory.get("usage") or 0))
        except (OSError, ValueError, EngineRefused, DriverUnavailable):
            logger.debug("no memory figure of the container %s", self.container, exc_info=True)
        return self._peak_kb

    def data_received(self, data: bytes) -> None:
        self._listener.data_received(data)

    def output_received(self, stream: Stream, data: bytes) -> None:
        self._listener.output_received(stream, data)

    def pause_writing(self) -> None:
        self._listener.pause_writing()

    def resume_writing(self) -> None:
        self._listener.resume_writing()

    def raw_received(self, data: bytes) -> None:
        self._listener.output_received("stderr", data)

    def direct_opened(self) -> None:
        self._direct_closed.clear()

    def direct_closed(self) -> None:
        self._direct_closed.set()
        if self._started:
            self._end_soon(killed=False)

    def channel_closed(self) -> None:
        self._closed.set()
        if self._started:
            self._end_soon(killed=False)

    def _end_soon(self, *, killed: bool) -> asyncio.Task[None]:
        if self._ending is None:
            self._ending = asyncio.create_task(self._end(killed))
        return self._ending

    async def _end(self, killed: bool) -> None:
        try:
            if killed:
                await self._remove()
                await self._last_bytes()
                self._say(KILLED)
            else:
                # The direct channel ends with the program; the engine needs a moment to see that, and then closes its.
                await self._closed_within(LAST_BYTES_S)
                how = await self._how_it_ended()
                if how is not UNKNOWN:
                    await self._last_bytes()
                self._say(how)
                await self._remove()
        finally:
            if self._direct is not None:
                self._direct.close()
            if self._channel is not None:
                self._channel.abort()
            self._say(UNKNOWN)
            self.gone.set()

    async def _last_bytes(self) -> None:
        """Of a program that is gone what it said last may still be on the way, by either channel."""
        if self._channel is not None and not self._paused:
            await self._closed_within(LAST_BYTES_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_BYTES_S):
                    await self._direct_closed.wait()

    async def _closed_within(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closed.wait()

    def _say(self, how: SandboxExit) -> None:
        if self._started and not self._exit_said:
            self._exit_said = True
            self._listener.sandbox_exited(how)

    async def _how_it_ended(self) -> SandboxExit:
        """The engine closes the stream a moment before it writes down how the program ended."""
        try:
            async with asyncio.timeout(STOPPING_S):
                while True:
                    state = await self._state()
                    if not state.get("Running", False):
                        break
                    await asyncio.sleep(POLL_S)
        except (EngineRefused, DriverUnavailable, TimeoutError):
            return (
                UNKNOWN  # removed from outside, the engine is gone, or only the stream ended: the code is not to be had
            )
        code = int(state.get("ExitCode", 0))
        if 128 < code < 128 + 65:
            code = 128 - code
        return SandboxExit(code, out_of_memory=code == KILLED.code and await self._out_of_memory(state))

    async def _out_of_memory(self, state: Mapping[str, Any]) -> bool:
        """Whether it was the kernel that killed it.

        The engine is told of the end and of the memory by two roads, and one time in twenty the end comes first: the
        state then never says it, and the engine's event comes later than the end.
        """
        if state.get("OOMKilled"):
            return True
        inspected = time.monotonic()
        try:
            started, finished = (
                datetime.fromisoformat(str(state[key])).timestamp() for key in ("StartedAt", "FinishedAt")
            )
            async with asyncio.timeout(LATE_NEWS_S):
                while True:
                    # By the engine's clock, and no later than its now: else it would wait with its answer.
                    until = finished + time.monotonic() - inspected
                    seen = await self._engine.events(self.container, since=started, until=until)
                    if not seen.isdisjoint({"oom", "kill"}):
                        return "oom" in seen
                    await asyncio.sleep(LATE_NEWS_POLL_S)
        except (EngineRefused, DriverUnavailable, TimeoutError, ValueError, KeyError):
            logger.debug("who killed the container %s is not to be had", self.container[:12], exc_info=True)
            return False

    async def _state(self) -> Mapping[str, Any]:
        found = await self._engine.call(
            lambda client: client.inspect_container(self.container), timeout_s=CONTROL_TIMEOUT_S
        )
        state: Mapping[str, Any] = found["State"]
        return state

    async def _remove(self) -> None:
        try:
            await self._engine.remove(self.container)
        except (EngineRefused, DriverUnavailable) as problem:
            logger.warning("the container %s could not be removed: %s", self.container[:12], problem)
        else:
            self.removed = True

    async def _find_peak_file(self) -> None:
        if self._engine.endpoint.socket is not None and sys.platform == "linux":
            try:
                state = await self._state()
                self._peak_file = _peak_file(int(state.get("Pid", 0)), self.container)
            except (OSError, EngineRefused, DriverUnavailable):
                logger.debug("no cgroup found of the container %s", self.container, exc_info=True)
        self._peak_known_missing = self._peak_file is None

    def _note_peak(self, used: int) -> None:
        if used:
            self._peak_kb = max(self._peak_kb or 0, used // 1024)


def _peak_file(pid: int, container: str) -> Path | None:
    """The file that counts a container's peak memory in bytes; None when the engine's processes are not to be seen.

    A process of that number may be another one (the engine in a virtual machine, ourselves in a container), so
    the container's id must be in the name of its cgroup.
    """
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if container not in path:
            continue
        if controllers == "memory":
            candidate = Path(f"/sys/fs/cgroup/memory{path}/memory.max_usage_in_bytes")
        elif not controllers:
            candidate = Path(f"/sys/fs/cgroup{path}/memory.peak")
        else:
            continue
        if candidate.exists():
            return candidate
    return None
