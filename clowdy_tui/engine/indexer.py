"""Runs `uv`: with no configuration file, in an environment of its own, ended with whoever asked for it."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from clowdy_tui import subprocesses
from clowdy_tui.domain.packages import BuildFailed
from clowdy_tui.engine.limits import MIB

_LAST_LINES: Final = 30
_LAST_BYTES: Final = 4000
_LOOK_EVERY_S: Final = 0.5
_MAX_FILE_BYTES: Final = 1024 * MIB

_PASSED: Final = (
    # How the internet is reached.
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_HTTP_TIMEOUT"),
    # Which index is asked.
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX_STRATEGY"),
)
_OF_PIP: Final = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL",
    "PIP_CERT": "SSL_CERT_FILE",
}
_ALWAYS: Final = (
    # Wheels only: what comes as a source would run a `setup.py` as Clowdy's owner.
    *("--only-binary", ":all:", "--no-config", "--no-python-downloads", "--color", "never", "--no-progress"),
)
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/\s@]+@")


def environment(of: Mapping[str, str], home: Path) -> dict[str, str]:
    """What of Clowdy's own environment uv is to see: how the index is reached, and nothing else."""
    told = {name: of[name] for name in _PASSED if of.get(name)}
    told |= {name: value for name, value in of.items() if re.fullmatch(r"UV_INDEX_\w+_(USERNAME|PASSWORD)", name)}
    for theirs, ours in _OF_PIP.items():
        if of.get(theirs):
            told.setdefault(ours, of[theirs])
    return {
        **told,
        "PATH": "/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "LC_ALL": "C.UTF-8",
    }


class Indexer:
    """uv with one cache."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def may_have(self, name: str, version: str = "*") -> bool:
        """Whether uv's cache seems to have a wheel of this, of any version: how it lies there is uv's own affair."""
        wheel = f"{name}/{version}-*.http"
        return any(next(self._cache.glob(f"wheels-*/{place}/{wheel}"), None) for place in ("*", "*/*"))

    async def run(
        self, arguments: list[str], folder: Path, *, on_line: Callable[[str], None], watch: Callable[[], None]
    ) -> None:
        """Run `uv` in a folder to its end; `watch` is called in a thread now and then, and ends it by raising.

        Raises:
            BuildFailed: it failed, with its last lines; or what `watch` says.
        """
        command = [*_uv(), *arguments, *_ALWAYS, "--cache-dir", str(self._cache)]
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=environment(os.environ, folder),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        watching = asyncio.create_task(_watch(watch))
        reading = asyncio.create_task(self._read(process, folder, on_line))
        try:
            _limit(process.pid)
            await asyncio.wait({watching, reading}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
            lines = await reading
            code = await process.wait()
        finally:
            watching.cancel()
            reading.cancel()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await subprocesses.end(process)
        if code != 0:
            raise BuildFailed("\n".join(lines)[-_LAST_BYTES:] or f"uv ended with {code}")

    async def _read(
        self, process: asyncio.subprocess.Process, folder: Path, on_line: Callable[[str], None]
    ) -> list[str]:
        assert process.stderr is not None
        lines: list[str] = []
        left = b""
        while block := await process.stderr.read(65536):
            *whole, left = (left + block).split(b"\n")
            left = left[-_LAST_BYTES:]
            for line in whole:
                lines = [*lines[1 - _LAST_LINES :], self._clean(line, folder)]
                on_line(lines[-1])
        if left:
            lines.append(self._clean(left, folder))
        return lines

    def _clean(self, line: bytes, folder: Path) -> str:
        """Without passwords of an index, and without folders of this machine."""
        text = _CREDENTIALS.sub("****@", line.decode("utf-8", "replace").rstrip())
        for place in (f"{folder}/", str(folder), str(self._cache)):
            text = text.replace(place, "")
        return text.replace(sys.executable, "python")


def _uv() -> list[str]:
    from uv import find_uv_bin

    try:
        return [find_uv_bin()]
    except FileNotFoundError as error:
        raise BuildFailed("uv is not installed beside Clowdy: install Clowdy again") from error


async def _watch(look: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        await asyncio.to_thread(look)


def _limit(pid: int) -> None:
    if sys.platform == "linux":
        import resource

        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (_MAX_FILE_BYTES, _MAX_FILE_BYTES))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
