"""Cloudflare's workerd, from npm: JavaScript in V8 isolates, all in one process that serves HTTP itself."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs

from benchmarks.model import PAYLOAD_TEXT, TOKEN, Request
from benchmarks.subjects.base import Server, Subject, Unavailable, free_port

# Exact, so that figures of two days can be compared.
VERSION = "1.20261117.1"
_SOURCE = Path(__file__).parent.parent / "servers" / "workerd_echo.js"
_CONFIG = """\
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .echo)],
  sockets = [(name = "http", address = "127.0.0.1:{port}", http = (), service = "main")],
);
const echo :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.js")],
  compatibilityDate = "2025-01-01",
);
"""


def _installed() -> Path:
    """The program, installed now where it is not there; kept in the user's cache folder."""
    folder = Path(platformdirs.user_cache_dir("clowdy-bench")) / f"workerd-{VERSION}"
    program = folder / "node_modules" / "workerd" / "bin" / "workerd"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"workerd@{VERSION}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if done.returncode or not program.exists():
        raise Unavailable(f"npm could not install it: {done.stderr.strip().rpartition(chr(10))[2]}")
    return program


class Workerd(Subject):
    """One process with its defaults."""

    key = "workerd"
    title = f"workerd {VERSION} (JavaScript)"

    def __init__(self) -> None:
        self._server: Server | None = None
        self._folder: Path | None = None

    def start(self) -> dict[str, Request]:
        program = _installed()
        port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="clowdy-bench-"))
        (self._folder / "worker.js").write_text(_SOURCE.read_text())
        config = self._folder / "config.capnp"
        config.write_text(_CONFIG.format(port=port))
        url = f"http://127.0.0.1:{port}/"
        self._server = Server([str(program), "serve", str(config)])
        self._server.wait_until(url)
        return {self.key: Request(url, expect=TOKEN, method="POST", body=PAYLOAD_TEXT)}

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None
        if self._folder:
            shutil.rmtree(self._folder)
            self._folder = None

    def roots(self) -> set[int]:
        return {self._server.pid} if self._server else set()
