"""A network for one sandbox that is not the host's: slirp4netns, a program that speaks TCP/IP for it, in user space.

The sandbox has a network namespace of its own with one interface in it. What it sends there, slirp4netns sends on as
any program of the host would, only never to the host's loopback. It ends with its sandbox, and with the gateway: both
by a pipe that closes.
"""

import contextlib
import fcntl
import os
import re
import select
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clowdy_tui.domain.errors import DriverUnavailable

RESOLVER: Final = b"nameserver 10.0.2.3\n"
"""What the sandbox's resolv.conf says: slirp4netns asks the host's own resolver, also one on the loopback."""

INSTALL_IT: Final = "install `slirp4netns` to close it"
_NS_GET_USERNS: Final = 0xB701
_TUN: Final = Path("/dev/net/tun")
_OWN_TUN: Final = (
    'mount -t tmpfs -o size=64k,mode=755 tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"'
)
_READY_TIMEOUT_S: Final = 10.0
_SAID: Final = 4096


@dataclass(frozen=True, slots=True)
class UserNetwork:
    """A slirp4netns that is here. `before` is the command in front of it that gives up root, where root starts it."""

    path: Path
    version: str
    before: tuple[str, ...]

    def attach(self, first: int) -> "Attached":
        """Give the sandbox of this first process its network; blocks until it is there, some 20 ms.

        Raises:
            DriverUnavailable: it cannot be had.
            OSError: no descriptor or process can be had.
        """
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:
            namespace = os.open(f"/proc/{first}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            theirs.callback(os.close, namespace)
            # Not the process's own user namespace, which has no say in this: the one that owns the network.
            owner = fcntl.ioctl(namespace, _NS_GET_USERNS)
            theirs.callback(os.close, owner)
            ended, end = os.pipe()
            theirs.callback(os.close, ended)
            ours.callback(os.close, end)
            ready, ready_inner = os.pipe()
            theirs.callback(os.close, ready_inner)
            said, said_inner = os.pipe()
            theirs.callback(os.close, said_inner)
            ours.callback(os.close, said)
            # What nobody reads must not hold it up.
            os.set_blocking(said_inner, False)
            with _closing(ready):
                process = subprocess.Popen(  # noqa: S603
                    [
                        *(*self.before, str(self.path), "--configure", "--mtu=65520", "--disable-host-loopback"),
                        *("--enable-seccomp", f"--exit-fd={ended}", f"--ready-fd={ready_inner}"),
                        *("--netns-type=path", f"--userns-path=/proc/self/fd/{owner}"),
                        *(f"/proc/self/fd/{namespace}", "tap0"),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said_inner,
                    pass_fds=(namespace, owner, ended, ready_inner),
                    env={"PATH": os.defpath},
                    cwd="/",
                    process_group=0,
                )
                theirs.close()
                try:
                    if not _told(ready):
                        process.kill()
                        process.wait()
                        raise DriverUnavailable(f"slirp4netns makes no network: {_last_words(said)}.")
                    pidfd = os.pidfd_open(process.pid)
                except BaseException:
                    process.kill()
                    process.wait()
                    raise
            ours.pop_all()
        return Attached(process, pidfd, end, said)


@dataclass(slots=True)
class Attached:
    """The slirp4netns of one sandbox. `pidfd` becomes readable when it ends."""

    process: subprocess.Popen[bytes]
    pidfd: int
    end: int
    said: int

    def close(self) -> None:
        """End it; blocks until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        self.process.wait()
        for descriptor in (self.pidfd, self.end, self.said):
            os.close(descriptor)


def find_user_network(give_up_root: tuple[str, ...]) -> UserNetwork | None:
    """slirp4netns, where one is here that can do what is needed.

    `give_up_root` is the command in front of a command that gives up root, empty for an ordinary user.
    """
    path = shutil.which("slirp4netns")
    if path is None:
        return None
    try:
        told = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=5, check=False).stdout  # noqa: S603
        version = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=5, check=False).stdout  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    if not all(option in told for option in ("--disable-host-loopback", "--userns-path", "--enable-seccomp")):
        return None
    before = give_up_root
    if give_up_root and not _open_to_all(_TUN):
        # The device is root's alone here: a second node of it, in a mount namespace where nobody else sees it.
        before = ("unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", _OWN_TUN, "sh", *give_up_root)
    number = re.search(r"version (\d[\d.]*)", version)
    return UserNetwork(Path(path), number[1] if number else "of an unknown version", before)


def _open_to_all(device: Path) -> bool:
    try:
        return stat.S_IMODE(device.stat().st_mode) & 0o006 == 0o006
    except OSError:
        return False


def _told(ready: int) -> bool:
    # Not select: that knows no descriptor over 1023, and callers' connections are descriptors, too.
    poll = select.poll()
    poll.register(ready, select.POLLIN)
    return bool(poll.poll(_READY_TIMEOUT_S * 1000)) and os.read(ready, 1) == b"1"


def _last_words(said: int) -> str:
    os.set_blocking(said, False)
    try:
        words = os.read(said, _SAID).decode("utf-8", "replace").strip().splitlines()
    except BlockingIOError:
        words = []
    # Its children say more and more general things after the one that tells what it was.
    telling = [line.strip() for line in words if ":" in line and not line.startswith("WARNING")]
    return telling[0] if telling else words[-1] if words else "it does not say why"


@contextlib.contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
