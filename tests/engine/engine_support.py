"""What the engine's tests share: deployments made in one line, calls in one more."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from textwrap import indent
from typing import Any

from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InvokeService
from clowdy_tui.engine.outcome import LogEntry, Outcome

RUNTIMES = Path(__file__).parents[2] / "runtimes"
ECHO = "def handler(event):\n    return event\n"


def deployment(code: str = ECHO, **changes: Any) -> Deployment:
    """One version of one function, with one file unless `files` says otherwise."""
    told: dict[str, Any] = {
        "function_id": "f00000000001",
        "function_name": "probe",
        "owner": "local",
        "version": 1,
        "files": {"function.py": code},
        "timeout_s": 10.0,
    }
    return Deployment(**{**told, **changes})


def choosing(bodies: Iterable[str], before: str = "", rest: str = "return None") -> str:
    """A handler whose event is the number of what it does; `rest` is for any other event.

    One instance after the other does what would else take a deployment, and so a sandbox's start, each.
    """
    chosen = "".join(f"    if event == {number}:\n{indent(body, ' ' * 8)}\n" for number, body in enumerate(bodies))
    return f"{before}\ndef handler(event):\n{chosen}    {rest}\n"


class Engine:
    """An InvokeService, with the calls written short."""

    def __init__(self, service: InvokeService) -> None:
        self.service = service
        self._calls = 0

    async def invoke(
        self, what: Deployment, event: Any = None, on_log: Callable[[LogEntry], None] | None = None
    ) -> Outcome:
        self._calls += 1
        return await self.service.invoke(
            what, json.dumps(event).encode(), invocation_id=f"{self._calls:016x}", on_log=on_log
        )

    async def run(self, code: str, event: Any = None, **changes: Any) -> Outcome:
        return await self.invoke(deployment(code, **changes), event)

    async def result(self, code: str, event: Any = None, **changes: Any) -> Any:
        """What the handler returned; fails where it did not."""
        return value(await self.run(code, event, **changes))


def value(outcome: Outcome) -> Any:
    assert outcome.status == "success", outcome
    assert outcome.output is not None
    return json.loads(outcome.output)


def texts(outcome: Outcome, stream: str | None = None) -> list[str]:
    return [entry.text for entry in outcome.logs if stream in (None, entry.stream)]


async def until(condition: Callable[[], Any], *, within_s: float = 60.0, why: str = "") -> None:
    """Wait for something to become true; fails when it does not."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {why or condition}"
        await asyncio.sleep(0.005)
