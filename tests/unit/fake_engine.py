"""An engine that obeys the contract and runs the code here, in this process: for tests of what stands on it."""

import asyncio
import inspect
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from clowdy_tui.domain.schemas import OutcomeStatus
from clowdy_tui.engine.call import Call, Done
from clowdy_tui.engine.deployment import Deployment
from clowdy_tui.engine.invoke import InstanceInfo
from clowdy_tui.engine.layers import LayersLeft
from clowdy_tui.engine.outcome import LogEntry, LogSink, Outcome
from clowdy_tui.engine.sandboxes.base import DriverStatus
from clowdy_tui.engine.streaming import Receiver

Answer = Callable[[Deployment, bytes], Outcome]


class FakeEngine:
    """`answer` decides how a call ends; without it the function's `handler` is run. Everything asked is noted."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.calls: list[tuple[Deployment, bytes, str]] = []
        self.retired: list[tuple[str, str | None]] = []
        self.instances: list[InstanceInfo] = []
        self.warmed: list[Deployment] = []
        self.hang = False
        self.started = asyncio.Event()
        self.closed = 0
        self.status = DriverStatus("fake", True)

    async def start(self) -> None: ...

    def begin(
        self,
        deployment: Deployment,
        event: bytes,
        *,
        invocation_id: str,
        done: Done,
        on_log: LogSink | None = None,
        receiver: Receiver | None = None,
    ) -> Call:
        self.calls.append((deployment, event, invocation_id))
        self.started.set()
        answered = self.answer(deployment, event) if self.answer and not self.hang else None

        async def run() -> None:
            if self.hang:
                await asyncio.Event().wait()
            outcome = answered or await self._run(deployment, event)
            for entry in outcome.logs:
                if on_log is not None:
                    on_log(entry)
            done(outcome)

        call = Call(deployment, event, invocation_id, on_log, receiver, done, lambda _call, _outcome: None)
        call.search = asyncio.get_running_loop().create_task(run())
        return call

    def cancel(self, call: Call) -> None:
        assert call.search is not None
        call.search.cancel()

    async def _run(self, deployment: Deployment, event: bytes) -> Outcome:
        logs: list[LogEntry] = []

        def show(*words: Any, file: Any = None) -> None:
            stream = "stdout" if file is None else "stderr"
            logs.append(LogEntry(stream, " ".join(map(str, words)), 1))  # type: ignore[arg-type]

        class Context:
            function_name = deployment.function_name
            function_version = str(deployment.version)

            def get_remaining_time_in_millis(self) -> int:
                return int(deployment.timeout_s * 1000)

        scope: dict[str, Any] = {"print": show, "__name__": "function"}
        try:
            exec(deployment.files[deployment.entry], scope)
            result = scope[deployment.handler](json.loads(event), Context())
            if inspect.isawaitable(result):
                result = await result
        except Exception as error:  # noqa: BLE001  # whatever a handler raises is its outcome
            return Outcome(
                OutcomeStatus.ERROR, error_type=type(error).__name__, error_message=str(error), logs=logs, run_us=5
            )
        return Outcome(OutcomeStatus.SUCCESS, output=json.dumps(result).encode(), logs=logs, run_us=5)

    def retire(self, function_id: str, keep_key: str | None = None) -> None:
        self.retired.append((function_id, keep_key))

    async def keep_layers(self, keys: Collection[str]) -> LayersLeft:
        return LayersLeft()

    async def why_no_socket(self, folder: Path) -> str:
        return ""

    def snapshot(self) -> list[InstanceInfo]:
        return self.instances

    def waiting(self) -> dict[str, int]:
        return {deployment.function_id: 3 for deployment, _, _ in self.calls}

    async def kill(self, instance_id: str) -> bool:
        before = len(self.instances)
        self.instances = [instance for instance in self.instances if instance.id != instance_id]
        return len(self.instances) < before

    async def warm(self, deployment: Deployment) -> None:
        self.warmed.append(deployment)

    def driver_status(self) -> DriverStatus:
        return self.status

    async def close(self) -> None:
        self.closed += 1
