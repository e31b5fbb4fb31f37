"""Mending a call that failed: another version, proven by the input that failed before it is made the active one."""

import json
from typing import Any

from clowdy_tui.domain.assistant import PermissionAsked, Proof, ProofRun
from clowdy_tui.domain.errors import Conflict, NotFound
from clowdy_tui.domain.schemas import FunctionOut, InvocationDetail, OutcomeStatus
from clowdy_tui.engine.outcome import Outcome
from clowdy_tui.services.assistant.arguments import Arguments
from clowdy_tui.services.assistant.tools.base import Plan, Tool, Workplace, cut, refuse_hidden
from clowdy_tui.services.assistant.tools.functions import diff_of
from clowdy_tui.services.assistant.tools.invocations import MAX_BODY_CHARS, ended

_MAX_SHOWN = 2_000


class Fix(Arguments):
    """`network`: whether the trial may use it; a function that has it off never gets it."""

    code: str
    why: str = ""
    network: bool = False


async def propose_fix(place: Workplace, wanted: Fix) -> Plan:
    refuse_hidden(wanted.code)
    if place.mend is None:
        raise Conflict("There is no call to be mended in this conversation turn")
    call = await place.services.invocations.get(place.actor, place.mend)
    if not await place.may_share():
        raise Conflict("The person has not allowed what the call carried to be sent, so it cannot be tried here")
    function = await place.function(call.function_id)
    failed = await place.services.functions.version(place.actor, function.id, call.version)
    if call.input is None:
        raise Conflict("Its input was not kept (the project's capture left it out), so nothing can be proven with it")
    if call.input_truncated:
        raise Conflict("Its input was larger than what is kept of one, so nothing can be proven with it")
    if wanted.code == failed.code:
        raise Conflict("This is the code that failed: change it")
    network = wanted.network and function.network_enabled

    async def carry_out() -> Any:
        draft = await place.services.functions.draft(
            place.actor, function.id, wanted.code, base_version=failed.version, message=f"mends call {call.id}"
        )
        proof = await _prove(place, call, function, draft.version, network=network)
        place.on_proof(proof)
        result: dict[str, Any] = {"proof": proof.model_dump(mode="json"), "version": draft.version}
        if not proof.mended:
            return result | {"mended": False, "active_version": function.active_version}
        return result | {"mended": True} | await _activate(place, function, draft.version, wanted.code)

    net = "with the network on" if network else "with the network off"
    detail = (
        f"{wanted.why}\nRuns the failed input {net}: by version {call.version}, which failed, and by the new one, kept "
        f"as a version that answers nobody. With the project's variables; what comes of it goes to {place.server}.\n"
        f"Input: {cut(call.input, _MAX_SHOWN)}"
    ).strip()
    return Plan(
        f"Try a new version of {function.name} on the failed call",
        carry_out,
        detail,
        await diff_of(failed.code, wanted.code),
    )


async def _prove(
    place: Workplace, call: InvocationDetail, function: FunctionOut, version: int, *, network: bool
) -> Proof:
    """The same input by both versions, one after the other, under the same conditions."""
    before = await _run(place, call, function.id, call.version, network=network)
    after = await _run(place, call, function.id, version, network=network)
    return Proof(
        invocation_id=call.id,
        function_id=function.id,
        network=network,
        before=_as_run(call.version, before),
        after=_as_run(version, after),
        mended=before.status is not OutcomeStatus.SUCCESS and after.status is OutcomeStatus.SUCCESS,
    )


async def _run(place: Workplace, call: InvocationDetail, function_id: str, version: int, *, network: bool) -> Outcome:
    target = place.services.directory.function(function_id)
    if target is None or target.owner != place.actor.user:
        raise NotFound("Function not found")
    place.actor.require("invoke")
    return await place.services.invocations.invoke(
        target,
        (call.input or "null").encode(),
        source="assistant",
        actor_owns=True,
        http_method=call.http_method,
        http_path=call.http_path,
        version=version,
        offline=not network,
    )


async def _activate(place: Workplace, function: FunctionOut, version: int, code: str) -> dict[str, Any]:
    """Ask, and make the proven version the active one."""
    current = await place.services.functions.get(place.actor, function.id)
    wanted = PermissionAsked(
        call_id=f"activate-{version}",
        tool="rollback",
        args={"function_id": function.id, "version": version},
        kind="change",
        title=f"Make version {version} of {function.name} the active one, instead of {current.active_version}",
        detail="The input that failed is answered by it.",
        diff=await diff_of(current.code, code),
        always=False,
    )
    if not await place.permissions.allows(wanted):
        return {"active_version": current.active_version, "note": "The person did not make it the active one."}
    now = await place.services.functions.get(place.actor, function.id)
    if now.active_version != current.active_version:
        raise Conflict(f"Version {now.active_version} was made the active one in the meantime: nothing was changed")
    await place.services.functions.activate(place.actor, function.id, version)
    return {"active_version": version}


def _as_run(version: int, outcome: Outcome) -> ProofRun:
    said = ended(outcome)
    error = f"{outcome.error_type}: {outcome.error_message}" if outcome.error_type else outcome.error_message
    return ProofRun(
        version=version,
        status=outcome.status,
        error=cut(error, MAX_BODY_CHARS) if error else None,
        output=cut(json.dumps(said["output"], ensure_ascii=False), MAX_BODY_CHARS) if "output" in said else None,
        duration_ms=outcome.run_us / 1000,
    )


TOOLS = (
    Tool(
        "propose_fix",
        "Propose the whole new code of the function whose call failed. After the person's yes it is kept as an "
        "inactive version and the failed input is run against it; the result says how that ended. Explain in `why`. "
        "`network`: true only where the function cannot be tried without it.",
        Fix,
        "run",
        prepare=propose_fix,
        only_mending=True,
    ),
)
