"""Starts `clowdy serve` in the background, and waits until it can answer or has said why it cannot."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clowdy_tui.cli.shell import Exit, Failure

READY_WITHIN_S: Final = 60.0
LOG_NAME: Final = "serve.log"
LOG_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Background:
    """What to serve: as the flags of `clowdy serve` have it."""

    data_dir: Path
    host: str
    port: int
    driver: str
    config: Path | None = None
    log_format: str = "text"

    def argv(self, ready: int) -> list[str]:
        """The command, with the descriptor that it reports to."""
        # -P: the folder that it is started in must not shadow a module.
        command = [sys.executable, "-P", "-m", "clowdy_tui", "serve", "--ready-fd", str(ready)]
        command += ["--data-dir", str(self.data_dir), "--host", self.host, "--port", str(self.port)]
        command += ["--driver", self.driver, "--log-format", self.log_format]
        return command if self.config is None else [*command, "--config", str(self.config.absolute())]


def start(background: Background) -> dict[str, Any]:
    """Start it, and return what it reports when it is ready: `url`, `socket`, `pid`, `data_dir`, `log`.

    Raises:
        Failure: it could not start; the reason is its own.
    """
    log_path = background.data_dir / LOG_NAME
    reading, writing = os.pipe()
    try:
        with _open_log(log_path) as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own flags
                background.argv(writing),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(writing,),
                cwd="/",
                start_new_session=True,
            )
        os.close(writing)
        writing = -1
        # It forks at once and ends: what serves is nobody's child, so whoever starts it may live on or not.
        process.wait()
        report = _read_report(reading)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    if report is None:
        os.killpg(process.pid, signal.SIGKILL)
        raise Failure(f"the gateway was not ready after {READY_WITHIN_S:.0f} s and was ended; see {log_path}")
    if "error" in report:
        raise Failure(str(report["error"]), int(report.get("exit_code", Exit.FAILED)))
    if not report:
        raise Failure(f"the gateway ended before it was ready; see {log_path}")
    return {**report, "log": str(log_path)}


def _open_log(path: Path) -> Any:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "ab")
    except OSError as error:
        raise Failure(f"the data folder {path.parent} cannot be used: {error.strerror or error}") from None


def _read_report(descriptor: int) -> dict[str, Any] | None:
    """The child's one line; empty where it ended without one, None where it took too long."""
    deadline = time.monotonic() + READY_WITHIN_S
    received = b""
    while not received.endswith(b"\n"):
        readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            return None
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return {}
        received += chunk
    report = json.loads(received)
    assert isinstance(report, dict)
    return report


class Reporter:
    """The child's end: leaves its parent, and tells it how it went, once."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        if descriptor is not None and os.fork():
            os._exit(0)

    def tell(self, report: dict[str, Any]) -> None:
        """Send the report and close; whoever started it may be gone already."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, json.dumps(report).encode() + b"\n")
        except BrokenPipeError:
            pass
        finally:
            os.close(self._descriptor)
            self._descriptor = None
