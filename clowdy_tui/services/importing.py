"""Takes over projects, functions with their versions, routes and variables from elsewhere; twice takes nothing twice.

What comes keeps its id where that is one of ours and free, so that addresses that were given out go on working; else
the id is made from where it comes from. Either way the second time finds what the first one made.
"""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from clowdy_tui.domain import events, names
from clowdy_tui.domain.errors import ClowdyError, Conflict, Forbidden, InvalidInput
from clowdy_tui.domain.events import EventBus
from clowdy_tui.domain.importing import (
    Action,
    ImportFunction,
    ImportIn,
    ImportItem,
    ImportOut,
    ImportProject,
    ImportRoute,
    ImportVariable,
    Kind,
)
from clowdy_tui.domain.schemas import VariableIn
from clowdy_tui.domain.tables import Function, FunctionVersion, Project, Route, Variable
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.bundle import content_hash, make_bundle
from clowdy_tui.services.changes import whole
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.environment import MAX_VARIABLES, check_variable
from clowdy_tui.services.moments import now_ms, unix_ms
from clowdy_tui.services.projects import free_slug, project_out
from clowdy_tui.store.database import Database, Transaction

_METHODS: Final = (*names.METHODS, "ANY")
_ENCRYPTED: Final = re.compile(r"gAAAAA[A-Za-z0-9_-]{60,}={0,2}\Z")


class _Undo(Exception):
    """A dry run is over."""


class ImportService:
    def __init__(self, database: Database, directory: Directory, bus: EventBus, cipher: Cipher) -> None:
        self._database = database
        self._directory = directory
        self._bus = bus
        self._cipher = cipher

    @whole
    async def run(self, actor: Actor, wanted: ImportIn) -> ImportOut:
        """Take over what can be; each thing that cannot is refused with its reason, and the others go on.

        What is there already stays as it is, also where it was changed since.

        Raises:
            Forbidden: for another user, without administering.
        """
        actor.require("write")
        owners = {project.owner or actor.user for project in wanted.projects}
        owners |= {function.owner or actor.user for function in wanted.functions}
        if owners - {actor.user} and not actor.administers:
            raise Forbidden("Only the owner of this installation imports for other users")
        try:
            async with self._database.write() as transaction:
                round_ = _Round(transaction, self._cipher, actor)
                for project in wanted.projects:
                    await round_.project(project)
                for function in wanted.functions:
                    await round_.function(function, None, owner=function.owner or actor.user)
                if wanted.dry_run:
                    raise _Undo
        except _Undo:
            return ImportOut(dry_run=True, items=round_.items)
        await self._tell(actor, round_)
        return ImportOut(dry_run=False, items=round_.items)

    async def _tell(self, actor: Actor, round_: "_Round") -> None:
        for function in round_.functions:
            if function.project_id is None:
                await self._directory.refresh_function(function.id)
        for project in round_.projects:
            await self._directory.refresh_project(project.id)
            async with self._database.read() as transaction:
                out = project_out(project, await transaction.projects.function_count(project.id))
            kind = events.PROJECT_CREATED if project.id in round_.made else events.PROJECT_UPDATED
            data: dict[str, Any] = {"project_id": project.id, "project": out.model_dump(mode="json")}
            self._bus.publish(kind, data, owner=project.owner)
        for function in round_.functions:
            data = {
                "function_id": function.id,
                "project_id": function.project_id,
                "name": function.name,
                "version": function.active_version,
                "by": actor.label,
            }
            self._bus.publish(events.FUNCTION_CREATED, data, owner=function.owner)
        for project_id, route_id in round_.routes:
            self._bus.publish(
                events.ROUTE_CREATED,
                {"project_id": project_id, "route_id": route_id},
                owner=round_.owner_of(project_id),
            )


@dataclass(slots=True)
class _Round:
    """One import: what was made, and what there is to say."""

    transaction: Transaction
    cipher: Cipher
    actor: Actor
    items: list[ImportItem] = field(default_factory=list)
    projects: list[Project] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    routes: list[tuple[str, str]] = field(default_factory=list)
    made: set[str] = field(default_factory=set)

    def owner_of(self, project_id: str) -> str:
        return next(project.owner for project in self.projects if project.id == project_id)

    async def project(self, given: ImportProject) -> None:
        owner = given.owner or self.actor.user
        try:
            id_, found = await self._place(Project, "project", given.source, owner)
            project = found if isinstance(found, Project) else await self._make_project(given, id_, owner)
        except ClowdyError as error:
            self._say("project", given.source, given.name, "refused", note=error.detail)
            for function in given.functions:
                self._say("function", function.source, function.name, "refused", note="its project was refused")
            return
        if found is not None:
            self._say("project", given.source, project.name, "unchanged", id_=project.id)
        self.projects.append(project)
        ids: dict[str, str] = {}
        for function in given.functions:
            made = await self.function(function, project, owner=owner)
            if made is not None:
                ids[function.source] = made
        for route in given.routes:
            await self._route(route, project, ids)
        for variable in given.variables:
            await self._variable(variable, project)

    async def _make_project(self, given: ImportProject, id_: str, owner: str) -> Project:
        name = names.clean_name(given.name)
        wanted = names.slugify(given.slug or name)
        slug = await free_slug(self.transaction, wanted)
        now = now_ms()
        project = Project(
            id=id_,
            owner=owner,
            name=name,
            slug=slug,
            description=given.description,
            created_at=_ms(given.created_at, now),
            updated_at=now,
        )
        await self.transaction.projects.add(project)
        self.made.add(id_)
        note = f"its address is {slug}, because {wanted} is taken" if slug != wanted else ""
        self._say("project", given.source, name, "created", id_=id_, note=note)
        return project

    async def function(self, given: ImportFunction, project: Project | None, *, owner: str) -> str | None:
        """The function's id; None where it was refused."""
        try:
            id_, found = await self._place(Function, "function", given.source, owner)
            if isinstance(found, Function):
                self._say("function", given.source, found.name, "unchanged", id_=found.id)
                return found.id
            await self._make_function(given, project, id_, owner)
        except ClowdyError as error:
            self._say("function", given.source, given.name, "refused", note=error.detail)
            return None
        return id_

    async def _make_function(self, given: ImportFunction, project: Project | None, id_: str, owner: str) -> None:
        name = names.clean_name(given.name)
        if given.runtime.lower().rstrip("0123456789.") != "python":
            raise InvalidInput.of("runtime", f"{given.runtime!r} is not known here; there is: python")
        if project is not None and await self.transaction.functions.named(project.id, name):
            raise Conflict(f"the project has a function named {name!r} already")
        status = given.status.lower()
        now = now_ms()
        versions, active = self._versions(given, id_, now)
        function = Function(
            id=id_,
            owner=owner,
            project_id=project.id if project is not None else None,
            name=name,
            description=given.description,
            status=status if status in {"active", "inactive"} else "inactive",
            network_enabled=given.network_enabled,
            active_version=active,
            created_at=_ms(given.created_at, now),
            updated_at=now,
        )
        await self.transaction.functions.add(function)
        for version in versions:
            await self.transaction.functions.add(function, version)
        self.functions.append(function)
        notes = [f"version {active} of {len(versions)} is active"] if len(versions) > 1 else []
        if status not in {"active", "inactive"}:
            notes.append(f"inactive, because its status was {given.status!r}")
        self._say("function", given.source, name, "created", id_=id_, note="; ".join(notes))

    def _versions(self, given: ImportFunction, id_: str, now: int) -> tuple[list[FunctionVersion], int]:
        """Its versions, and the number of the one that runs."""

        def make(number: int, code: str, created_at: datetime | None) -> FunctionVersion:
            bundle = make_bundle(code, {})
            return FunctionVersion(
                function_id=id_,
                version=number,
                files=bundle,
                content_hash=content_hash(bundle),
                message="imported",
                created_at=_ms(created_at, now),
                created_by=self.actor.label,
            )

        kept: dict[int, FunctionVersion] = {}
        active = 0
        for version in sorted(given.versions, key=lambda item: item.version):
            name = f"{given.name} version {version.version}"
            try:
                if not 0 < version.version < 1_000_000_000 or version.version in kept:
                    raise InvalidInput.of("version", "must be a number from 1 up that no other version has")
                kept[version.version] = make(version.version, version.code, version.created_at)
            except ClowdyError as error:
                self._say("version", given.source, name, "refused", note=error.detail)
                continue
            if version.code == given.code:
                active = version.version
        if not active:
            active = max(kept, default=0) + 1
            kept[active] = make(active, given.code, given.created_at)
        return list(kept.values()), active

    async def _route(self, given: ImportRoute, project: Project, ids: dict[str, str]) -> None:
        name = f"{given.method} {given.path}"
        try:
            id_, found = await self._place(Route, "route", given.source, project.owner, within=project.id)
            if isinstance(found, Route):
                self._say("route", given.source, name, "unchanged", id_=found.id)
                return
            method = given.method.upper()
            if method not in _METHODS:
                raise InvalidInput.of("method", f"{given.method!r} is none of {', '.join(_METHODS)}")
            pattern = names.parse_route(given.path)
            function_id = ids.get(given.function_source)
            if function_id is None:
                raise InvalidInput.of("function", "is not among the project's functions")
            for other, _ in await self.transaction.routes.of_project(project.id):
                if (other.method, other.shape) == (method, pattern.shape):
                    raise Conflict(f"the project has a route for {method} {pattern.path} already")
            now = now_ms()
            route = Route(
                id=id_,
                project_id=project.id,
                function_id=function_id,
                method=method,
                path=pattern.path,
                shape=pattern.shape,
                description=given.description,
                created_at=now,
                updated_at=now,
            )
            await self.transaction.routes.add(route)
            self.routes.append((project.id, id_))
        except ClowdyError as error:
            self._say("route", given.source, name, "refused", note=error.detail)
        else:
            self._say("route", given.source, name, "created", id_=id_)

    async def _variable(self, given: ImportVariable, project: Project) -> None:
        source = f"{project.id}/{given.key}"
        try:
            if await self.transaction.variables.get(project.id, given.key) is not None:
                self._say("variable", source, given.key, "unchanged", note="its value here stays")
                return
            if _ENCRYPTED.match(given.value):
                raise InvalidInput.of("value", "is encrypted with a key that is not here; set it anew")
            check_variable(VariableIn(key=given.key, value=given.value))
            if len(await self.transaction.variables.of_project(project.id)) >= MAX_VARIABLES:
                raise Conflict(f"the project has {MAX_VARIABLES} variables already, the most there can be")
            now = now_ms()
            variable = Variable(
                id=names.new_id(),
                project_id=project.id,
                key=given.key,
                value_encrypted=self.cipher.encrypt(given.value),
                is_secret=given.is_secret,
                created_at=now,
                updated_at=now,
            )
            await self.transaction.variables.add(variable)
        except ClowdyError as error:
            self._say("variable", source, given.key, "refused", note=error.detail)
        else:
            self._say("variable", source, given.key, "created", id_=variable.id)

    async def _place(
        self, table: type[Project] | type[Function] | type[Route], kind: str, source: str, owner: str, within: str = ""
    ) -> tuple[str, Project | Function | Route | None]:
        """The id that a thing is to have, and what is there under it already if it is the owner's."""
        own = [source] if re.match(names.ID_PATTERN, source) else []
        made = hashlib.sha256(f"{kind}/{owner}/{within}/{source}".encode()).hexdigest()[:12]
        for id_ in (*own, made):
            found = await self.transaction.find(table, id_)
            if found is None:
                return id_, None
            if (found.project_id == within) if isinstance(found, Route) else (found.owner == owner):
                return id_, found
        raise Conflict("its id is taken")

    def _say(
        self, kind: Kind, source: str, name: str, action: Action, *, id_: str | None = None, note: str = ""
    ) -> None:
        self.items.append(ImportItem(kind=kind, source=source, name=name, action=action, id=id_, note=note))


def _ms(moment: datetime | None, otherwise: int) -> int:
    return min(max(unix_ms(moment), 0), otherwise) if moment is not None else otherwise
