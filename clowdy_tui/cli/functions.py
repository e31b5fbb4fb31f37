"""`ls`, `new`, `versions`, `rollback`: what there is, and which version of it runs."""

from typing import Any

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionOut, ProjectOut, RouteOut, VersionOut


@click.command()
@click.argument("project", required=False)
@with_shell
def ls(shell: Shell, project: str | None) -> None:
    """List projects and functions, or those of one PROJECT."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> tuple[list[ProjectOut], list[FunctionOut], list[RouteOut]]:
        if project is not None:
            chosen = await project_named(client, project)
            return [chosen], await client.projects.functions(chosen.id), await client.routes.list(chosen.id)
        projects = await client.projects.list()
        routes = [route for item in projects for route in await client.routes.list(item.id)]
        return projects, await client.functions.list(), routes

    projects, functions, routes = shell.run(work)
    if shell.as_json:
        output.dump(_as_tree(projects, functions, routes))
    elif not projects and not functions:
        output.say("Nothing here yet. Make a project: clowdy new NAME")
    else:
        _show(projects, functions, routes)


def _as_tree(projects: list[ProjectOut], functions: list[FunctionOut], routes: list[RouteOut]) -> dict[str, Any]:
    def of(project_id: str | None) -> list[FunctionOut]:
        return [function for function in functions if function.project_id == project_id]

    listed = [
        {
            **project.model_dump(mode="json"),
            "functions": of(project.id),
            "routes": [route for route in routes if route.project_id == project.id],
        }
        for project in projects
    ]
    return {"projects": listed, "functions": of(None)}


def _show(projects: list[ProjectOut], functions: list[FunctionOut], routes: list[RouteOut]) -> None:
    rows = []
    names = [(project.id, project.slug + "/") for project in sorted(projects, key=lambda item: item.slug)]
    for project_id, prefix in [*names, (None, "")]:
        own = sorted((item for item in functions if item.project_id == project_id), key=lambda item: item.name)
        if not own and project_id is not None:
            rows.append((prefix, "", "", "", ""))
        for function in own:
            called_by = [f"{item.method} {item.path}" for item in routes if item.function_id == function.id]
            name = prefix + function.name if prefix else f"{function.name} ({function.id})"
            version = f"v{function.active_version}"
            rows.append((name, version, function.status, output.ago(function.updated_at), ", ".join(called_by)))
    output.table(rows, ("FUNCTION", "VERSION", "STATUS", "SAVED", "ROUTES"))


@click.command()
@click.argument("name")
@click.option("--description", default="", help="What it is for.")
@with_shell
def new(shell: Shell, name: str, description: str) -> None:
    """Make a project called NAME."""

    async def work(client: Clowdy) -> ProjectOut:
        return await client.projects.create(name, description)

    project = shell.run(work)
    if shell.as_json:
        output.dump(project)
    else:
        output.say(f"{output.plain(project.name)} is there; its slug is {output.style(project.slug, bold=True)}")


@click.command()
@click.argument("function")
@with_shell
def versions(shell: Shell, function: str) -> None:
    """List the versions of FUNCTION, newest first."""
    from clowdy_tui.cli.naming import function_named

    async def work(client: Clowdy) -> list[VersionOut]:
        return await client.functions.versions((await function_named(client, function)).id)

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
        return
    rows = [
        (
            f"v{item.version}",
            "active" if item.active else "",
            output.ago(item.created_at),
            item.created_by,
            output.plural(item.code.count("\n") + 1, "line"),
            item.message,
        )
        for item in found
    ]
    output.table(rows, ("VERSION", "", "SAVED", "BY", "SIZE", "MESSAGE"))


@click.command()
@click.argument("function")
@click.argument("version", type=click.IntRange(min=1))
@with_shell
def rollback(shell: Shell, function: str, version: int) -> None:
    """Make VERSION of FUNCTION the active one, at once."""
    from clowdy_tui.cli.naming import function_named, or_missing

    async def work(client: Clowdy) -> FunctionOut:
        found = await function_named(client, function)
        with or_missing(f"{found.name} has no version {version}; `clowdy versions {function}` shows which there are"):
            return await client.functions.activate(found.id, version)

    done = shell.run(work)
    if shell.as_json:
        output.dump(done)
    else:
        output.say(f"{output.plain(done.name)} runs version {done.active_version}")
