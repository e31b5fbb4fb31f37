"""Google's functions-framework for Python, in its own venv, as its own documentation runs it in production."""

import subprocess
import sys
import venv
from pathlib import Path

import platformdirs

from benchmarks.model import PAYLOAD_TEXT, TOKEN, Request
from benchmarks.subjects.base import Server, Subject, Unavailable, free_port

# Exact, with what lies on its hot path, so that figures of two days can be compared.
REQUIREMENTS = ("functions-framework==3.10.2", "gunicorn==27.0.1", "Flask==3.1.3", "Werkzeug==3.1.9")
_SOURCE = Path(__file__).parent.parent / "servers" / "functions_echo.py"


def _installed() -> Path:
    """The venv that has it, made now where there is none; kept in the user's cache folder."""
    tag = f"functions-framework-3.10.2-py{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(platformdirs.user_cache_dir("clowdy-bench")) / tag
    done = folder / "installed.txt"
    if done.exists() and done.read_text().split() == list(REQUIREMENTS):
        return folder
    venv.create(folder, with_pip=True, clear=True)
    pip = subprocess.run(
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--compile", *REQUIREMENTS],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if pip.returncode:
        raise Unavailable(f"pip could not install it: {pip.stderr.strip().rpartition(chr(10))[2]}")
    done.write_text("\n".join(REQUIREMENTS))
    return folder


class FunctionsFramework(Subject):
    """Its defaults: gunicorn, one worker process, four threads for each core."""

    key = "functions-framework"
    title = "functions-framework 3.10.2 (Python)"

    def __init__(self) -> None:
        self._server: Server | None = None

    def start(self) -> dict[str, Request]:
        program = _installed() / "bin" / "functions-framework"
        port = free_port()
        url = f"http://127.0.0.1:{port}/"
        self._server = Server(
            [str(program), "--target=echo", f"--source={_SOURCE}", "--host=127.0.0.1", f"--port={port}"]
        )
        self._server.wait_until(url)
        return {self.key: Request(url, expect=TOKEN, method="POST", body=PAYLOAD_TEXT)}

    def stop(self) -> None:
        if self._server:
            self._server.stop()
            self._server = None

    def roots(self) -> set[int]:
        return {self._server.pid} if self._server else set()
