"""Call: one invocation on its way through the engine, from its event to its outcome."""

import asyncio
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from clowdy_tui.engine.calllog import CallLog
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.outcome import LogSink, Outcome
from clowdy_tui.engine.streaming import Receiver, Streamed

if TYPE_CHECKING:
    from clowdy_tui.engine.worker import Worker

Done = Callable[[Outcome], None]
"""Told how a call ended, once, in the event loop; must not block or raise."""


class Call:
    """What runs, and how far it is. Made by the InvokeService; the worker that it runs in fills in the rest.

    `settled(call, outcome)` is called when it has ended in a worker, `done(outcome)` when nothing more comes of it.
    """

    __slots__ = (
        "again",
        "began",
        "cold",
        "deadline",
        "deployment",
        "done",
        "event",
        "handler_may_have_run",
        "init_us",
        "invocation_id",
        "late",
        "log",
        "number",
        "on_log",
        "queue_us",
        "receiver",
        "search",
        "sent",
        "settled",
        "streamed",
        "waits",
        "worker",
    )

    def __init__(  # noqa: PLR0917  by place: one is made for every call
        self,
        deployment: Deployment,
        event: bytes,
        invocation_id: str,
        on_log: LogSink | None,
        receiver: Receiver | None,
        done: Done,
        settled: "Callable[[Call, Outcome], None]",
    ) -> None:
        self.deployment = deployment
        self.event = event
        self.invocation_id = invocation_id
        self.on_log = on_log
        self.receiver = receiver
        self.done = done
        self.settled = settled
        self.worker: Worker | None = None
        self.search: asyncio.Task[None] | None = None
        """The wait for an instance, while there is none."""
        self.again = False
        """This is the second try: the first one's instance was lost before the handler began."""
        self.queue_us = 0
        self.init_us = 0
        self.log: CallLog | None = None
        self.streamed: Streamed | None = None

    def begin(self, worker: "Worker", number: int, now: float, *, cold: bool, waits: bool) -> None:
        """It is this worker's from now on, which has yet to import the code where it is `cold`, and runs another call
        first where it `waits`.
        """
        self.worker = worker
        self.number = number
        self.cold = cold
        self.sent = self.began = now
        self.waits = waits
        self.deadline = math.inf if waits else now + self.deployment.timeout_s
        self.late = False
        self.handler_may_have_run = False

    def go_on(self, now: float) -> None:
        """It has waited: those before it are over."""
        self.waits = False
        self.began = now
        self.deadline = now + self.deployment.timeout_s
        self.queue_us += int((now - self.sent) * 1e6)
