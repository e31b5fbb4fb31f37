"""Why bubblewrap does not work on a box, in one sentence, and what to do about it."""

import os
import platform
import re
from pathlib import Path
from typing import Final

_OR_DOCKER: Final = "or use the docker driver"


def explain(said: str, proc_sys: Path = Path("/proc/sys")) -> tuple[str, str]:
    """What is wrong and the remedy, from bwrap's own words and the kernel's switches."""
    said = said.strip().removeprefix("bwrap: ").splitlines()[-1] if said.strip() else "no reason given"
    quoted = f"bubblewrap cannot make a sandbox ({said})"
    switches = {
        "kernel/unprivileged_userns_clone": "0",
        "user/max_user_namespaces": "0",
    }
    for name, off in switches.items():
        if _read(proc_sys / name) == off:
            key = name.replace("/", ".")
            value = "1" if off == "0" and "clone" in name else "15000"
            return f"{quoted}: user namespaces are switched off.", f"As root: `sysctl -w {key}={value}`, {_OR_DOCKER}."
    if _read(proc_sys / "kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            f"{quoted}: AppArmor keeps it from making user namespaces.",
            "Install the system's own `bubblewrap` with its AppArmor profile, or as root: "
            f"`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`, {_OR_DOCKER}.",
        )
    if "proc" in said and "mount" in said.lower():
        return (
            f"{quoted}: this looks like a container that hides parts of /proc.",
            f"Run Clowdy outside of the container or give it `--security-opt systempaths=unconfined`, {_OR_DOCKER}.",
        )
    if "permi" in said.lower() or "permitted" in said.lower():
        return (
            f"{quoted}: this box does not let it make namespaces, as in a container without the right to.",
            f"Run Clowdy outside of the container, {_OR_DOCKER}.",
        )
    return f"{quoted}.", f"Try `bwrap --unshare-all --ro-bind / / true` in a shell, {_OR_DOCKER}."


def counts_processes_per_namespace() -> bool:
    """Whether RLIMIT_NPROC counts a sandbox's own processes (Linux 5.14) and not all of its user's on the host."""
    numbers = re.match(r"(\d+)\.(\d+)", platform.release())
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (5, 14) and hasattr(os, "pidfd_open")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
