"""Makes the seccomp filters from the list of system calls: `python scripts/seccomp.py`, or `--check` to only compare.

`syscalls.yaml` becomes one classic BPF program per architecture (what bubblewrap's --seccomp reads) and one profile in
JSON (what Docker takes). All are committed and part of the package.
"""

import errno
import json
import struct
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1] / "clowdy_tui" / "engine" / "sandboxes" / "seccomp"
AUDIT_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

LOAD, AND, JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x54, 0x15, 0x25, 0x35, 0x06
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
WORD = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""Code, instructions to skip where a jump's condition holds, and where it does not, operand."""


@dataclass(frozen=True)
class Condition:
    """`argument & mask == equals`, all of 64 bits."""

    argument: int
    mask: int
    equals: int


@dataclass(frozen=True)
class Rules:
    """One architecture's share of the list."""

    allow: list[int]
    allow_where: dict[int, list[list[Condition]]]
    absent: list[int]

    @property
    def last(self) -> int:
        return max(*self.allow, *self.allow_where, *self.absent)


def rules_for(told: dict[str, Any], place: int) -> Rules:
    """What the list says for one architecture; `place` is the architecture's in each pair of numbers."""
    return Rules(
        sorted(numbers[place] for numbers in told["allow"].values() if numbers[place] is not None),
        {
            call["numbers"][place]: [[Condition(**one) for one in alternative] for alternative in call["any"]]
            for call in told["allow_where"].values()
        },
        [numbers[place] for numbers in told["absent"].values()],
    )


def assemble(rules: Rules, architecture: int) -> bytes:
    """The filter as the kernel reads it: an array of `struct sock_filter`, little-endian."""
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_EQUAL, 1, 0, architecture),
        # The numbers of another architecture (i386 on x86_64) mean other calls.
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER_OFFSET),
        # Newer than the list. The calls of x32 have bit 30 set and end here as well.
        (JUMP_GREATER, 0, 1, rules.last),
        (RETURN, 0, 0, ERRNO | errno.ENOSYS),
    ]
    for number in rules.absent:
        program += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    for number, alternatives in rules.allow_where.items():
        block = [*(one for alternative in alternatives for one in _alternative(alternative))]
        block.append((RETURN, 0, 0, ERRNO | errno.EPERM))
        program += [(JUMP_EQUAL, 0, len(block), number), *block]
    for first, last in ranges(rules.allow):
        program += [(JUMP_GREATER_EQUAL, 0, 2, first), (JUMP_GREATER, 1, 0, last), (RETURN, 0, 0, ALLOW)]
    program.append((RETURN, 0, 0, ERRNO | errno.EPERM))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def _alternative(conditions: list[Condition]) -> list[Instruction]:
    """Allows where all conditions hold, else goes on behind itself."""
    steps: list[list[Instruction]] = []
    for condition in conditions:
        for half, shift in enumerate((0, 32)):
            mask = (condition.mask >> shift) & WORD
            if mask:
                step = [(LOAD, 0, 0, ARGUMENTS_OFFSET + 8 * condition.argument + 4 * half)]
                if mask != WORD:
                    step.append((AND, 0, 0, mask))
                steps.append([*step, (JUMP_EQUAL, 0, 0, (condition.equals >> shift) & WORD)])
    block: list[Instruction] = [(RETURN, 0, 0, ALLOW)]
    for step in reversed(steps):
        code, _, _, operand = step[-1]
        block = [*step[:-1], (code, 0, len(block), operand), *block]
    return block


def ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Sorted numbers as first and last of each unbroken row."""
    breaks = [index + 1 for index, (one, next_) in enumerate(pairwise(numbers)) if next_ != one + 1]
    return [(numbers[start], numbers[stop - 1]) for start, stop in pairwise([0, *breaks, len(numbers)])]


def docker_profile(told: dict[str, Any]) -> str:
    """The profile as `docker run --security-opt seccomp=` takes it; only the machine's own architecture passes."""
    calls: list[dict[str, Any]] = [{"names": sorted(told["allow"]), "action": "SCMP_ACT_ALLOW"}]
    for name, call in told["allow_where"].items():
        for alternative in call["any"]:
            conditions = [Condition(**one) for one in alternative]
            arguments = [
                {"index": one.argument, "op": "SCMP_CMP_MASKED_EQ", "value": one.mask, "valueTwo": one.equals}
                for one in conditions
            ]
            calls.append({"names": [name], "action": "SCMP_ACT_ALLOW", "args": arguments})
    calls.append({"names": sorted(told["absent"]), "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS})
    architectures = [{"architecture": f"SCMP_ARCH_{name.upper()}"} for name in AUDIT_ARCHITECTURES]
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "archMap": architectures, "syscalls": calls}
    return json.dumps(profile, indent=1) + "\n"


def main() -> int:
    told = yaml.safe_load((FOLDER / "syscalls.yaml").read_text())
    made = {"docker.json": docker_profile(told).encode()}
    for place, (name, architecture) in enumerate(AUDIT_ARCHITECTURES.items()):
        made[f"{name}.bpf"] = assemble(rules_for(told, place), architecture)
    changed = [
        name for name, data in made.items() if not (FOLDER / name).is_file() or (FOLDER / name).read_bytes() != data
    ]
    if "--check" in sys.argv[1:]:
        if changed:
            print(f"not what syscalls.yaml makes: {', '.join(changed)}", file=sys.stderr)
        return 1 if changed else 0
    for name in changed:
        (FOLDER / name).write_bytes(made[name])
        print(f"{name}: {len(made[name])} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
