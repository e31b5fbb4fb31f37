"""`clowdy routes`: which request calls which function."""

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import RouteIn, RouteOut


@click.group()
def routes() -> None:
    """Routes: which request calls which function."""


@routes.command("ls")
@click.argument("project")
@with_shell
def ls(shell: Shell, project: str) -> None:
    """List the routes of PROJECT."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> list[RouteOut]:
        return await client.routes.list((await project_named(client, project)).id)

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    elif found:
        rows = [(route.method, route.path, route.function_name, route.auth, route.url) for route in found]
        output.table(rows, ("METHOD", "PATH", "FUNCTION", "AUTH", "URL"))
    else:
        output.say("No routes yet. Add one: clowdy routes add PROJECT METHOD PATH FUNCTION")


@routes.command("add")
@click.argument("project")
@click.argument("method")
@click.argument("path")
@click.argument("function")
@click.option("--description", default="", help="What it is for.")
@click.option("--auth", type=click.Choice(["none", "token", "api_key"]), default="none", help="Who may call it.")
@click.option(
    "--payload-format",
    type=click.Choice(["clowdy", "aws-2.0"]),
    default="clowdy",
    help="What FUNCTION's event is like.",
)
@with_shell
def add(
    shell: Shell,
    *,
    project: str,
    method: str,
    path: str,
    function: str,
    description: str,
    auth: str,
    payload_format: str,
) -> None:
    """Let METHOD (or ANY) on PATH of PROJECT call FUNCTION.

    PATH may hold parameters: /users/{id}, /files/*rest. FUNCTION is its name in the project, project/name or its id.
    """
    from clowdy_tui.cli.naming import function_named, project_named

    async def work(client: Clowdy) -> RouteOut:
        owner = await project_named(client, project)
        named = await client.projects.functions(owner.id)
        chosen = next((item for item in named if item.name == function), None) or await function_named(client, function)
        asked = {"function_id": chosen.id, "method": method.upper(), "path": path, "description": description}
        asked |= {"auth": auth, "payload_format": payload_format}
        return await client.routes.create(owner.id, RouteIn.model_validate(asked))

    if method.upper() not in (known := ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY")):
        raise Failure(f"{method!r} is no method; known are {', '.join(known)}", Exit.USAGE)
    route = shell.run(work)
    if shell.as_json:
        output.dump(route)
    else:
        output.say(output.plain(f"{route.method} {route.url} calls {route.function_name}"))


@routes.command("rm")
@click.argument("project")
@click.argument("route", nargs=-1, required=True, metavar="ID | METHOD PATH")
@with_shell
def rm(shell: Shell, project: str, route: tuple[str, ...]) -> None:
    """Remove a route of PROJECT, by its id or by method and path."""
    from clowdy_tui.cli.naming import project_named, route_named

    async def work(client: Clowdy) -> RouteOut:
        owner = await project_named(client, project)
        found = await route_named(client, owner, route)
        await client.routes.delete(owner.id, found.id)
        return found

    gone = shell.run(work)
    if shell.as_json:
        output.dump(gone)
    else:
        output.say(output.plain(f"{gone.method} {gone.path} is removed"))
