"""What bubblewrap needs outside of the data folder, and what a killed gateway may leave of it.

A root gateway's sandboxes run as a user who cannot enter /root: a tree below such a folder is linked into
`/var/tmp/clowdy-<installation>-…`. The sockets of containers lie in another one of that name. They are removed at the
end, and swept at the next start.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Final

PLACE: Final = Path("/var/tmp")  # noqa: S108  only mkdtemp makes anything in it


def prefix(installation_id: str) -> str:
    return f"clowdy-{installation_id}-"


class OwnFolder:
    """A new folder in `PLACE`. Locked until it is removed: what tidies up there (systemd-tmpfiles) passes over it.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, installation_id: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix(installation_id), dir=PLACE))
        self._held = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._held, fcntl.LOCK_SH)

    def remove(self) -> None:
        """With all that is in it; the second time does nothing."""
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)
            remove_tree(self.path)


def open_to_all(path: Path) -> bool:
    """Whether anybody may reach this file or folder: every folder above it can be entered by all."""
    path = path.resolve()
    return all(folder.stat().st_mode & 0o001 for folder in path.parents) and bool(path.stat().st_mode & 0o004)


def passable(folder: Path) -> bool:
    """Whether anybody may get to what lies in this folder, by its name; the folder need not be there yet."""
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents) if parent.exists())


def link_tree(source: Path, target: Path) -> None:
    """A copy that shares the files where the file system can; raises OSError."""
    shutil.copytree(source, target, symlinks=True, copy_function=_link, dirs_exist_ok=True)
    target.chmod(0o755)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def remove_folders(installation_id: str, *, keep: OwnFolder | None) -> None:
    """Remove the installation's linked trees but the one in use."""
    for folder in PLACE.glob(prefix(installation_id) + "*"):
        if (
            (keep is None or folder != keep.path)
            and folder.is_dir()
            and not folder.is_symlink()
            and folder.stat().st_uid == os.geteuid()
        ):
            remove_tree(folder)


def end_processes(installation_id: str) -> int:
    """Kill every bwrap that was started for this installation, or for `<installation>/<id>`; how many there were."""
    marker = b"\0CLOWDY_SANDBOX\0" + installation_id.encode() + (b"\0" if "/" in installation_id else b"/")
    ended = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            if marker in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
                ended += 1
    return ended
