"""CPU time from /proc: of a tree of processes, and of the whole machine.

A process's time counts its own threads and the children that it has reaped, so nothing is lost when a short-lived
child ends between two readings. Precise to a clock tick (10 ms on most machines) per process.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


def can_be_read() -> bool:
    return (_PROC / "self" / "stat").exists()


@dataclass(frozen=True, slots=True)
class Stat:
    """One process. Ticks of its own, and of the children that it has reaped."""

    parent: int
    own: int
    reaped: int


def _stat(pid: int) -> Stat | None:
    """None where the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name stands in parentheses and may hold anything, parentheses and spaces too.
    fields = text.rpartition(")")[2].split()
    user, system, reaped_user, reaped_system = map(int, fields[11:15])
    return Stat(int(fields[1]), user + system, reaped_user + reaped_system)


def processes() -> dict[int, Stat]:
    """Every process by its pid."""
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            found[int(entry.name)] = stat
    return found


def tree(roots: set[int]) -> dict[int, Stat]:
    """The processes in `roots` that live, and all that descend from them."""
    found = processes()
    children: dict[int, list[int]] = {}
    for pid, stat in found.items():
        children.setdefault(stat.parent, []).append(pid)
    members: dict[int, Stat] = {}
    waiting = [pid for pid in roots if pid in found]
    while waiting:
        pid = waiting.pop()
        if pid not in members:
            members[pid] = found[pid]
            waiting.extend(children.get(pid, ()))
    return members


def seconds_between(before: dict[int, Stat], after: dict[int, Stat]) -> float:
    """User and system time that a tree used from one reading to the next, in seconds."""
    nothing = Stat(0, 0, 0)
    own = reaped = 0
    for pid, stat in after.items():
        earlier = before.get(pid, nothing)
        own += stat.own - earlier.own
        reaped += stat.reaped - earlier.reaped
    # What a process used before the first reading is not this interval's only because it was reaped in it. One that
    # somebody outside of the tree reaped takes along what it used since then, and no more.
    ended = sum(stat.own + stat.reaped for pid, stat in before.items() if pid not in after)
    return (own + max(0, reaped - ended)) / os.sysconf("SC_CLK_TCK")


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


@dataclass(frozen=True, slots=True)
class Scheduled:
    """For how long threads ran, and for how long they were ready to and no core was free for them: all together."""

    ran_s: float
    waited_s: float


def scheduled(pids: set[int]) -> Scheduled:
    """Of all threads of these processes since each began; nothing where the system does not tell."""
    ran = waited = 0
    for pid in pids:
        for path in (_PROC / str(pid) / "task").glob("*/schedstat"):
            try:
                fields = path.read_text().split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            ran, waited = ran + int(fields[0]), waited + int(fields[1])
    return Scheduled(ran / 1e9, waited / 1e9)
