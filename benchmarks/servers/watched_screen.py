"""`clowdy`, with an eye on its event loop: `watched_screen.py FILE` writes there whenever the loop was late.

A line is `<when> <late>`: seconds of `time.monotonic`, and milliseconds between the wake-up that was due and the real
one. Only what is over a millisecond is written.
"""

import asyncio
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from clowdy_tui.cli import main, screen

EVERY_S = 0.002
FILE = Path(sys.argv.pop(1))
run = screen._run


async def watch() -> None:
    """Sleep for a moment, again and again, and note how late it was."""
    with FILE.open("w", buffering=1, encoding="ascii") as file:
        while True:
            due = time.monotonic() + EVERY_S
            await asyncio.sleep(EVERY_S)
            now = time.monotonic()
            if now - due > 0.001:
                file.write(f"{now:.6f} {(now - due) * 1e3:.3f}\n")


async def watched(app: Any) -> None:
    """The screen, and the watch beside it."""
    eye = asyncio.create_task(watch())
    try:
        await run(app)
    finally:
        eye.cancel()
        with suppress(asyncio.CancelledError):
            await eye


screen._run = watched
main.main()
