"""Load by `wrk`: one thread of it, since the server and its sandboxes want the cores too.

A script checks every answer's status and body. wrk takes a call's latency before it hands the answer to the script.
"""

import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.model import BenchmarkError, Load, Request

# A latency over this counts as an error in wrk: calls that each start a process take their time.
_TIMEOUT_S = 30

_SCRIPT = """\
wrk.method = {method}
wrk.body = {body}
wrk.headers["Content-Type"] = {content_type}
local expect = {expect}
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
function init(args) wrong = 0; first = "" end
function response(status, headers, body)
  if status ~= 200 or not body:find(expect, 1, true) then
    wrong = wrong + 1
    if first == "" then first = status .. " " .. body:sub(1, 300) end
  end
end
function done(summary, latency, requests)
  local wrong, first = 0, ""
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong")
    if first == "" then first = thread:get("first") end
  end
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.timeout
  local p50, p99 = latency:percentile(50), latency:percentile(99)
  io.write(string.format("\\nCLOWDY [%d, %d, %f, %f", summary.requests, summary.duration, p50, p99))
  io.write(string.format(", %d, %d]\\nFIRST %s\\n", wrong, failed, first))
end
"""


def _lua(text: str) -> str:
    """As a Lua string: its escapes for bytes are decimal."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03d}" for b in text.encode()) + '"'


class Wrk:
    """The `wrk` that is installed."""

    def __init__(self, program: str) -> None:
        self._program = program
        said = subprocess.run([program, "--version"], check=False, capture_output=True, text=True, timeout=10)
        self.name = " ".join((said.stdout + said.stderr).split()[:2])

    @classmethod
    def find(cls) -> "Wrk | None":
        program = shutil.which("wrk")
        return cls(program) if program else None

    def load(self, request: Request, *, clients: int, seconds: float) -> Load:
        script = _SCRIPT.format(
            method=_lua(request.method),
            body=_lua(request.body) if request.body else "nil",
            content_type=_lua("application/json") if request.body else "nil",
            expect=_lua(request.expect),
        )
        whole = max(1, math.ceil(seconds))
        with tempfile.TemporaryDirectory(prefix="clowdy-bench-") as folder:
            path = Path(folder) / "load.lua"
            path.write_text(script)
            command = [self._program, "-t1", f"-c{clients}", f"-d{whole}s", f"--timeout={_TIMEOUT_S}s", "--latency"]
            done = subprocess.run(
                [*command, "-s", str(path), request.url],
                check=False,
                capture_output=True,
                text=True,
                timeout=whole + 60,
            )
        figures = next((line[7:] for line in done.stdout.splitlines() if line.startswith("CLOWDY ")), None)
        if done.returncode or figures is None:
            raise BenchmarkError(f"wrk failed: {(done.stderr or done.stdout).strip()[:300]}")
        calls, duration_us, p50_us, p99_us, wrong, failed = json.loads(figures)
        if not calls and not failed:
            raise BenchmarkError(f"{request.method} {request.url}: no answer within {whole} s")
        if wrong or failed:
            first = done.stdout.rpartition("FIRST ")[2].strip()
            raise BenchmarkError(
                f"{request.method} {request.url}: of {calls} answers {wrong} were wrong, "
                f"{failed} connections failed; the first wrong one: {first or 'none'}"
            )
        return Load(calls, duration_us / 1e6, p50_us, p99_us)
