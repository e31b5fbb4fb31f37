"""A tool, what it works with, and how the things are found that a model names."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from clowdy_tui.domain.assistant import PermissionAsked, PermissionKind, Proof
from clowdy_tui.domain.errors import InvalidInput, NotFound
from clowdy_tui.domain.schemas import FunctionOut, ProjectOut
from clowdy_tui.services.actor import Actor
from clowdy_tui.services.assistant.arguments import Arguments, schema_of
from clowdy_tui.services.assistant.permission import Permissions
from clowdy_tui.services.assistant.redaction import MARK
from clowdy_tui.services.databases.service import DatabaseService
from clowdy_tui.services.directory import Directory
from clowdy_tui.services.environment import EnvironmentService
from clowdy_tui.services.functions import FunctionService
from clowdy_tui.services.invocations import InvocationService
from clowdy_tui.services.packages import PackageService
from clowdy_tui.services.projects import ProjectService
from clowdy_tui.services.replay import ReplayService
from clowdy_tui.services.routes import RouteService
from clowdy_tui.services.stats import StatsService

MAX_CODE_CHARS: Final = 24_000


@dataclass(frozen=True, slots=True)
class Services:
    """What tools call."""

    directory: Directory
    projects: ProjectService
    functions: FunctionService
    routes: RouteService
    environment: EnvironmentService
    packages: PackageService
    databases: DatabaseService
    invocations: InvocationService
    replay: ReplayService
    stats: StatsService


@dataclass(slots=True)
class Workplace:
    """Where a turn's tools work: as whom, in which project, with which permissions.

    `mend` is the call that shall be mended; `proofs` take what trials came to.
    """

    actor: Actor
    services: Services
    permissions: Permissions
    server: str
    project_id: str | None = None
    mend: str | None = None
    on_proof: Callable[[Proof], None] = lambda _: None
    functions: dict[str, FunctionOut] = field(default_factory=dict)

    async def function(self, reference: str) -> FunctionOut:
        """One of the actor's functions, by id, name, or `project/name`.

        Raises:
            NotFound: there is none.
            InvalidInput: several have that name.
        """
        reference = reference.strip()
        if len(reference) == 12 and set(reference) <= set("0123456789abcdef"):
            return await self.services.functions.get(self.actor, reference)
        project, _, name = reference.rpartition("/")
        found = [each for each in await self.services.functions.list(self.actor) if each.name == name]
        if project:
            ids = {each.id for each in await self._projects() if project in (each.name, each.slug, each.id)}
            found = [each for each in found if each.project_id in ids]
        elif len(found) > 1:
            found = [each for each in found if each.project_id == self.project_id] or found
        if not found:
            raise NotFound(f"There is no function {reference!r}; list_functions tells which there are")
        if len(found) > 1:
            raise InvalidInput.of("function_id", "several have this name: take the id, from list_functions")
        return found[0]

    async def project(self, reference: str | None) -> ProjectOut:
        """One of the actor's projects, by id, name or slug; the one that the conversation is about unless given.

        Raises:
            NotFound: there is none.
        """
        reference = (reference or self.project_id or "").strip()
        if not reference:
            raise NotFound("The conversation is about no project: give project_id, from list_projects")
        for each in await self._projects():
            if reference in (each.id, each.slug, each.name):
                return each
        raise NotFound(f"There is no project {reference!r}; list_projects tells which there are")

    async def may_share(self) -> bool:
        """Whether what past calls carried may go to the model's server; asked once in a conversation."""
        if self.permissions.is_shared():
            return True
        wanted = PermissionAsked(
            call_id=f"share-{id(self):x}",
            tool="share",
            args={},
            kind="share",
            title="Send what past calls carried to the model",
            detail=f"Inputs, outputs, errors and printed lines of calls go to {self.server}, secrets taken out. "
            "One yes is for this conversation.",
        )
        return await self.permissions.allows(wanted)

    async def _projects(self) -> list[ProjectOut]:
        return await self.services.projects.list(self.actor)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tool would do, in words and as a diff, and `carry_out`, which does just that.

    `goes_on` is for what takes long and goes on without whoever waits: told where the turn is stopped meanwhile.
    """

    title: str
    carry_out: Callable[[], Awaitable[Any]]
    detail: str = ""
    diff: str = ""
    goes_on: str = ""


Prepare = Callable[[Workplace, Any], Awaitable[Plan]]
Read = Callable[[Workplace, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Tool:
    """`read` for what only looks and asks nobody, `prepare` for all else. `only_mending`: offered where a call shall be
    mended.
    """

    name: str
    description: str
    arguments: type[Arguments]
    kind: Literal["read"] | PermissionKind
    read: Read | None = None
    prepare: Prepare | None = None
    only_mending: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """As the protocol has it."""
        function = {"name": self.name, "description": self.description, "parameters": schema_of(self.arguments)}
        return {"type": "function", "function": function}


def brief(function: FunctionOut) -> dict[str, Any]:
    """A function without its code."""
    return {
        "id": function.id,
        "name": function.name,
        "project_id": function.project_id,
        "description": function.description,
        "status": function.status,
        "active_version": function.active_version,
        "network_enabled": function.network_enabled,
        "memory_mb": function.memory_mb,
        "timeout_s": function.timeout_s,
    }


def refuse_hidden(code: str) -> None:
    """Raises InvalidInput for code with a placeholder in it: saved, it would overwrite what it stands for."""
    if found := MARK.search(code):
        raise InvalidInput.of(
            "code",
            f"holds {found[0]}, which stands for a secret that you were not shown. Read it from os.environ instead, "
            "or leave that line to the person",
        )


def cut(text: str, most: int = MAX_CODE_CHARS) -> str:
    """The text's beginning, marked where it was cut."""
    return text if len(text) <= most else f"{text[:most]}\n… (cut: {len(text) - most} more characters)"
