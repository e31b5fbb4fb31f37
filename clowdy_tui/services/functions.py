"""Functions and their versions."""

import asyncio
import builtins
import os
from collections.abc import Set

from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import InvalidInput, NotFound, StaleVersion
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.schemas import Diagnostic, Diff, FunctionIn, FunctionOut, FunctionPatch, VersionOut
from clowdy_tui.domain.tables import Function, FunctionVersion
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.bundle import ENTRY, content_hash, diagnose, make_bundle, unified_diff
from clowdy_tui.services.changes import whole
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.moments import moment, now_ms
from clowdy_tui.services.owned import no_such_mark, owned_function, owned_project
from clowdy_tui.services.purge import Purge
from clowdy_tui.store.database import Database, Transaction

_RUNTIMES = ("python",)
_SETTINGS = (
    "name",
    "description",
    "status",
    "network_enabled",
    "memory_mb",
    "cpus",
    "timeout_s",
    "max_instances",
    "min_instances",
    "concurrency",
    "visibility",
)


class FunctionService:
    def __init__(self, database: Database, directory: Directory, bus: EventBus, purge: Purge) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._purge = purge

    async def list(
        self, actor: Actor, project_id: str | None = None, limit: int = 1000, before: str | None = None
    ) -> list[FunctionOut]:
        """The actor's functions, of one project where it is given, newest first, from the one after `before`.

        Raises:
            NotFound: no such project.
            InvalidInput: no such `before`.
        """
        actor.require("read")
        async with self._database.read() as transaction:
            if project_id is not None:
                await owned_project(transaction, actor, project_id)
            if before is not None:
                mark = await transaction.functions.get(before)
                if mark is None or mark.owner != actor.user or project_id not in (None, mark.project_id):
                    raise no_such_mark()
            rows = await transaction.functions.page(actor.user, project_id=project_id, limit=limit, before=before)
        return [_out(function, version) for function, version in rows]

    async def get(self, actor: Actor, function_id: str) -> FunctionOut:
        """With the diagnostics of its active version. Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            function, version = await self._owned(transaction, actor, function_id)
        return _out(function, version, await diagnose(version.files))

    @whole
    async def create(self, actor: Actor, wanted: FunctionIn) -> FunctionOut:
        """Make a function and its version 1. Code that does not parse is kept, and answered with diagnostics.

        Raises:
            InvalidInput: a runtime, file or limit that cannot be.
            NotFound: no such project.
            Conflict: the project has a function of that name.
            BodyTooLarge: over 1 MiB of files.
        """
        actor.require("write")
        bundle = make_bundle(wanted.code, wanted.files)
        now = now_ms()
        settings = wanted.model_dump(include=set(_SETTINGS))
        function = Function(
            id=names.new_id(),
            owner=actor.user,
            project_id=wanted.project_id,
            runtime=wanted.runtime,
            active_version=1,
            created_at=now,
            updated_at=now,
            **settings,
        )
        _check(function, {"runtime", *_SETTINGS})
        version = _version(function.id, 1, bundle, actor=actor, now=now, message=wanted.message)
        diagnostics = await diagnose(bundle)
        async with self._database.write() as transaction:
            if wanted.project_id is not None:
                await owned_project(transaction, actor, wanted.project_id)
            await transaction.functions.add(function, version)
        await self._directory.refresh_function(function.id)
        self._publish(events.FUNCTION_CREATED, function, actor)
        return _out(function, version, diagnostics)

    @whole
    async def update(self, actor: Actor, function_id: str, patch: FunctionPatch) -> FunctionOut:
        """Change what the patch holds; other files make a new version, and it the active one.

        Raises:
            NotFound: no such function.
            InvalidInput: a file or limit that cannot be, or a `base_version` that never was.
            StaleVersion: somebody else saved since `base_version`; nothing was changed.
            Conflict: the project has a function of that name.
            BodyTooLarge: over 1 MiB of files.
        """
        actor.require("write")
        async with self._database.write() as transaction:
            function, active = await self._owned(transaction, actor, function_id)
            changes = patch.model_dump(include=set(_SETTINGS), exclude_none=True)
            for name, value in changes.items():
                setattr(function, name, value)
            _check(function, changes.keys())
            function.updated_at = now_ms()
            version = await self._next_version(transaction, actor, active, patch)
            if version is not None:
                function.active_version = version.version
            await transaction.functions.add(function, version)
        await self._directory.refresh_function(function_id)
        if version is not None:
            self._publish(events.VERSION_CREATED, function, actor)
        self._publish(events.FUNCTION_UPDATED, function, actor)
        current = version or active
        return _out(function, current, await diagnose(current.files))

    @whole
    async def draft(
        self, actor: Actor, function_id: str, code: str, *, base_version: int, message: str = ""
    ) -> VersionOut:
        """Keep a version with another entry file, and the files beside it of `base_version`, without making it the
        active one. Code that some version has already makes none: that one is the answer.

        Raises:
            NotFound: no such function, or version.
            InvalidInput: code that cannot be.
            BodyTooLarge: over 1 MiB of files.
        """
        actor.require("write")
        async with self._database.write() as transaction:
            function = await owned_function(transaction, actor, function_id)
            base = await _get_version(transaction, function_id, base_version)
            bundle = make_bundle(code, _beside(base))
            wanted = content_hash(bundle)
            if wanted == base.content_hash:
                return _version_out(base, function)
            number = await transaction.functions.last_version_number(function_id) + 1
            last = await _get_version(transaction, function_id, number - 1)
            if last.content_hash == wanted:
                return _version_out(last, function)
            version = _version(function_id, number, bundle, actor=actor, now=now_ms(), message=message)
            await transaction.functions.add(function, version)
        await self._directory.refresh_function(function_id)
        self._publish(events.VERSION_CREATED, function, actor)
        return _version_out(version, function)

    @whole
    async def delete(self, actor: Actor, function_id: str) -> None:
        """Remove a function with its versions and routes; its calls go in the background. Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            function = await owned_function(transaction, actor, function_id)
            await transaction.functions.delete(function_id)
        await self._directory.refresh_function(function_id)
        if function.project_id is not None:
            await self._directory.refresh_project(function.project_id)
        self._purge.soon()
        self._publish(events.FUNCTION_DELETED, function, actor)

    async def versions(
        self, actor: Actor, function_id: str, *, limit: int = 1000, before: int | None = None
    ) -> builtins.list[VersionOut]:
        """Newest first, those with numbers below `before`. Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            function = await owned_function(transaction, actor, function_id)
            found = await transaction.functions.versions(function_id, limit=limit, before=before)
        return [_version_out(version, function) for version in found]

    async def version(self, actor: Actor, function_id: str, number: int) -> VersionOut:
        """Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            function = await owned_function(transaction, actor, function_id)
            return _version_out(await _get_version(transaction, function_id, number), function)

    @whole
    async def activate(self, actor: Actor, function_id: str, number: int) -> FunctionOut:
        """Make a version the active one. Raises NotFound."""
        actor.require("write")
        async with self._database.write() as transaction:
            function = await owned_function(transaction, actor, function_id)
            version = await _get_version(transaction, function_id, number)
            changed = function.active_version != number
            if changed:
                function.active_version = number
                function.updated_at = now_ms()
                await transaction.functions.add(function)
        if changed:
            await self._directory.refresh_function(function_id)
            self._publish(events.VERSION_ACTIVATED, function, actor)
        return _out(function, version, await diagnose(version.files))

    async def diff(self, actor: Actor, function_id: str, from_: int, to: int) -> Diff:
        """What changed between two versions. Raises NotFound."""
        actor.require("read")
        async with self._database.read() as transaction:
            await owned_function(transaction, actor, function_id)
            old = await _get_version(transaction, function_id, from_)
            new = await _get_version(transaction, function_id, to)
        return Diff.model_validate({"from": from_, "to": to, "diff": await _diff(old, new)})

    async def _owned(
        self, transaction: Transaction, actor: Actor, function_id: str
    ) -> tuple[Function, FunctionVersion]:
        found = await transaction.functions.with_active(function_id)
        if found is None or found[0].owner != actor.user:
            raise NotFound("Function not found")
        return found

    async def _next_version(
        self, transaction: Transaction, actor: Actor, active: FunctionVersion, patch: FunctionPatch
    ) -> FunctionVersion | None:
        """The version that the patch makes; None where the files stay as they are."""
        if patch.code is None and patch.files is None:
            return None
        function_id = active.function_id
        code = active.files[ENTRY] if patch.code is None else patch.code
        beside = _beside(active) if patch.files is None else patch.files
        bundle = make_bundle(code, beside)
        if content_hash(bundle) == active.content_hash:
            return None
        if patch.base_version is not None and patch.base_version != active.version:
            await _refuse_stale(transaction, active, patch.base_version)
        number = await transaction.functions.last_version_number(function_id) + 1
        return _version(function_id, number, bundle, actor=actor, now=now_ms(), message=patch.message)

    def _publish(self, event: str, function: Function, actor: Actor) -> None:
        data = {
            "function_id": function.id,
            "project_id": function.project_id,
            "name": function.name,
            "version": function.active_version,
            "by": actor.label,
        }
        self._bus.publish(event, data, owner=function.owner)


def _check(function: Function, changed: Set[str]) -> None:
    """Raises InvalidInput for what the schema alone cannot see. What did not change is let be."""
    if "runtime" in changed and function.runtime not in _RUNTIMES:
        raise InvalidInput.of("runtime", f"{function.runtime!r} is not known; there is: {', '.join(_RUNTIMES)}")
    if changed & {"min_instances", "max_instances"} and function.min_instances > function.max_instances:
        raise InvalidInput.of("min_instances", f"must not be over max_instances ({function.max_instances})")
    if "cpus" in changed and function.cpus > (cores := os.cpu_count() or 1):
        raise InvalidInput.of("cpus", f"must not be over {cores}, which this machine has")


def _version(
    function_id: str, number: int, bundle: dict[str, str], *, actor: Actor, now: int, message: str
) -> FunctionVersion:
    return FunctionVersion(
        function_id=function_id,
        version=number,
        files=bundle,
        content_hash=content_hash(bundle),
        message=message,
        created_at=now,
        created_by=actor.label,
    )


async def _get_version(transaction: Transaction, function_id: str, number: int) -> FunctionVersion:
    version = await transaction.functions.version(function_id, number)
    if version is None:
        raise NotFound("Version not found")
    return version


async def _refuse_stale(transaction: Transaction, active: FunctionVersion, base_number: int) -> None:
    base = await transaction.functions.version(active.function_id, base_number)
    if base is None:
        raise InvalidInput.of("base_version", f"there is no version {base_number}")
    raise StaleVersion(
        f"{active.created_by} made version {active.version} the active one since version {base_number}: "
        "look at the difference, then save again on top of it",
        extra={
            "active_version": active.version,
            "base_version": base_number,
            "diff": await _diff(base, active),
        },
    )


async def _diff(old: FunctionVersion, new: FunctionVersion) -> str:
    # In a thread: two long files without much in common take difflib seconds.
    return await asyncio.to_thread(
        unified_diff, old.files, new.files, f"version {old.version}", f"version {new.version}"
    )


def _beside(version: FunctionVersion) -> dict[str, str]:
    return {path: text for path, text in version.files.items() if path != ENTRY}


def _out(function: Function, version: FunctionVersion, diagnostics: list[Diagnostic] | None = None) -> FunctionOut:
    return FunctionOut(
        **function.model_dump(exclude={"owner", "created_at", "updated_at"}),
        code=version.files[ENTRY],
        files=_beside(version),
        created_at=moment(function.created_at),
        updated_at=moment(function.updated_at),
        diagnostics=diagnostics or [],
    )


def _version_out(version: FunctionVersion, function: Function) -> VersionOut:
    return VersionOut(
        version=version.version,
        code=version.files[ENTRY],
        files=_beside(version),
        created_at=moment(version.created_at),
        created_by=version.created_by,
        active=version.version == function.active_version,
        message=version.message,
    )
