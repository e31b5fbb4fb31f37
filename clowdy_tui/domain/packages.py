"""A project's list of packages: which lines are taken, and how they are written anew.

The list is untrusted input to a program that runs as Clowdy's owner, and that takes options, paths and addresses from
the same lines. So a line is read by `packaging` as PEP 508 has it, and what goes on is written from what was read:
names, extras, versions, markers and SHA-256 hashes, in characters that mean nothing else.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Final, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import Field

from clowdy_tui.domain.errors import ClowdyError, FieldError, InvalidInput
from clowdy_tui.domain.schemas import Incoming, Outgoing

MAX_BYTES: Final = 64 * 1024
MAX_PACKAGES: Final = 300

_HASH: Final = re.compile(r"--hash[= ]sha256:([0-9a-f]{64})\Z")
_COMMENT: Final = re.compile(r"(^|\s+)#.*$")
_WRITTEN: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*"
    r"(\[[A-Za-z0-9._,-]+\])?"
    r"((<|<=|!=|==|>=|>|~=)[A-Za-z0-9.*+!_-]+(,(<|<=|!=|==|>=|>|~=)[A-Za-z0-9.*+!_-]+)*)?"
    r"""(; ([A-Za-z0-9_. ()<>=!~,*+-]|"[A-Za-z0-9_.,+*() -]*")+)?\Z"""
)
_LOCKED: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.+!_-]+)\Z")
_OPTIONS: Final = {
    "-r": "another file",
    "--requirement": "another file",
    "-c": "another file",
    "--constraint": "another file",
    "-e": "an editable package",
    "--editable": "an editable package",
}


class BuildFailed(ClowdyError):
    """A list cannot be made a layer; `detail` ends with the resolver's own last lines."""

    status, type, title = 422, "packages-failed", "The packages could not be installed"

    def __init__(self, reason: str) -> None:
        # As every 422 has it: which field it was.
        error = {"loc": ["requirements_txt"], "msg": reason, "type": "packages_failed"}
        super().__init__(f"Failed to build image: {reason}", extra={"errors": [error]})
        self.reason = reason


class RequirementsIn(Incoming):
    requirements_txt: str = Field(description="one package a line, as PEP 508 has it, with --hash where wanted")


class RequirementsOut(Outgoing):
    """A project's packages. `requirements_txt`, its hash and `lock` are those that functions see now.

    `status` tells of the list saved last; where that is not in use (being built, or failed), it is `wanted_txt`, with
    the `progress` of the build or the `error` that ended it; `stopped`: a person did. `has_custom_image`: functions
    have a layer.
    """

    requirements_txt: str
    requirements_hash: str | None
    has_custom_image: bool
    status: Literal["building", "ready", "failed"]
    lock: str
    wanted_txt: str | None = None
    progress: str | None = None
    error: str | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One package that is asked for: the line as it is written anew, and the hashes that its file may have."""

    name: str
    line: str
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Requirements:
    """A list that was read. `hash` ignores order, blank lines, comments and ways of writing the same."""

    packages: tuple[Wanted, ...]

    @property
    def text(self) -> str:
        """What the resolver is given."""
        return "".join(f"{line}\n" for line in sorted({package.line for package in self.packages}))

    @property
    def hash(self) -> str:
        lines = sorted({" ".join((package.line, *sorted(package.hashes))) for package in self.packages})
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def read_requirements(text: str) -> Requirements:
    """Read a list.

    Raises:
        InvalidInput: a line is none that is taken; each is named.
    """
    if len(text.encode()) > MAX_BYTES:
        raise InvalidInput.of("requirements_txt", f"must not be over {MAX_BYTES // 1024} KiB")
    packages: list[Wanted] = []
    faults: list[tuple[int, str]] = []
    for number, line in _joined(text, faults):
        try:
            if (package := _read(line)) is not None:
                packages.append(package)
        except ValueError as error:
            faults.append((number, f"{_short(line)} {error}"))
    if len(packages) > MAX_PACKAGES:
        raise InvalidInput.of("requirements_txt", f"names {len(packages)} packages, {MAX_PACKAGES} at most are taken")
    if faults:
        errors = tuple(
            FieldError(("requirements_txt", number), f"line {number}: {what}", "requirement")
            for number, what in sorted(faults)
        )
        raise InvalidInput("; ".join(error.msg for error in errors), errors=errors)
    return Requirements(tuple(packages))


def name_of(line: str) -> str | None:
    """The package that a line asks for, by its normal name; None where it asks for none."""
    try:
        package = _read(line.rstrip("\\ \t\r"))
    except ValueError:
        return None
    return package.name if package else None


def _joined(text: str, faults: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Lines with their numbers; a line may go on only with hashes, as locks are written."""
    joined: list[tuple[int, str]] = []
    going_on = False
    for number, raw in enumerate(text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"), 1):
        line = _COMMENT.sub("", raw)
        if not line.replace("\t", " ").isprintable():
            faults.append((number, "holds a control character"))
            going_on = False
            continue
        line = line.strip()
        goes_on = line.endswith("\\")
        line = line.removesuffix("\\").rstrip()
        if not going_on:
            joined.append((number, line))
        elif all(_HASH.match(part) for part in line.split()):
            first, before = joined[-1]
            joined[-1] = (first, f"{before} {line}")
        else:
            faults.append((number, f"{_short(line)} goes on from the line before, which only --hash=sha256:… may"))
        going_on = goes_on
    return joined


def _read(line: str) -> Wanted | None:
    line = _COMMENT.sub("", line).strip()
    if not line:
        return None
    if line.startswith("-"):
        option = re.split(r"[\s=]", line)[0]
        what = _OPTIONS.get(option, "an option")
        raise ValueError(f"is {what}, and only packages are taken")
    if not line.isascii():
        raise ValueError("holds a character that no package's line has")
    line, hashes = _split_hashes(line)
    if re.search(r"\s-", line):
        raise ValueError("holds an option, and only --hash=sha256:… is taken")
    if "$" in line or "\\" in line or "`" in line:
        raise ValueError("holds a character that no package's line has: variables are not filled in")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://|file:|git\+", line) or "://" in line:
        raise ValueError("is an address, and only packages of the index are taken")
    if re.match(r"[./~]", line) or "/" in line.partition(";")[0]:
        raise ValueError("is a path, and only packages of the index are taken")
    if re.search(r"\.(whl|zip|tar(\.[a-z0-9]+)?|tgz)(\[|;|\s|$)", line, re.IGNORECASE):
        raise ValueError("is a file, and only packages of the index are taken")
    try:
        found = Requirement(line)
    except InvalidRequirement as error:
        raise ValueError(f"is not a package as PEP 508 has it: {str(error).splitlines()[0]}") from error
    if found.url is not None:
        raise ValueError("names an address, and only packages of the index are taken")
    if any(part.operator == "===" for part in found.specifier):
        raise ValueError("has ===, which is not taken: write ==")
    name = canonicalize_name(found.name)
    found.name = name
    written = str(found)
    # A second look at what is handed on, by somebody who does not know how the first one was done.
    if not _WRITTEN.match(written) or "--" in written.partition(";")[2]:
        raise ValueError("holds a character that no package's line has")
    return Wanted(name, written, hashes)


def _split_hashes(line: str) -> tuple[str, frozenset[str]]:
    hashes: set[str] = set()
    package, *options = re.split(r"\s+(?=--hash)", line)
    for option in options:
        found = _HASH.match(option)
        if found is None:
            raise ValueError("has a --hash that is not sha256: and 64 digits")
        hashes.add(found[1])
    return package, frozenset(hashes)


def _short(line: str) -> str:
    return repr(line if len(line) <= 80 else f"{line[:77]}…")


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of a lock."""

    name: str
    version: str
    hashes: frozenset[str]


def read_lock(text: str) -> tuple[Locked, ...]:
    """Read what the resolver wrote: exact versions with hashes, and nothing else.

    Raises:
        ValueError: something else is in it; says what.
    """
    lines: list[str] = []
    for raw in text.split("\n"):
        line = _COMMENT.sub("", raw).strip().removesuffix("\\").strip()
        if line.startswith("--hash=") and lines:
            lines[-1] += f" {line}"
        elif line:
            lines.append(line)
    packages = []
    for line in lines:
        package, hashes = _split_hashes(line)
        found = _LOCKED.match(package.partition(";")[0].strip())
        if found is None or not hashes:
            raise ValueError(f"{_short(package)} is not an exact version with hashes")
        packages.append(Locked(canonicalize_name(found[1]), found[2], hashes))
    return tuple(packages)


def write_lock(packages: tuple[Locked, ...]) -> str:
    """The same list always gives the same text."""
    return "".join(
        f"{package.name}=={package.version}"
        + "".join(f" \\\n    --hash=sha256:{value}" for value in sorted(package.hashes))
        + "\n"
        for package in sorted(packages, key=lambda package: package.name)
    )


def hold_to_hashes(requirements: Requirements, locked: tuple[Locked, ...]) -> tuple[Locked, ...]:
    """The lock with only those hashes that the list allows where it names some.

    Raises:
        BuildFailed: none of them belongs to the version that was found.
    """
    allowed: dict[str, frozenset[str]] = {}
    for wanted in requirements.packages:
        if wanted.hashes:
            allowed[wanted.name] = allowed.get(wanted.name, frozenset()) | wanted.hashes
    held = []
    for package in locked:
        hashes = package.hashes & allowed.get(package.name, package.hashes)
        if not hashes:
            raise BuildFailed(
                f"the hashes given for {package.name} belong to no file of {package.name}=={package.version} "
                "at the index. Name the version with ==, or take its hashes from the lock."
            )
        held.append(Locked(package.name, package.version, hashes))
    return tuple(held)
