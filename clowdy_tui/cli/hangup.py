"""Notices that the terminal is gone, also where no signal says so.

The screen cannot notice by itself: what it paints goes through a queue to a thread that ends with the terminal, and
the event loop, the gateway with it, stands still as soon as that queue is full.
"""

import os
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

LOOK_EVERY_MS: Final = 1000
CLOSED_WITHIN_S: Final = 15.0
EXIT_CODE: Final = 129
"""What a shell reports of a program that SIGHUP has ended."""


@contextmanager
def watch(descriptor: int, on_hangup: Callable[[], None], *, patience_s: float = CLOSED_WITHIN_S) -> Iterator[None]:
    """Call `on_hangup`, in a thread of its own, when this terminal is gone.

    Where this is not left within `patience_s` after that, the process ends: its sandboxes end with it, and what is in
    the database stays.
    """
    left = threading.Event()

    def look() -> None:
        poll = select.poll()
        # Asked for nothing, it still tells of a hangup: what is typed is the screen's to read.
        poll.register(descriptor, 0)
        while not left.is_set():
            if any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll(LOOK_EVERY_MS)):
                on_hangup()
                if not left.wait(patience_s):
                    os._exit(EXIT_CODE)
                return

    thread = threading.Thread(target=look, name="clowdy-hangup", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
