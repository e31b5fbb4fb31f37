"""Runs a call's input again."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from clowdy_tui.domain import names
from clowdy_tui.domain.errors import Conflict, FunctionInactive, NotFound
from clowdy_tui.domain.redaction import MASK
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.invocations import InvocationService
from clowdy_tui.store.database import Database
from clowdy_tui.store.records import MASKED_NAMES


@dataclass(frozen=True, slots=True)
class Replay:
    """A call that was run again. `masked`: where in its input something that authenticates had been hidden."""

    invocation_id: str
    version: int
    masked: list[str]
    outcome: Outcome


class ReplayService:
    def __init__(self, database: Database, directory: Directory, invocations: InvocationService) -> None:
        self._database = database
        self._directory = directory
        self._invocations = invocations

    async def run(self, actor: Actor, invocation_id: str, *, version: int | None = None) -> Replay:
        """Call the function again with the same input; the active version unless another is asked for.

        Raises:
            NotFound: no such call, or version; or the function is gone.
            Conflict: its input was not kept, or not whole.
            FunctionInactive: the function takes no calls.
        """
        actor.require("invoke")
        number = names.parse_invocation_id(invocation_id)
        found = None
        if number is not None:
            await self._invocations.flush()
            async with self._database.read() as transaction:
                found = await transaction.invocations.get(number)
        if found is None or found[0].owner != actor.user:
            raise NotFound("Invocation not found")
        call, body = found
        target = self._directory.function(call.function_id)
        if target is None:
            raise NotFound("Function not found")
        if body is None or body.input is None:
            raise Conflict("Its input was not kept: the project's capture left it out")
        if body.input_truncated:
            raise Conflict(
                f"Its input was larger than what is kept of one, so only the first {len(body.input.encode())} bytes "
                "of it are there: it cannot be run again"
            )
        if target.status != "active":
            raise FunctionInactive("Function is not active")
        secrets = target.redactor is not None
        masked = await asyncio.to_thread(_masked, body.input, secrets=secrets) if MASK in body.input else []
        again = names.new_invocation_id()
        outcome = await self._invocations.invoke(
            target,
            body.input.encode(),
            source="replay",
            actor_owns=True,
            http_method=call.http_method,
            http_path=call.http_path,
            version=version,
            invocation_id=again,
        )
        return Replay(names.format_invocation_id(again), version or target.deployment.version, masked, outcome)


def _masked(text: str, *, secrets: bool) -> list[str]:
    """The paths of the values that were hidden, like `headers.authorization`; `secrets`: also within a text."""
    found: list[str] = []
    pending: list[tuple[str, Any]] = [("", json.loads(text))]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            for name, item in value.items():
                here = f"{path}.{name}" if path else name
                if item == MASK and name.lower() in MASKED_NAMES:
                    found.append(here)
                else:
                    pending.append((here, item))
        elif isinstance(value, str) and secrets and MASK in value:
            found.append(path or "input")
        elif isinstance(value, list):
            pending += [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    return sorted(found)
