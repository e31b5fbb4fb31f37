"""What calls weigh: the gateway's memory after many of them, what the log costs, and large bodies."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.loadgen import AsyncioGenerator, Connection, check, encode
from benchmarks.model import PAYLOAD_TEXT, TOKEN, Request
from benchmarks.section import Section
from benchmarks.subjects.clowdy import CPUS, INVOKE_CODE, Clowdy
from clowdy_tui import resources
from clowdy_tui.domain.names import new_invocation_id
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.runtime import RuntimeStore
from clowdy_tui.engine.sandboxes import make_driver
from clowdy_tui.store.migrate import migrate
from clowdy_tui.store.records import InvocationRecord
from clowdy_tui.store.writer import InvocationWriter

BODY_MB = 5
RECORDS = 50_000


def memory(*, calls: tuple[int, ...], say: Callable[[str], None]) -> Section:
    """The gateway's resident memory after so many calls.

    Raises:
        BenchmarkError: a wrong answer.
    """
    section = Section(
        "Memory over many calls",
        "Resident memory of the gateway alone, after so many calls (eight clients, 100 bytes there and back).",
        ["calls", "MiB"],
    )
    ours = AsyncioGenerator()
    with Clowdy("bubblewrap") as clowdy:
        clowdy.open()
        request = clowdy.invoke_request(clowdy.make_function("echo", INVOKE_CODE, cpus=CPUS))
        done = 0
        (pid,) = clowdy.roots()
        for wanted in calls:
            while done < wanted:
                done += ours.load(request, clients=8, seconds=0.2 if wanted - done < 5_000 else 2).calls
            time.sleep(0.5)
            section.rows.append([f"{done:,}", f"{resident_mb(pid):.1f}"])
            say(f"memory after {done:,} calls: {resident_mb(pid):.1f} MiB")
    return section


def resident_mb(pid: int) -> float:
    """A process's resident memory, in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def logging(say: Callable[[str], None]) -> Section:
    """CPU of keeping a call: from the record to the committed row, both threads."""
    took_us = asyncio.run(_log())
    say(f"logging: {took_us:.1f} µs of CPU a call")
    section = Section(
        "The log",
        f"CPU time of this process, all threads, for {RECORDS:,} records of calls with bodies of 100 bytes.",
        ["", "µs a call", "target"],
    )
    section.rows.append(["a call, kept with its bodies", f"{took_us:.1f}", "at most 20"])
    return section


async def _log() -> float:
    with tempfile.TemporaryDirectory(prefix="clowdy-bench-") as folder:
        path = Path(folder) / "clowdy.db"
        migrate(path)
        writer = InvocationWriter(path)
        writer.start()
        body = PAYLOAD_TEXT.encode()
        begun = time.process_time()
        for number in range(RECORDS):
            writer.add(
                InvocationRecord(
                    new_invocation_id(),
                    f"f{number % 5:011x}",
                    "local",
                    1,
                    "success",
                    "api",
                    None,
                    None,
                    False,
                    500 + number % 1000,
                    0,
                    0,
                    12_000,
                    None,
                    has_body=True,
                    input=body,
                    output=body,
                )
            )
            if number % 250 == 249:
                await writer.flush()
        await writer.flush()
        took = time.process_time() - begun
        await writer.close()
    return took / RECORDS * 1e6


def bodies(*, times: int, say: Callable[[str], None]) -> Section:
    """A large body, by HTTP and in the engine alone, in turn.

    Raises:
        BenchmarkError: a wrong answer.
    """
    text = json.dumps({"token": TOKEN, "text": "x" * (BODY_MB * 1_000_000)})
    bare, http = asyncio.run(_bodies(text, times))
    ratio = median(took / alone for took, alone in zip(http, bare, strict=True))
    say(f"{BODY_MB} MB: engine {median(bare) * 1e3:.0f} ms, by HTTP {median(http) * 1e3:.0f} ms")
    section = Section(
        "Large bodies",
        f"{BODY_MB} MB of JSON echoed, milliseconds, medians of {times}, in turn. The engine alone: from the event's "
        "bytes through the channel and the handler to the result's, in one process with it. Target: 2.",
        ["", "the engine alone", "by HTTP", "×"],
    )
    section.rows.append(["bubblewrap", f"{median(bare) * 1e3:.1f}", f"{median(http) * 1e3:.1f}", f"{ratio:.2f}"])
    return section


async def _bodies(text: str, times: int) -> tuple[list[float], list[float]]:
    folder = Path(tempfile.mkdtemp(prefix="clowdy-bench-"))
    # Started by root, sandboxes run under another uid, which has to reach what is mounted into them.
    folder.chmod(0o711)
    driver = make_driver("bubblewrap", installation_id="benchmark-bodies", data_dir=folder)
    engine = InvokeService(driver, RuntimeStore(folder / "trees", resources.folder("runtimes")))
    try:
        await engine.start()
        with Clowdy("bubblewrap") as clowdy:
            await asyncio.to_thread(clowdy.open)
            made = await asyncio.to_thread(clowdy.make_function, "echo", INVOKE_CODE, cpus=CPUS)
            request = Request(f"{clowdy.url}/api/invoke/{made}", TOKEN, "POST", f'{{"input":{text}}}')
            bare, http = await _in_turn(engine, request, text.encode(), times)
            await asyncio.to_thread(clowdy.stop)
    finally:
        await engine.close()
        shutil.rmtree(folder)
    return bare, http


async def _in_turn(
    engine: InvokeService, request: Request, event: bytes, times: int
) -> tuple[list[float], list[float]]:
    what = Deployment("f00000000001", "echo", "local", 1, {"function.py": INVOKE_CODE}, cpus=CPUS)
    connection = await Connection.open(request.url)
    data = encode(request)
    bare, http = [], []
    try:
        for number in range(times + 2):
            begun = time.perf_counter()
            outcome = await engine.invoke(what, event, invocation_id=f"{number:016x}")
            took = time.perf_counter() - begun
            assert outcome.output is not None, outcome
            answer = await connection.send(data)
            check(answer, request)
            # The first two begin cold, or grow what later ones use.
            if number >= 2:
                bare.append(took)
                http.append(answer.seconds)
    finally:
        connection.close()
    return bare, http
