"""A process that was started for one answer ends with whoever waits for that answer."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process


async def end(process: Process) -> None:
    """Kill a process and its group, which it leads (`start_new_session`), and see it gone; nothing where it has ended.

    Cancelling this does not leave it behind. A loop that stops cancels once more what is being cancelled already, and
    a process that nobody has seen end stays a zombie, with its transport open. Killed, it takes no time worth saving.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    cancelled = False
    while process.returncode is None:
        try:
            await process.wait()
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
