"""Drafts: what was typed and not saved, kept on disk until it is saved or dropped.

Each screen has a folder of its own and holds a lock on it for as long as it lives. A folder whose lock nobody holds
was left by a screen that was killed: the next one takes over what is in it. So two screens on one gateway never take
each other's drafts, and none is ever overwritten by another screen's.
"""

import fcntl
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

Key = tuple[str, str]
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Draft:
    """A file of a function as it stood in the editor. `base` is the text of `version`, which it was typed over.

    `row` and `column` are the cursor's, from 0.
    """

    function_id: str
    path: str
    name: str
    version: int
    base: str
    text: str
    row: int = 0
    column: int = 0

    @property
    def key(self) -> Key:
        """What tells the file from others."""
        return self.function_id, self.path


class DraftStore:
    """The drafts of one screen, in a folder of its own below `folder`. Every method blocks on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own = folder / secrets.token_hex(6)
        self._lock: int | None = None

    def adopt(self) -> tuple[list[Draft], list[str]]:
        """Take over what screens that are gone have left: the newest draft of each file, and what could not be read.

        An older draft of the same file stays where it is, and comes back once the newer one is saved or dropped.
        """
        newest: dict[Key, tuple[float, Path, Draft]] = {}
        problems: list[str] = []
        held: list[tuple[Path, int]] = []
        try:
            for left in self._left_behind():
                lock = _take(left / _LOCK)
                if lock is None:
                    continue
                held.append((left, lock))
                for file in sorted(left.glob("*.json")):
                    try:
                        draft = _read(file)
                    except (OSError, ValueError) as error:
                        problems.append(f"{file}: {error}")
                        continue
                    at = file.stat().st_mtime
                    if draft.key not in newest or newest[draft.key][0] < at:
                        newest[draft.key] = at, file, draft
            for _, file, draft in newest.values():
                file.replace(self._path(draft.key))
        finally:
            for left, lock in held:
                if not any(left.glob("*.json")):
                    _remove(left)
                os.close(lock)
        return [draft for _, _, draft in sorted(newest.values(), key=lambda found: found[0])], problems

    def write(self, draft: Draft) -> None:
        """Keep a draft in the place of what was kept of its file before."""
        path = self._path(draft.key)
        half = path.with_suffix(".half")
        # Whole or not at all. Not synced: what is meant to be survived is a killed program, twice a second.
        half.write_text(json.dumps(asdict(draft)), encoding="utf-8")
        half.replace(path)

    def remove(self, key: Key) -> None:
        """Keep nothing of a file any more."""
        if self._lock is not None:
            self._path(key).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the folder; what is in it is for the next screen."""
        if self._lock is not None:
            if not any(self._own.glob("*.json")):
                _remove(self._own)
            os.close(self._lock)
            self._lock = None

    def _left_behind(self) -> Iterator[Path]:
        if self._folder.is_dir():
            for path in sorted(self._folder.iterdir()):
                if path != self._own and path.is_dir():
                    yield path

    def _path(self, key: Key) -> Path:
        if self._lock is None:
            self._own.mkdir(mode=0o700, parents=True)
            self._lock = _take(self._own / _LOCK)
        name = hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()[:24]
        return self._own / f"{name}.json"


def _take(path: Path) -> int | None:
    """A descriptor that holds the lock; None where another process does, or the folder has just gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _read(path: Path) -> Draft:
    kept: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(kept, dict):
        raise ValueError("is not a draft")
    try:
        return Draft(**{field.name: kept[field.name] for field in fields(Draft)})
    except KeyError as error:
        raise ValueError(f"is not a draft: it has no {error}") from error


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
