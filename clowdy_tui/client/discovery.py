"""Where the gateway of a data folder listens."""

from pathlib import Path


def find_socket(data_dir: Path) -> Path | None:
    """The owner's socket of the gateway that serves this folder, or served it last; None where there is none.

    It lies in `run/clowdy.sock`, or, where that path is too long for a socket, where `run/socket` says.
    """
    near = data_dir / "run" / "clowdy.sock"
    if near.is_socket():
        return near
    try:
        far = Path((data_dir / "run" / "socket").read_text().strip())
    except (OSError, ValueError):
        return None
    return far if far.is_socket() else None
