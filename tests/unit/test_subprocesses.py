"""No process of ours outlives who waits for it."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from clowdy_tui import subprocesses


async def _start(code: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", code, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
    )


async def test_it_is_killed_with_its_group() -> None:
    process = await _start("import os; print(os.fork(), flush=True); import time; time.sleep(600)")
    assert process.stdout is not None
    assert int(await process.stdout.readline()) >= 0
    await subprocesses.end(process)
    assert process.returncode == -9
    # Both held the other end: it is closed when both are gone.
    await asyncio.wait_for(process.stdout.read(), 30)
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


async def test_one_that_ended_is_left_alone() -> None:
    process = await _start("raise SystemExit(3)")
    await process.wait()
    await subprocesses.end(process)
    assert process.returncode == 3


async def test_a_second_cancellation_does_not_leave_it_behind() -> None:
    async def wait() -> None:
        process = started[0]
        try:
            await process.wait()
        finally:
            await subprocesses.end(process)

    started = [await _start("import time; time.sleep(600)")]
    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert started[0].returncode == -9
