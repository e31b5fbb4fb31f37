"""The reference from below: one `docker exec` for each call, in a running container of the same runtime image."""

import sys
from pathlib import Path
from typing import Any

import httpx

from benchmarks import cpu, engine
from benchmarks.model import PAYLOAD, PAYLOAD_TEXT, TOKEN, BenchmarkError, Request
from benchmarks.subjects.base import Server, Subject, free_port
from benchmarks.subjects.clowdy import Clowdy

_PROGRAM = Path(__file__).parent.parent / "servers" / "exec_per_call.py"


def _runtime_image() -> tuple[str, str]:
    with Clowdy("docker") as clowdy:
        clowdy.open()
        clowdy.settled_spares()
        return engine.runtime_image(clowdy.installation)


class ExecPerCall(Subject):
    """No limits on its container: all that it does is start a process for each call."""

    key = "exec-per-call"
    title = "docker exec for each call"

    def __init__(self) -> None:
        self._server: Server | None = None
        self._container: Any = None

    def start(self) -> dict[str, Request]:
        image, python = _runtime_image()
        self._container = engine.client().containers.run(
            image,
            entrypoint=[python, "-c", "import signal; signal.pause()"],
            detach=True,
            init=False,
            network_mode="none",
            labels={engine.LABEL: self.key},
        )
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        self._server = Server([sys.executable, str(_PROGRAM), str(port), self._container.id, python])
        self._server.wait_until(url)
        answer = httpx.post(url, content=PAYLOAD_TEXT, timeout=60)
        if answer.status_code != 200 or answer.json() != PAYLOAD:
            raise BenchmarkError(f"exec-per-call answered {answer.status_code}: {answer.text[:500]}")
        return {self.key: Request(url, expect=TOKEN, method="POST", body=PAYLOAD_TEXT)}

    def stop(self) -> None:
        try:
            if self._server:
                self._server.stop()
                self._server = None
        finally:
            if self._container:
                self._container.remove(force=True)
                self._container = None

    def roots(self) -> set[int]:
        return ({self._server.pid} if self._server else set()) | engine.pids() if cpu.can_be_read() else set()
