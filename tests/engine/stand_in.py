"""A driver without sandboxes and a loop whose time passes only while nothing else does: for what the engine counts."""

import asyncio
import json
import random
import selectors
import struct
import time
from collections import Counter, deque
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine import assignment, hearing, invoke, pipeline, placement, protocol, worker
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.limits import EngineLimits
from clowdy_tui.engine.runtime import RootTree
from clowdy_tui.engine.sandboxes.base import DriverStatus, SandboxExit, SandboxListener, SandboxSpec

_PREFIX = struct.Struct(">IB")
_KEEP_TIME: tuple[ModuleType, ...] = (assignment, hearing, invoke, pipeline, placement, worker)


class _Selector(selectors.DefaultSelector):
    """Waits for nothing: what was to be waited for has passed."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits, and nothing will ever come"
        # Each turn takes a moment, too: what is due a rounding error later would come round for ever.
        self.now += max(1e-6, timeout)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """Goes ahead to the next timer as soon as all have done what they can."""

    def __init__(self) -> None:
        self.clock = _Selector()
        self.errors: list[dict[str, Any]] = []
        super().__init__(self.clock)
        self.set_exception_handler(lambda _, context: self.errors.append(context))

    def time(self) -> float:
        return self.clock.now

    async def quiet(self) -> None:
        """Until nobody has anything to do at this moment."""
        for _ in range(10_000):
            await asyncio.sleep(0)
            if not self._ready:  # type: ignore[attr-defined]
                return
        raise AssertionError("it does not get quiet")


def keep_time(patch: pytest.MonkeyPatch, loop: Loop) -> None:
    """Have the engine go by this loop's time."""
    for module in _KEEP_TIME:
        if hasattr(module, "time"):
            patch.setattr(module, "time", SimpleNamespace(monotonic=loop.time, time=time.time))


class Box:
    """A sandbox that does what it is told, and nothing before. Fails where it is another deployment's."""

    queues = True

    def __init__(self, driver: "StandIn", spec: SandboxSpec, listener: SandboxListener) -> None:
        self.id = spec.id
        self.mail: deque[bytes] = deque()
        self.running: dict[int, str] = {}
        self.several = False
        self._driver = driver
        self._listener = listener
        self._said: list[bytes] = []
        self._key: str | None = None
        self._ends = False
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # What the engine asks of it.

    def write(self, data: bytes, *, soon: bool = False) -> None:
        if not self._gone.done():
            self.mail.append(data)

    def take_back(self) -> list[bytes]:
        messages = list(self.mail)
        self.mail.clear()
        if messages and self._key is not None and self._driver.rng.random() < 0.3:
            # They are taken back one by one: the runner gets any of them meanwhile, where it takes one.
            at = self._driver.rng.randrange(len(messages))
            self.mail.append(messages[at])
            self.take()
            if not self.mail:
                del messages[at]
            self.mail.clear()
        return messages

    def catch_up(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    async def peak_memory_kb(self) -> int | None:
        return None

    async def kill(self) -> None:
        if not self._ends:
            self._ends = True
            asyncio.get_running_loop().call_later(self._driver.rng.choice([0, 0, 0.003]), self.end)
        await asyncio.shield(self._gone)

    # What it is told to do.

    def ready(self) -> None:
        self._say(protocol.READY, bytes([protocol.VERSION]))
        self.hear()

    def take(self) -> None:
        """Its runner takes its next message, where it would."""
        if not self.mail or self._ends or (self.running and not self.several):
            return
        data = self.mail.popleft()
        while data:
            length, kind = _PREFIX.unpack_from(data)
            body, data = data[5 : 4 + length], data[4 + length :]
            if kind == protocol.LOAD:
                assert self._key is None, "loaded twice"
                told = json.loads(body)
                self._key = told["environment"]["KEY"]
                self.several = told["concurrency"] > 1 and told["files"]["function.py"] == "async"
                self._say(protocol.LOADED, protocol.LOADED_HEAD.pack(5, self.several))
            else:
                number, _, size = struct.unpack_from(">IIB", body)
                name, event = body[9 : 9 + size].decode(), json.loads(body[9 + size :])
                assert event["key"] == self._key, "a call in another deployment's instance"
                self._driver.ran[name] += 1
                self.running[number] = name

    def finish(self, how: str, *, ends: bool = True) -> None:
        """A call in it comes to this, or, where it does not end, begins to."""
        if not self.running or self._ends:
            return
        number = self._driver.rng.choice(list(self.running))
        name = self.running.pop(number)
        head = protocol.ANSWER_HEAD.pack(number, 100, 1)
        if how == "result":
            self._say(protocol.RESULT, head + json.dumps(name).encode())
        elif how == "stream":
            self._say(protocol.HEAD, protocol.CALL_NUMBER.pack(number) + b"\0{}")
            self._say(protocol.CHUNK, protocol.CALL_NUMBER.pack(number) + name.encode())
            if ends:
                self._say(protocol.RESULT, head)
        else:
            self._say(protocol.ERROR, head + json.dumps({"type": how, "message": "", "trace": ""}).encode())

    def hear(self) -> None:
        """The engine reads what it has said."""
        said, self._said = self._said, []
        if said and not self._ends:
            self._listener.data_received(b"".join(said))

    async def serve(self, loop: "Loop") -> None:
        """Get ready, and answer the first call."""
        self.ready()
        await loop.quiet()
        self.take()
        self.finish("result")
        self.hear()

    def end(self, code: int = -9, *, out_of_memory: bool = False) -> None:
        if not self._gone.done():
            self.hear()
            self._ends = True
            self._gone.set_result(None)
            self._driver.boxes.remove(self)
            self._listener.sandbox_exited(SandboxExit(code, out_of_memory))
            self.mail.clear()

    def _say(self, kind: int, body: bytes) -> None:
        if not self._ends:
            self._said.append(_PREFIX.pack(len(body) + 1, kind) + body)


class StandIn:
    """Makes boxes. With `chance` some come late, end while they start, never get ready or cannot be made."""

    name = "stand-in"

    def __init__(self, rng: random.Random, *, chance: bool = False) -> None:
        self.rng = rng
        self.boxes: list[Box] = []
        self.ran: Counter[str] = Counter()
        """How often each call has begun to run."""
        self.up = True
        self.fault: Exception | None = None
        self._chance = chance

    def service(self, limits: EngineLimits) -> InvokeService:
        tree = RootTree(Path("/"), (), "stand-in")
        runtimes: Any = SimpleNamespace(peek=lambda _name: tree)
        return InvokeService(self, runtimes, limits=limits)

    async def check(self) -> DriverStatus:
        return DriverStatus(self.name, self.up, "" if self.up else "It is down.")

    async def prepare(self, root: Path, layer: Path | None = None) -> None: ...

    def copies(self, layer: Path) -> bool:
        return False

    async def why_no_socket(self, folder: Path) -> str:
        return ""

    async def start(self, spec: SandboxSpec, listener: SandboxListener) -> Box:
        if self.fault is not None:
            raise self.fault
        if self._chance:
            for _ in range(self.rng.choice([0, 1, 3])):
                await asyncio.sleep(self.rng.choice([0, 0, 0.01]))
        if not self.up or (self._chance and self.rng.random() < 0.03):
            raise DriverUnavailable("It cannot be made.")
        box = Box(self, spec, listener)
        self.boxes.append(box)
        what = self.rng.random() if self._chance else 1.0
        if self._chance and what < 0.95:
            then = box.ready if what < 0.85 else box.end
            asyncio.get_running_loop().call_later(self.rng.choice([0, 0, 0.005]), then)
        return box

    async def sweep(self) -> int:
        return 0

    async def keep_layers(self, keys: frozenset[str]) -> tuple[str, ...]:
        return ()

    async def clear(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> None:
        for box in list(self.boxes):
            box.end()
