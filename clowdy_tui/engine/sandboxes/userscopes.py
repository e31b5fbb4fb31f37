"""Limits by an ordinary user's own systemd, where control groups cannot be written: a scope for each sandbox.

`systemd-run --user --scope` moves itself into a new group with its limits and becomes the command. The scope goes with
its last process.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from clowdy_tui.engine.limits import MIB
from clowdy_tui.engine.sandboxes.cgroups import Cgroup, mounts

_TRIED_MB: Final = 64
_TRIED_PROCESSES: Final = 16
_TRIED_CPUS: Final = 0.5
_TRY_S: Final = 10.0
_NEEDED: Final = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
# What the kernel holds is read back from inside: systemd takes a limit that it has no controller for, and says nothing.
_READ_BACK: Final = (
    'own="$1$(sed -n s/^0:://p /proc/self/cgroup)"; '
    'for name in memory.max pids.max cpu.max; do echo "$name $(cat "$own/$name")" >"/proc/self/fd/$2"; done'
)


@dataclass(frozen=True, slots=True)
class UserScopes:
    """A systemd-run that makes scopes here. `controllers` are those that hold in them."""

    program: str
    installation: str
    environment: Mapping[str, str]
    place: Path
    controllers: frozenset[str] = field(default_factory=frozenset)

    def command(self, name: str, *, memory_mb: int, processes: int, cpus: float) -> tuple[str, ...]:
        """What goes in front of a command that is to run in a scope with these limits."""
        limits = {
            "MemoryMax": str(memory_mb * MIB),
            "MemorySwapMax": "0",
            "TasksMax": str(processes),
            "CPUQuota": f"{max(1, round(cpus * 100))}%",
            "CPUQuotaPeriodSec": "20ms",
        }
        properties = (f"--property={key}={value}" for key, value in limits.items())
        unit = f"--unit=clowdy-{self.installation}-{name}"
        return (self.program, "--user", "--scope", "--quiet", "--collect", unit, *properties, "--")

    def group(self, pid: int, proc: Path = Path("/proc")) -> Cgroup | None:
        """The group of a process that was started so. The share of the CPU is not in it: the scope has it already."""
        try:
            lines = (proc / str(pid) / "cgroup").read_text().splitlines()
        except OSError:
            return None
        path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
        if path is None or not path.endswith(".scope") or f"clowdy-{self.installation}-" not in path:
            return None
        held = self.controllers - {"cpu"}
        return Cgroup(dict.fromkeys(held, self.place / path), dict.fromkeys(held, 2))


def find_user_scopes(installation: str, proc: Path = Path("/proc/self")) -> UserScopes | None:
    """Scopes of this user's systemd, where they can be made and hold anything; blocks for some 50 ms."""
    program = shutil.which("systemd-run")
    place = next((mount.place for mount in mounts(proc) if mount.version == 2), None)
    environment = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    if program is None or place is None or "XDG_RUNTIME_DIR" not in environment:
        return None
    scopes = UserScopes(program, installation, environment, place)
    told, inner = os.pipe()
    try:
        limits = scopes.command("try", memory_mb=_TRIED_MB, processes=_TRIED_PROCESSES, cpus=_TRIED_CPUS)
        done = subprocess.run(  # noqa: S603
            [*limits, "/bin/sh", "-c", _READ_BACK, "sh", str(place), str(inner)],
            env={"PATH": os.defpath, **environment},
            pass_fds=(inner,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TRY_S,
            check=False,
        )
        os.set_blocking(told, False)
        held = _held(os.read(told, 4096).decode("ascii", "replace")) if done.returncode == 0 else frozenset[str]()
    except (OSError, subprocess.TimeoutExpired):
        return None
    finally:
        os.close(told)
        os.close(inner)
    return UserScopes(program, installation, environment, place, held) if held else None


def _held(read_back: str) -> frozenset[str]:
    values = dict(line.partition(" ")[::2] for line in read_back.splitlines())
    quota, _, period = values.get("cpu.max", "").partition(" ")
    holds = {
        "memory": values.get("memory.max") == str(_TRIED_MB * MIB),
        "pids": values.get("pids.max") == str(_TRIED_PROCESSES),
        "cpu": quota.isdecimal() and period.isdecimal() and int(quota) == int(int(period) * _TRIED_CPUS),
    }
    return frozenset(name for name, really in holds.items() if really)
