"""Functions and their versions: read, written, rolled back, deleted."""

import asyncio
from typing import Any

from clowdy_tui.domain.errors import Conflict
from clowdy_tui.domain.schemas import FunctionIn, FunctionOut, FunctionPatch
from clowdy_tui.services.assistant.arguments import Arguments
from clowdy_tui.services.assistant.tools.base import MAX_CODE_CHARS, Plan, Tool, Workplace, brief, cut, refuse_hidden
from clowdy_tui.services.bundle import ENTRY, unified_diff

_MAX_LISTED = 200


class Nothing(Arguments):
    pass


class OneFunction(Arguments):
    function_id: str


class NewFunction(Arguments):
    name: str
    code: str
    description: str = ""
    project_id: str | None = None


class ChangedFunction(Arguments):
    function_id: str
    name: str | None = None
    description: str | None = None
    code: str | None = None


class OneVersion(Arguments):
    function_id: str
    version: int


class TwoVersions(Arguments):
    function_id: str
    from_version: int
    to_version: int


async def list_functions(place: Workplace, _: Nothing) -> Any:
    return [brief(each) for each in (await place.services.functions.list(place.actor))[:_MAX_LISTED]]


async def get_function(place: Workplace, wanted: OneFunction) -> Any:
    function = await place.function(wanted.function_id)
    found = brief(function) | {"code": cut(function.code), "files": sorted(function.files)}
    if len(function.code) > MAX_CODE_CHARS:
        found["note"] = "The code is cut: do not write it anew from this."
    return found


async def create_function(place: Workplace, wanted: NewFunction) -> Plan:
    refuse_hidden(wanted.code)
    project = await place.project(wanted.project_id) if wanted.project_id or place.project_id else None

    async def carry_out() -> Any:
        made = await place.services.functions.create(
            place.actor,
            FunctionIn(
                name=wanted.name,
                code=wanted.code,
                description=wanted.description,
                project_id=project.id if project else None,
                message="by the assistant",
            ),
        )
        return brief(made) | _diagnosed(made)

    where = f"in {project.name}" if project else "in no project"
    return Plan(
        f"Create the function {wanted.name} {where}", carry_out, wanted.description, await diff_of("", wanted.code)
    )


async def update_function(place: Workplace, wanted: ChangedFunction) -> Plan:
    function = await place.function(wanted.function_id)
    base = function.active_version
    patch = FunctionPatch.model_validate(
        wanted.model_dump(include={"name", "description", "code"}, exclude_none=True)
        | {"base_version": base, "message": "by the assistant"}
    )
    if wanted.code is not None:
        refuse_hidden(wanted.code)

    async def carry_out() -> Any:
        changed = await place.services.functions.update(place.actor, function.id, patch)
        return brief(changed) | _diagnosed(changed)

    changes = [f"name: {function.name} → {wanted.name}"] if wanted.name not in (None, function.name) else []
    if wanted.description not in (None, function.description):
        changes.append(f"description: {wanted.description}")
    diff = await diff_of(function.code, wanted.code) if wanted.code is not None else ""
    after = f" (a new version after {base}, live at once)" if diff else ""
    return Plan(f"Change {function.name}{after}", carry_out, "\n".join(changes), diff)


async def delete_function(place: Workplace, wanted: OneFunction) -> Plan:
    function = await place.function(wanted.function_id)

    async def carry_out() -> Any:
        await place.services.functions.delete(place.actor, function.id)
        return {"deleted": function.name}

    detail = "With all its versions, its routes and its calls. This cannot be undone."
    return Plan(f"Delete {function.name}", carry_out, detail)


async def list_versions(place: Workplace, wanted: OneFunction) -> Any:
    function = await place.function(wanted.function_id)
    found = await place.services.functions.versions(place.actor, function.id, limit=50)
    return [
        {
            "version": each.version,
            "active": each.active,
            "created_at": each.created_at,
            "created_by": each.created_by,
            "message": each.message,
        }
        for each in found
    ]


async def diff_versions(place: Workplace, wanted: TwoVersions) -> Any:
    function = await place.function(wanted.function_id)
    found = await place.services.functions.diff(place.actor, function.id, wanted.from_version, wanted.to_version)
    return {"diff": cut(found.diff)}


async def rollback(place: Workplace, wanted: OneVersion) -> Plan:
    function = await place.function(wanted.function_id)
    version = await place.services.functions.version(place.actor, function.id, wanted.version)

    async def carry_out() -> Any:
        current = await place.services.functions.get(place.actor, function.id)
        if current.active_version != function.active_version:
            raise Conflict(f"Version {current.active_version} was made the active one in the meantime: look again")
        return brief(await place.services.functions.activate(place.actor, function.id, version.version))

    title = f"Make version {version.version} of {function.name} the active one, instead of {function.active_version}"
    old, new = {ENTRY: function.code, **function.files}, {ENTRY: version.code, **version.files}
    labels = (f"version {function.active_version}", f"version {version.version}")
    return Plan(title, carry_out, diff=await asyncio.to_thread(unified_diff, old, new, *labels))


async def diff_of(old: str, new: str) -> str:
    """What changes in an entry file."""
    # In a thread: two long files without much in common take difflib seconds.
    return await asyncio.to_thread(unified_diff, {ENTRY: old}, {ENTRY: new}, "now", "then")


def _diagnosed(function: FunctionOut) -> dict[str, Any]:
    faults = [f"{each.path}, line {each.line}: {each.message}" for each in function.diagnostics]
    return {"does_not_parse": faults} if faults else {}


TOOLS = (
    Tool("list_functions", "List all functions.", Nothing, "read", read=list_functions),
    Tool("get_function", "One function with its code. function_id: its id, or project/name.", OneFunction, "read",
         read=get_function),
    Tool("create_function",
         "Create a Python function. The code must define handler(event, context) and return JSON. The person is asked.",
         NewFunction, "change", prepare=create_function),
    Tool("update_function",
         "Change a function's name, description or code; give the whole new code. The person is shown the diff and "
         "asked.", ChangedFunction, "change", prepare=update_function),
    Tool("delete_function", "Delete a function with all its versions. The person is always asked.", OneFunction,
         "delete", prepare=delete_function),
    Tool("list_versions", "A function's versions, newest first.", OneFunction, "read", read=list_versions),
    Tool("diff_versions", "What changed between two versions of a function.", TwoVersions, "read", read=diff_versions),
    Tool("rollback", "Make an earlier version of a function the active one. The person is asked.", OneVersion,
         "change", prepare=rollback),
)  # fmt: skip
