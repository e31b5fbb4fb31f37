"""Tools carried out: those that only look side by side, those that change something one after the other."""

import asyncio
import json
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from pydantic import ValidationError

from clowdy_tui.domain import assistant as says
from clowdy_tui.domain.assistant import PermissionAsked, Proof, ToolRecord
from clowdy_tui.domain.errors import ClowdyError
from clowdy_tui.services.assistant.arguments import BadArguments, read_arguments, shown_arguments
from clowdy_tui.services.assistant.model import as_json
from clowdy_tui.services.assistant.permission import thought
from clowdy_tui.services.assistant.redaction import Redactor
from clowdy_tui.services.assistant.tools import TOOLS, Plan, Tool, Workplace

Emit = Callable[[str, dict[str, Any]], None]

_REFUSED: Final = "The person said no. Accept that: do not try it again unless they ask for it."
_NOBODY_ASKED: Final = "This needs the person's permission, which they have not given yet. Tell them what you would do."
_CIRCLE: Final = "You made this very call before, and its answer stays the same. Go on with what you know."


class Hands:
    """Does what the model wants, as far as it may. Whatever goes wrong is a tool's result, never an exception."""

    def __init__(self, place: Workplace, *, emit: Emit) -> None:
        self._place = place
        self._emit = emit
        self._proofs: list[Proof] = []
        self._changing = asyncio.Lock()
        place.on_proof = self._take_proof

    def schemas(self) -> list[dict[str, Any]]:
        """The tools that are offered."""
        return [tool.schema for tool in self._offered().values()]

    def take_proofs(self) -> list[Proof]:
        """What trials have come to since this was asked last."""
        proofs, self._proofs = self._proofs, []
        return proofs

    async def carry_out(self, calls: Sequence[ToolRecord], *, refused: Collection[str], redact: Redactor) -> None:
        """Do them all; each record then has its result. When this is cancelled, what has begun to change is ended.

        `refused` are the ids of calls that are answered with what is known already.
        """
        tasks = [asyncio.create_task(self._one(call, is_refused=call.id in refused, redact=redact)) for call in calls]
        try:
            await asyncio.gather(*tasks)
        except asyncio.CancelledError:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            raise

    def _offered(self) -> dict[str, Tool]:
        return {name: tool for name, tool in TOOLS.items() if not tool.only_mending or self._place.mend is not None}

    def _take_proof(self, proof: Proof) -> None:
        self._proofs.append(proof)
        self._emit(says.PROOF, proof.model_dump(mode="json"))

    async def _one(self, call: ToolRecord, *, is_refused: bool, redact: Redactor) -> None:
        args = shown_arguments(call.arguments)
        self._emit(says.TOOL_CALL, {"call_id": call.id, "tool": call.tool, "args": args})
        began, waited = time.monotonic(), list[float]()
        # Each call is a task of its own, and so has its own.
        thought.set(waited)
        try:
            result, ok = await self._result(call, args, is_refused=is_refused)
        except ClowdyError as error:
            result, ok = {"error": error.detail, "type": error.type, **error.extra}, False
        except (BadArguments, ValidationError) as error:
            result, ok = {"error": str(error)}, False
        call.result, call.ok, call.ran = redact.value(_plain(result)), ok, True
        call.duration_ms = round((time.monotonic() - began - sum(waited)) * 1000, 1)
        told = {"call_id": call.id, "tool": call.tool, "ok": ok, "result": call.result, "duration_ms": call.duration_ms}
        self._emit(says.TOOL_RESULT, told)

    async def _result(self, call: ToolRecord, args: dict[str, Any], *, is_refused: bool) -> tuple[Any, bool]:
        offered = self._offered()
        tool = offered.get(call.tool)
        if tool is None:
            return {"error": f"There is no tool {call.tool!r}. There are: {', '.join(offered)}"}, False
        arguments = read_arguments(tool.arguments, call.arguments)
        if is_refused:
            return {"error": _CIRCLE}, False
        if tool.read is not None:
            return await tool.read(self._place, arguments), True
        if tool.kind == "run":
            # A trial asks again before it makes its version the active one.
            return await self._asked(call, tool, args, arguments, lets_finish=False)
        async with self._changing:
            return await self._asked(call, tool, args, arguments, lets_finish=True)

    async def _asked(
        self, call: ToolRecord, tool: Tool, args: dict[str, Any], arguments: Any, *, lets_finish: bool
    ) -> tuple[Any, bool]:
        assert tool.prepare is not None
        assert tool.kind != "read"
        plan = await tool.prepare(self._place, arguments)
        wanted = PermissionAsked(
            call_id=call.id,
            tool=tool.name,
            args=args,
            kind=tool.kind,
            title=plan.title,
            detail=plan.detail,
            diff=plan.diff,
            always=tool.kind != "delete" and not tool.only_mending,
        )
        if not await self._place.permissions.allows(wanted):
            return {"error": _REFUSED if self._place.permissions.can_ask else _NOBODY_ASKED}, False
        return await (_to_its_end(plan) if lets_finish else plan.carry_out()), True


async def _to_its_end(plan: Plan) -> Any:
    """Half a change is worse than a whole one, and a whole one that nobody has noted: whoever stops the turn waits,
    unless it goes on by itself.
    """
    task = asyncio.ensure_future(plan.carry_out())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        if plan.goes_on:
            task.cancel()
        await asyncio.wait([task])
        return {"note": f"The turn was stopped. {plan.goes_on}"} if task.cancelled() else task.result()


def _plain(value: Any) -> Any:
    """As JSON has it: times and such become text."""
    return json.loads(as_json(value))
