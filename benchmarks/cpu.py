"""CPU time from /proc: of a tree of processes, and of the whole machine.

A process's time counts its own threads and the children that it has reaped, so nothing is lost when a short-lived
child ends between two readings. Precise to a clock tick (10 ms on most machines) per process.
"""

import os
from pathlib import Path

_PROC = Path("/proc")


def can_be_read() -> bool:
    return (_PROC / "self" / "stat").exists()


def _stat(pid: int) -> tuple[int, int] | None:
    """(parent's pid, ticks), or None where the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may hold anything, parentheses and spaces too.
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15]))


def processes() -> dict[int, tuple[int, int]]:
    """Every process: pid → (parent's pid, ticks)."""
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            found[int(entry.name)] = stat
    return found


def tree(roots: set[int]) -> set[int]:
    """The pids in `roots` that live, and all that descend from them."""
    return _descend(roots, processes())


def _descend(roots: set[int], found: dict[int, tuple[int, int]]) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in found.items():
        children.setdefault(parent, []).append(pid)
    members: set[int] = set()
    waiting = [pid for pid in roots if pid in found]
    while waiting:
        pid = waiting.pop()
        if pid not in members:
            members.add(pid)
            waiting.extend(children.get(pid, ()))
    return members


def tree_seconds(roots: set[int]) -> float:
    """User and system time of these processes and all that descend from them, in seconds."""
    found = processes()
    return sum(found[pid][1] for pid in _descend(roots, found)) / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> float:
    """What all cores together have been busy since the machine started, in seconds."""
    values = list(map(int, (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]))
    user, nice, system, _idle, _iowait, irq, softirq, steal = values
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def named(command: str, argument: str = "") -> set[int]:
    """Processes whose program is called `command` and one of whose arguments is `argument`, where that is given."""
    found = set()
    for pid in processes():
        try:
            arguments = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if Path(arguments[0]).name == command and (not argument or argument in arguments):
            found.add(pid)
    return found
