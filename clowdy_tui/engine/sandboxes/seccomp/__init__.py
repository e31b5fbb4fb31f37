"""The filters of system calls. `syscalls.yaml` is the list; `scripts/seccomp.py` makes the files beside it of that."""

import platform
import sys
from functools import cache
from pathlib import Path
from typing import Final

ARCHITECTURES: Final = frozenset({"x86_64", "aarch64"})
"""Whose calls the list knows, by the names that the kernel and Docker give them."""

_FOLDER: Final = Path(__file__).parent


def bpf_file(machine: str | None = None) -> Path | None:
    """The program for this machine's architecture, as bwrap's --seccomp reads it; None where there is none."""
    machine = platform.machine() if machine is None else machine
    # A 32-bit interpreter makes other calls than its kernel's machine has.
    if machine not in ARCHITECTURES or sys.maxsize <= 1 << 32:
        return None
    return _FOLDER / f"{machine}.bpf"


@cache
def docker_profile() -> str:
    """The profile in JSON, as Docker takes it; for the architectures of the list."""
    return (_FOLDER / "docker.json").read_text()
