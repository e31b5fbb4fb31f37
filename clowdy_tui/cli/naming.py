"""Finds what a person names: a project by its slug, name or id, a function by `project/name` or id."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from clowdy_tui.cli.output import plain
from clowdy_tui.cli.shell import Exit, Failure
from clowdy_tui.client import ApiError, Clowdy
from clowdy_tui.domain.names import ID_PATTERN
from clowdy_tui.domain.schemas import FunctionOut, ProjectOut, RouteOut

_ID: Final = re.compile(ID_PATTERN)


async def project_named(client: Clowdy, name: str) -> ProjectOut:
    """The project with this slug, id or name.

    Raises:
        Failure: there is none (5), or several have this name (2).
    """
    projects = await client.projects.list()
    for project in projects:
        if name in (project.slug, project.id):
            return project
    called = [project for project in projects if project.name == name]
    if len(called) == 1:
        return called[0]
    if called:
        slugs = ", ".join(sorted(project.slug for project in called))
        raise Failure(f"several projects are called {name!r}; name one by its slug: {slugs}", Exit.USAGE)
    raise Failure(f"there is no project {name!r}; `clowdy ls` shows what there is", Exit.NOT_FOUND)


async def function_named(client: Clowdy, name: str) -> FunctionOut:
    """The function with this id, `project/name`, or a name that only one function has.

    Raises:
        Failure: there is none (5), or several have this name (2).
    """
    if _ID.match(name):
        try:
            return await client.functions.get(name)
        except ApiError as error:
            if error.problem.status != 404:
                raise
    if "/" in name:
        project_name, _, function_name = name.partition("/")
        project = await project_named(client, project_name)
        for function in await client.projects.functions(project.id):
            if function.name == function_name:
                return function
        raise Failure(f"{project.slug} has no function {function_name!r}", Exit.NOT_FOUND)
    called = [function for function in await client.functions.list() if function.name == name]
    if len(called) == 1:
        return called[0]
    if called:
        slugs = {project.id: project.slug for project in await client.projects.list()}
        full = ", ".join(sorted(full_name(function, slugs) for function in called))
        raise Failure(f"several functions are called {name!r}: {full}", Exit.USAGE)
    raise Failure(f"there is no function {name!r}; name it as project/name (`clowdy ls` shows them)", Exit.NOT_FOUND)


async def route_named(client: Clowdy, project: ProjectOut, words: tuple[str, ...]) -> RouteOut:
    """A project's route by its id, or by method and path.

    Raises:
        Failure: there is none (5).
    """
    for route in await client.routes.list(project.id):
        if words == (route.id,) or (len(words) == 2 and (words[0].upper(), words[1]) == (route.method, route.path)):
            return route
    raise Failure(f"{project.slug} has no route {plain(' '.join(words))!r}", Exit.NOT_FOUND)


@contextmanager
def or_missing(message: str) -> Iterator[None]:
    """Raises Failure (5) with these words where the gateway knows of no such thing."""
    try:
        yield
    except ApiError as error:
        if error.problem.status != 404:
            raise
        raise Failure(message, Exit.NOT_FOUND) from error


def full_name(function: FunctionOut, slugs: dict[str, str]) -> str:
    """`project/name`, or the id of a function on its own: what a command can be given."""
    slug = slugs.get(function.project_id or "")
    return f"{slug}/{function.name}" if slug else function.id
