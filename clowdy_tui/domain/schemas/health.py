"""The gateway's own state."""

from typing import Literal

from clowdy_tui.domain.schemas.base import Outgoing


class Health(Outgoing):
    """`version`, `driver`, `enforced` and what follows only for an authenticated caller.

    `log_problem` says why calls are not written to the log now, and how many wait; None while they are.
    """

    status: Literal["ok"] = "ok"
    version: str | None = None
    driver: str | None = None
    driver_available: bool | None = None
    driver_problem: str | None = None
    log_problem: str | None = None
    enforced: list[str] | None = None
    not_enforced: list[str] | None = None
    url: str | None = None
    socket: str | None = None
    data_dir: str | None = None
    pid: int | None = None
    installation: str | None = None
    python: str | None = None
