"""Clowdy itself: a real `clowdy serve` on a fresh data folder, with everything switched on that it has."""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks import engine
from benchmarks.model import PAYLOAD, TOKEN, BenchmarkError, Request
from benchmarks.subjects.base import Server, Subject

INVOKE_CODE = "def handler(event, context):\n    return event\n"
GATEWAY_CODE = 'def handler(event, context):\n    return event["body"]\n'
CPUS = 1
"""Of the functions under load: the default of half a core is a limit that the others' rows do not have."""
READY_WITHIN_S = 90
QUIET_FOR_S = 0.2


class Clowdy(Subject):
    """One driver. `settings` are handed over as `CLOWDY_<NAME>`; what is not in them has its default.

    The first row is `POST /api/invoke/{id}`, the second the same echo through a public route.
    """

    def __init__(self, driver: str, **settings: str) -> None:
        self.driver = driver
        self.key = driver
        self.title = f"Clowdy, {driver}"
        self._settings = settings
        self._server: Server | None = None
        self._folder: Path | None = None
        self._api: httpx.Client | None = None
        self.url = ""
        self.socket = Path()
        self.installation = ""

    def start(self) -> dict[str, Request]:
        self.open()
        project = self.call("POST", "/api/projects", name="bench")
        invoked = self.make_function("invoked", INVOKE_CODE, project["id"], cpus=CPUS)
        routed = self.make_function("routed", GATEWAY_CODE, project["id"], cpus=CPUS)
        self.call("POST", f"/api/projects/{project['id']}/routes", function_id=routed, method="POST", path="/echo")
        rows = {
            f"{self.key} invoke": self.invoke_request(invoked),
            f"{self.key} gateway": Request(
                f"{self.url}/api/gateway/{project['slug']}/echo", TOKEN, "POST", json.dumps(PAYLOAD)
            ),
        }
        for row, request in rows.items():
            answer = httpx.request(request.method, request.url, content=request.body, timeout=60)
            shown = answer.json() if answer.status_code == 200 else None
            echoed = shown.get("output") if shown and row.endswith("invoke") else shown
            if echoed != PAYLOAD:
                assert self._server is not None
                raise BenchmarkError(f"{self._server.said()}\n{row} answered {answer.status_code}: {answer.text[:500]}")
        return rows

    def open(self) -> None:
        """Start the gateway alone, with no project in it."""
        self._folder = Path(tempfile.mkdtemp(prefix="clowdy-bench-"))
        # Started by root, sandboxes run under another uid, which has to reach what is mounted into them.
        self._folder.chmod(0o711)
        self._serve(self._folder)

    def restart(self, **settings: str) -> None:
        """Stop the gateway and start it on the same data folder, with these settings changed."""
        assert self._folder is not None
        assert self._server is not None
        assert self._api is not None
        self._api.close()
        self._api = None
        self._server.stop()
        self._settings |= settings
        self._serve(self._folder)

    @property
    def database(self) -> Path:
        """The file that the gateway keeps its things in."""
        assert self._folder is not None
        return self._folder / "data" / "clowdy.db"

    def _serve(self, folder: Path) -> None:
        config = folder / "config.yaml"
        config.write_text("{}\n")
        data = folder / "data"
        mine = {"data_dir": str(data), "driver": self.driver, "host": "127.0.0.1", "port": "0", **self._settings}
        env = {key: value for key, value in os.environ.items() if not key.startswith("CLOWDY_")}
        env |= {f"CLOWDY_{name.upper()}": value for name, value in mine.items()}
        env["CLOWDY_CONFIG"] = str(config)
        self._server = Server([sys.executable, "-m", "clowdy_tui", "serve"], env=env)
        self._await_ready(data)

    def _await_ready(self, data: Path) -> None:
        assert self._server is not None
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            self._server.must_live()
            recorded = data / "run" / "socket"
            socket = Path(recorded.read_text().strip()) if recorded.is_file() else data / "run" / "clowdy.sock"
            if socket.is_socket():
                self._api = httpx.Client(
                    transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://clowdy", timeout=60
                )
                try:
                    health = self._api.get("/api/health").json()
                except httpx.TransportError:
                    self._api.close()
                    self._api = None
                else:
                    if health.get("url"):
                        self.url = health["url"].rstrip("/")
                        self.socket = socket
                        self.installation = health["installation"]
                        return
            time.sleep(0.02)
        raise BenchmarkError(f"clowdy serve ({self.driver}) was not ready within {READY_WITHIN_S} s")

    def call(self, method: str, path: str, /, **body: Any) -> Any:
        """One call of the management API.

        Raises:
            BenchmarkError: the answer was not 200.
        """
        assert self._api is not None
        answer = self._api.request(method, path, json=body or None)
        if answer.status_code != 200:
            raise BenchmarkError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()

    def make_function(self, name: str, code: str, project_id: str | None = None, **settings: Any) -> str:
        """The new function's id; `settings` are fields of it that do not have their defaults."""
        made: str = self.call("POST", "/api/functions", name=name, code=code, project_id=project_id, **settings)["id"]
        return made

    def invoke_request(self, function_id: str) -> Request:
        return Request(f"{self.url}/api/invoke/{function_id}", TOKEN, "POST", json.dumps({"input": PAYLOAD}))

    def settle(self) -> None:
        """Wait until no sandbox is being started, and none has come or gone for a moment."""
        self.settled_spares()

    def settled_spares(self, *, within_s: float = 60) -> int:
        """How many spares there are when their number has stood still for a moment and none is being started.

        Raises:
            BenchmarkError: it does not settle within this time.
        """
        deadline = time.monotonic() + within_s
        seen, since = -1, time.monotonic()
        while time.monotonic() < deadline:
            states = [instance["state"] for instance in self.call("GET", "/api/pool")]
            if states.count("spare") != seen or "starting" in states:
                seen, since = states.count("spare"), time.monotonic()
            elif time.monotonic() - since > QUIET_FOR_S:
                return seen
            time.sleep(0.02)
        raise BenchmarkError(f"{self.driver}: the number of spares does not settle within {within_s:.0f} s")

    def stop(self) -> None:
        try:
            if self._api:
                self._api.close()
                self._api = None
            if self._server:
                self._server.stop()
                self._server = None
            if self.driver == "docker" and self.installation:
                self._must_have_left_nothing()
        finally:
            if self._folder:
                shutil.rmtree(self._folder)
                self._folder = None

    def _must_have_left_nothing(self) -> None:
        left = engine.containers(self.installation)
        for container in left:
            container.remove(force=True)
        if left:
            raise BenchmarkError(f"clowdy serve (docker) left {len(left)} containers behind")

    def roots(self) -> set[int]:
        mine = {self._server.pid} if self._server else set()
        return mine | engine.pids() if self.driver == "docker" else mine
