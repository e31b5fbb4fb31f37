"""What a driver must give: sandboxes with a byte stream in, a byte stream out, and a way to end them.

A driver knows nothing of frames, functions or calls. All callbacks come in the event loop that called `start`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from clowdy_tui.engine.deployment import SpareShape
from clowdy_tui.engine.outcome import Stream


class Enforced(StrEnum):
    """What can be enforced on a sandbox. What a driver cannot do here is said by `clowdy doctor`, by these names."""

    MEMORY = "memory"
    CPU = "cpu"
    PROCESSES = "processes"
    FILES = "files"
    NETWORK_OFF = "network off"
    NETWORK_APART = "network on without the host's loopback"
    SYSTEM_CALLS = "system calls"
    UNPRIVILEGED = "unprivileged user"


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """What to make. `root` is the packed root tree of the runtime; `argv` is run inside it.

    `layer` is the folder of the shape's layer, which the sandbox sees at `pack.LAYER_PLACE`, read-only.
    """

    id: str
    shape: SpareShape
    root: Path
    argv: tuple[str, ...]
    tmp_mb: int = 64
    max_processes: int = 64
    layer: Path | None = None


@dataclass(frozen=True, slots=True)
class SandboxExit:
    """How a sandbox ended: exit code, or signal as a negative number; None where the driver cannot tell.

    `undelivered`: it is certain that bytes that were written to it last were never read, so what they asked for was
    not begun. A driver that cannot know that says False.
    """

    code: int | None
    out_of_memory: bool = False
    undelivered: bool = False


class SandboxListener(Protocol):
    """Who is told what a sandbox does. None of these may block or raise."""

    def data_received(self, data: bytes) -> None:
        """Bytes of the protocol's stream, cut anywhere."""

    def output_received(self, stream: Stream, data: bytes) -> None:
        """Bytes that reached descriptors 1 or 2: child processes, C code, an interpreter that dies."""

    def sandbox_exited(self, how: SandboxExit) -> None:
        """The sandbox is gone; said once, after the last bytes."""

    def pause_writing(self) -> None:
        """The stream in is full: write no more until `resume_writing`."""

    def resume_writing(self) -> None:
        """The stream in has room again."""


class Sandbox(Protocol):
    """One live sandbox."""

    @property
    def id(self) -> str: ...

    @property
    def queues(self) -> bool:
        """Whether what is written waits as messages, which can be taken back until the runner takes them."""

    def write(self, data: bytes, *, soon: bool = False) -> None:
        """Send one or more whole frames to the runner, as one message; with `soon` together with what else comes in
        this turn of the loop. For a sandbox that is gone they are dropped.
        """

    def take_back(self) -> list[bytes]:
        """The messages that the runner has not taken yet, in the order in which they were written: it does not get
        them any more. What is no frame stands for frames that went by the stream, which the runner can still read.
        """

    def catch_up(self) -> None:
        """Tell the listener now of what has reached descriptors 1 and 2 and was not told yet, where that is known."""

    def pause_reading(self) -> None:
        """Take no more bytes of the protocol's stream for now: back-pressure down to the runner."""

    def resume_reading(self) -> None: ...

    async def kill(self) -> None:
        """End it at once, with all that runs in it. Returns when it is gone; the second time does nothing."""

    async def peak_memory_kb(self) -> int | None:
        """The most memory that it has used so far, in KiB; None where the driver cannot tell."""


@dataclass(slots=True)
class DriverStatus:
    """Whether sandboxes can be made here, and what is enforced on them."""

    name: str
    available: bool
    problem: str = ""
    remedy: str = ""
    enforced: frozenset[Enforced] = field(default_factory=frozenset)
    notes: tuple[str, ...] = ()

    @property
    def not_enforced(self) -> frozenset[Enforced]:
        return frozenset(Enforced) - self.enforced


class Driver(Protocol):
    """Makes sandboxes of one kind."""

    @property
    def name(self) -> str: ...

    async def check(self) -> DriverStatus:
        """Find out whether sandboxes can be made, by making one where that is the only honest way. Never raises."""

    async def prepare(self, root: Path, layer: Path | None = None) -> None:
        """Make this root tree ready to start from (mount points, an image), with this layer where one is named.

        Done once; cheap when done already.

        Raises:
            DriverUnavailable: it cannot be.
        """

    def copies(self, layer: Path) -> bool:
        """Whether sandboxes get a copy of this layer, to which what is added later does not come."""

    async def why_no_socket(self, folder: Path) -> str:
        """Why a database's socket in this folder cannot be given to sandboxes, in a sentence; empty where it can."""

    async def start(self, spec: SandboxSpec, listener: SandboxListener) -> Sandbox:
        """Make a sandbox and start its program. Returns as soon as its stream can be written to.

        Raises:
            DriverUnavailable: it cannot be made, with the reason in one sentence and what to do.
        """

    async def sweep(self) -> int:
        """Remove what an earlier, killed process of this installation left; how many there were."""

    async def keep_layers(self, keys: frozenset[str]) -> tuple[str, ...]:
        """Remove what was made for layers of other keys.

        What cannot be removed now is left to the next time; answers what that is, and why, in sentences.
        """

    async def clear(self) -> tuple[str, ...]:
        """Remove all that this installation has with this driver, images too: another one has taken its place.

        What cannot be removed now is left to the next time; answers what that is, and why, in sentences.
        """

    async def close(self) -> None:
        """End every sandbox that this driver made."""
