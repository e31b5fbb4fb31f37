"""One live bubblewrap: how it is spawned, spoken to, and ended."""

import asyncio
import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from clowdy_tui.domain.errors import DriverUnavailable
from clowdy_tui.engine.sandboxes import diagnosis, mailbox
from clowdy_tui.engine.sandboxes.base import SandboxExit, SandboxListener, SandboxSpec
from clowdy_tui.engine.sandboxes.cgroups import Cgroup
from clowdy_tui.engine.sandboxes.mailbox import Mailbox
from clowdy_tui.engine.sandboxes.raw_output import RawOutput
from clowdy_tui.engine.sandboxes.runner_stream import SOCKET_BUFFER, RunnerStream
from clowdy_tui.engine.sandboxes.usernet import RESOLVER, Attached, UserNetwork

_SPAWN_TIMEOUT_S: Final = 10.0
_OUTPUT_CHUNK: Final = 65536


@dataclass(slots=True)
class Spawned:
    """A bwrap that runs, with our ends of its streams. `first` is the pid of the sandbox's first process."""

    process: subprocess.Popen[bytes]
    first_pidfd: int
    exit_pidfd: int
    channel: socket.socket
    mailbox: tuple[socket.socket, socket.socket]
    output: int
    group: Cgroup | None
    network: Attached | None = None

    def discard(self) -> None:
        """End it without ever having spoken to it; blocks until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.first_pidfd, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        for end in (self.channel, *self.mailbox):
            end.close()
        for descriptor in (self.first_pidfd, self.exit_pidfd, self.output):
            os.close(descriptor)
        if self.network is not None:
            self.network.close()
        if self.group is not None:
            self.group.remove()


def run_once(command: list[str], seccomp: Path | None = None) -> str | None:
    """Run a command to its end; None where it succeeded, else what it said. `{seccomp}` is as in `spawn`."""
    try:
        with _opened(seccomp) as filter_:
            done = subprocess.run(  # noqa: S603
                _filled(command, seccomp=filter_),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SPAWN_TIMEOUT_S,
                check=False,
                env={},
                pass_fds=filter_,
            )
    except subprocess.TimeoutExpired:
        return "it did not end within 10 s"
    except OSError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.decode("utf-8", "replace") or f"exit code {done.returncode}"


def _filled(command: list[str], **descriptors: tuple[int, ...]) -> list[str]:
    numbers = {f"{{{name}}}": str(held[0]) for name, held in descriptors.items() if held}
    return [numbers.get(part, part) for part in command]


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[tuple[int, ...]]:
    """A descriptor of the file, in a tuple; none where there is no file."""
    if path is None:
        yield ()
        return
    # Opened anew each time: bwrap reads it to its end, and all that have a descriptor share its place in the file.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _written(text: bytes) -> Iterator[tuple[int, ...]]:
    """A descriptor that this text can be read from, in a tuple; none where there is no text."""
    if not text:
        yield ()
        return
    descriptor, inner = os.pipe()
    try:
        os.write(inner, text)
        os.close(inner)
        yield (descriptor,)
    finally:
        os.close(descriptor)


def spawn(
    command: list[str],
    group: Cgroup | None,
    seccomp: Path | None = None,
    network: UserNetwork | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Spawned:
    """Start bwrap and wait until it has made the sandbox and, when its program has written something, `network` its
    network. In the command `{info}` becomes bwrap's --info-fd, `{seccomp}` the descriptor of the file `seccomp`,
    `{resolver}` that of a resolv.conf, `{mailbox}` the runner's end of the mailbox. The command has no variables but
    `environment`; the sandbox has its own. Blocks.

    Raises:
        DriverUnavailable: bwrap or the network's program says that it cannot.
        OSError: no process, socket or pipe can be had.
    """
    with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
        channel, inner = socket.socketpair()
        ours.callback(channel.close)
        theirs.callback(inner.close)
        ends = mailbox.pair()
        for end in ends:
            ours.callback(end.close)
        output, output_inner = os.pipe()
        ours.callback(os.close, output)
        theirs.callback(os.close, output_inner)
        info, info_inner = os.pipe()
        theirs.callback(os.close, info_inner)
        filter_ = theirs.enter_context(_opened(seccomp))
        resolver = theirs.enter_context(_written(RESOLVER if network else b""))
        with contextlib.closing(_Descriptor(info)):
            inner.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
            process = subprocess.Popen(  # noqa: S603
                _filled(command, info=(info_inner,), seccomp=filter_, resolver=resolver, mailbox=(ends[1].fileno(),)),
                stdin=inner.fileno(),
                stdout=inner.fileno(),
                stderr=output_inner,
                pass_fds=(info_inner, *filter_, *resolver, ends[1].fileno()),
                env=environment or {},
                cwd="/",
                process_group=0,
            )
            theirs.close()
            try:
                first = _read_first_pid(info)
                if first is None:
                    raise _failure(process, output)
                first_pidfd = os.pidfd_open(first)
                ours.callback(os.close, first_pidfd)
                exit_pidfd = os.pidfd_open(process.pid)
                ours.callback(os.close, exit_pidfd)
                attached = None
                if network is not None:
                    # Not before bwrap has set the loopback up, which it fails at when another does such work meanwhile.
                    _wait_for_first_byte(channel)
                    attached = network.attach(first)
            except BaseException:
                process.kill()
                process.wait()
                raise
        ours.pop_all()
    channel.setblocking(False)
    return Spawned(process, first_pidfd, exit_pidfd, channel, ends, output, group, attached)


class _Descriptor:
    def __init__(self, number: int) -> None:
        self._number = number

    def close(self) -> None:
        os.close(self._number)


def _read_first_pid(info: int) -> int | None:
    told = b""
    deadline = time.monotonic() + _SPAWN_TIMEOUT_S
    # Not select: that knows no descriptor over 1023, and callers' connections are descriptors, too.
    poll = select.poll()
    poll.register(info, select.POLLIN)
    # To the end: bwrap writes more after the pid, and a pipe closed too early kills it before it lets the sandbox run.
    while b"}" not in told:
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        data = os.read(info, 4096) if ready else b""
        if not data:
            return None
        told += data
    found = re.search(rb'"child-pid"\s*:\s*(\d+)', told)
    return int(found[1]) if found else None


def _wait_for_first_byte(channel: socket.socket) -> None:
    """Until the program in the sandbox has written or is gone. Raises DriverUnavailable: neither comes to pass."""
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    if not poll.poll(_SPAWN_TIMEOUT_S * 1000):
        raise DriverUnavailable("A sandbox does not say within 10 s that it is up.")


def _failure(process: subprocess.Popen[bytes], output: int) -> DriverUnavailable:
    process.kill()
    process.wait()
    with contextlib.suppress(BlockingIOError):
        os.set_blocking(output, False)
        said = os.read(output, _OUTPUT_CHUNK).decode("utf-8", "replace")
        problem, remedy = diagnosis.explain(said)
        return DriverUnavailable(problem, remedy=remedy)
    return DriverUnavailable("bubblewrap did not say within 10 s whether it made a sandbox.")


class BubblewrapSandbox(RunnerStream):
    """A live sandbox: the protocol runs over a socket pair, raw output over a pipe, its end is seen on a pidfd."""

    def __init__(
        self,
        spec: SandboxSpec,
        spawned: Spawned,
        listener: SandboxListener,
        threads: Executor,
        forget: Callable[["BubblewrapSandbox"], None],
    ) -> None:
        super().__init__()
        self._spec = spec
        self._spawned = spawned
        self._listener: SandboxListener = listener
        self._threads = threads
        self._forget = forget
        self._output: RawOutput = RawOutput(spawned.output, partial(listener.output_received, "stderr"))
        self._mailbox: Mailbox = Mailbox(*spawned.mailbox, self._shut)
        self._undelivered = False
        self._exit_code: int | None = None
        self._exited = False
        self._gone = self._loop.create_future()

    @property
    def id(self) -> str:
        return self._spec.id

    async def connect(self) -> None:
        """Attach the streams to the event loop."""
        self._loop.add_reader(self._spawned.exit_pidfd, self._process_exited)
        if self._spawned.network is not None:
            self._loop.add_reader(self._spawned.network.pidfd, self._network_ended)
        try:
            await self._connect(self._spawned.channel)
        except BaseException:
            self._kill()
            raise

    async def kill(self) -> None:
        """End it with all that runs in it, and wait until that is so."""
        self._kill()
        await asyncio.shield(self._gone)

    async def peak_memory_kb(self) -> int | None:
        group = self._spawned.group
        return group.peak_memory_kb() if group is not None and not self._exited else None

    # What the socket tells.

    def _hears_the_first(self) -> bool:
        # The interpreter starts at full speed; the function's code, which comes after this, does not run so.
        if self._spawned.group is not None:
            try:
                self._spawned.group.limit_cpu(self._spec.shape.cpus)
            except OSError:
                self._kill()
                return False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        # A broken pipe: the other end was closed before our bytes came. A reset: it was closed with bytes unread.
        self._undelivered = isinstance(exc, ConnectionError)
        self._kill()
        self._maybe_over()

    # What the pipe and the process tell.

    def _kill(self) -> None:
        if not self._exited:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._spawned.first_pidfd, signal.SIGKILL)

    def _network_ended(self) -> None:
        # It would fail at whatever it asks of the world from now on, and never be idle for it.
        if self._spawned.network is not None:
            self._loop.remove_reader(self._spawned.network.pidfd)
        self._kill()

    def _process_exited(self) -> None:
        self._loop.remove_reader(self._spawned.exit_pidfd)
        if self._spawned.network is not None:
            self._loop.remove_reader(self._spawned.network.pidfd)
        code = self._spawned.process.wait()
        # bwrap tells its program's signal as a shell does.
        self._exit_code = 128 - code if code > 128 else code
        # A bwrap that died while it made the sandbox leaves the sandbox's first process waiting for it.
        self._kill()
        self._exited = True
        self._maybe_over()

    def _maybe_over(self) -> None:
        if self._exited and self._over:
            self._output.finish()
            ending = self._loop.run_in_executor(self._threads, self._tidy)
            ending.add_done_callback(self._ended)

    def _tidy(self) -> bool:
        self._output.close()
        for descriptor in (self._spawned.first_pidfd, self._spawned.exit_pidfd):
            os.close(descriptor)
        if self._spawned.network is not None:
            self._spawned.network.close()
        group = self._spawned.group
        if group is None:
            return False
        out_of_memory = group.out_of_memory()
        group.remove()
        return out_of_memory

    def _ended(self, ending: "asyncio.Future[bool]") -> None:
        self._forget(self)
        self._gone.set_result(None)
        out_of_memory = not ending.cancelled() and ending.result()
        self._listener.sandbox_exited(SandboxExit(self._exit_code, out_of_memory, undelivered=self._undelivered))
        # Not before: the listener asks what it still holds.
        self._mailbox.close()
