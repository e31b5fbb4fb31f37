"""What belongs to the actor. What belongs to somebody else is not found, exactly like what is not there."""

from dataclasses import dataclass

from clowdy_tui.domain.errors import FieldError, InvalidInput, NotFound
from clowdy_tui.domain.tables import Function, Project, ProjectDatabase, ProjectPackages
from clowdy_tui.services.actor import Actor
from clowdy_tui.store.database import Transaction


@dataclass(frozen=True, slots=True)
class DeletedProject:
    """A project whose rows are gone, with those that tell what else it had."""

    project: Project
    database: ProjectDatabase | None
    packages: ProjectPackages | None


def no_such_mark() -> InvalidInput:
    """For a page of a list that begins after an item which the actor has not, or has no more."""
    message = "is not an item of this list, or not any more"
    return InvalidInput(f"query.before: {message}", errors=(FieldError(("query", "before"), message, "unknown_mark"),))


async def owned_project(transaction: Transaction, actor: Actor, project_id: str) -> Project:
    """Raises NotFound."""
    project = await transaction.projects.get(project_id)
    if project is None or project.owner != actor.user:
        raise NotFound("Project not found")
    return project


async def owned_function(transaction: Transaction, actor: Actor, function_id: str) -> Function:
    """Raises NotFound."""
    function = await transaction.functions.get(function_id)
    if function is None or function.owner != actor.user:
        raise NotFound("Function not found")
    return function
