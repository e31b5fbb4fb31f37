"""The yardstick that everything is a ratio to: one aiohttp route."""

import sys
from pathlib import Path

from benchmarks.model import Request
from benchmarks.subjects.base import Server, Subject, free_port

_PROGRAM = Path(__file__).parent.parent / "servers" / "hello.py"


class Hello(Subject):
    """`aiohttp.web.Application` with one route, on uvloop."""

    key = "hello"
    title = "aiohttp hello (GET, no function)"

    def __init__(self) -> None:
        self._server: Server | None = None

    def start(self) -> dict[str, Request]:
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        self._server = Server([sys.executable, str(_PROGRAM), str(port)])
        self._server.wait_until(url)
        return {self.key: Request(url, expect="hello")}

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None

    def roots(self) -> set[int]:
        return {self._server.pid} if self._server else set()
