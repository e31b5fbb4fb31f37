"""`clowdy project`: what a project has set for the requests to its address and for the log of its calls; its end."""

import sys
from typing import Any

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import ProjectGone, ProjectOut


@click.group()
def project() -> None:
    """A project's settings, and its end."""


@project.command("show")
@click.argument("name")
@with_shell
def show(shell: Shell, name: str) -> None:
    """Show the settings of the project NAME."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> ProjectOut:
        return await project_named(client, name)

    _show(shell, shell.run(work))


@project.command("set")
@click.argument("name")
@click.option("--slug", help="Its address: /api/gateway/SLUG.")
@click.option("--capture", type=click.Choice(["all", "errors", "none"]), help="Of which calls the bodies are kept.")
@click.option("--rate-limit", metavar="REQUESTS/SECONDS|none", help="Like 100/60.")
@click.option("--by", type=click.Choice(["project", "client"]), help="Whom the limit counts: all, or each client.")
@click.option("--cors-origin", "origins", multiple=True, metavar="ORIGIN|none", help="A web page that may call it.")
@click.option("--cors-credentials/--no-cors-credentials", "credentials", default=None, help="Whether with cookies.")
@with_shell
def set_(
    shell: Shell,
    *,
    name: str,
    slug: str | None,
    capture: str | None,
    rate_limit: str | None,
    by: str | None,
    origins: tuple[str, ...],
    credentials: bool | None,
) -> None:
    """Change what is given of the settings of the project NAME."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> ProjectOut:
        found = await project_named(client, name)
        changes: dict[str, Any] = {
            field: value for field, value in (("slug", slug), ("capture", capture)) if value is not None
        }
        if rate_limit is not None or by is not None:
            changes["rate_limit"] = _limit(found, rate_limit, by)
        if origins or credentials is not None:
            changes["cors"] = _cors(found, origins, credentials)
        if not changes:
            raise Failure("nothing to change was given; `clowdy project set --help` shows what can be", Exit.USAGE)
        return await client.projects.update(found.id, **changes)

    _show(shell, shell.run(work))


@project.command("rm")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_shell
def rm(shell: Shell, name: str, yes: bool) -> None:
    """Delete the project NAME with all that it owns: functions, routes, variables, packages, database, calls."""
    from clowdy_tui.cli.naming import project_named

    async def look(client: Clowdy) -> ProjectOut:
        return await project_named(client, name)

    found = shell.run(look)
    if not yes:
        if not sys.stdin.isatty():
            raise Failure("this deletes all that the project owns; say --yes to do it", Exit.USAGE)
        owns = [f"its {found.function_count} functions", *(["its database"] if found.has_database else [])]
        question = f"Delete the project {output.plain(found.name)} with {' and '.join(owns)}? Nothing of it is kept."
        click.confirm(question, abort=True, err=True)

    async def work(client: Clowdy) -> ProjectGone:
        return await client.projects.delete(found.id)

    done = shell.run(work)
    if shell.as_json:
        output.dump(done)
    else:
        output.say(done.detail)
        for sentence in done.left:
            output.say(output.plain(sentence))


def _limit(found: ProjectOut, given: str | None, by: str | None) -> dict[str, Any] | None:
    before = found.rate_limit.model_dump(mode="json") if found.rate_limit is not None else None
    if given == "none":
        return None
    if given is None:
        if before is None:
            raise Failure("--by says whom a --rate-limit counts, and there is none yet", Exit.USAGE)
        return before | {"by": by}
    requests, _, seconds = given.partition("/")
    try:
        limit = {"requests": int(requests), "per_seconds": float(seconds.removesuffix("s"))}
    except ValueError:
        raise Failure("--rate-limit takes requests and seconds, like 100/60, or none", Exit.USAGE) from None
    return limit | {"by": by or (before or {}).get("by", "project")}


def _cors(found: ProjectOut, origins: tuple[str, ...], credentials: bool | None) -> dict[str, Any] | None:
    if "none" in origins:
        return None
    before = found.cors.model_dump(mode="json") if found.cors is not None else {}
    if not origins and not before:
        raise Failure("--cors-credentials needs a --cors-origin", Exit.USAGE)
    return (
        before
        | ({"origins": list(origins)} if origins else {})
        | ({"credentials": credentials} if credentials is not None else {})
    )


def _show(shell: Shell, found: ProjectOut) -> None:
    if shell.as_json:
        output.dump(found)
        return
    limit, cors = found.rate_limit, found.cors
    rows = [
        ("name", found.name),
        ("slug", found.slug),
        ("functions", str(found.function_count)),
        ("capture", found.capture),
        ("rate limit", f"{limit.requests} in {limit.per_seconds:g} s by {limit.by}" if limit else "none"),
        ("CORS", " ".join(cors.origins) + (" with credentials" if cors.credentials else "") if cors else "none"),
    ]
    output.table(rows, ("", ""))
