"""`clowdy keys`: what opens a project's routes that have `auth: api_key`."""

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import KeyCreated, KeyOut


@click.group()
def keys() -> None:
    """API keys: they open a project's routes that have auth api_key."""


@keys.command("ls")
@click.argument("project")
@with_shell
def ls(shell: Shell, project: str) -> None:
    """List the API keys of PROJECT, never the keys themselves."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> list[KeyOut]:
        return await client.keys.list((await project_named(client, project)).id)

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    elif found:
        output.table([(key.id, key.name, output.ago(key.created_at)) for key in found], ("ID", "NAME", "MADE"))
    else:
        output.say("No API keys yet. Make one: clowdy keys add PROJECT NAME")


@keys.command("add")
@click.argument("project")
@click.argument("name")
@with_shell
def add(shell: Shell, project: str, name: str) -> None:
    """Make an API key called NAME for PROJECT and print it, once."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> KeyCreated:
        return await client.keys.create((await project_named(client, project)).id, name)

    made = shell.run(work)
    if shell.as_json:
        output.dump(made)
    else:
        output.say(made.key)
        output.hint("Keep it: it is not shown again. Callers send it as the header x-api-key.")


@keys.command("rm")
@click.argument("project")
@click.argument("name")
@with_shell
def rm(shell: Shell, project: str, name: str) -> None:
    """Revoke the API key of PROJECT with this NAME or id, at once."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> KeyOut:
        owner = await project_named(client, project)
        listed = await client.keys.list(owner.id)
        found = [key for key in listed if key.id == name] or [key for key in listed if key.name == name]
        if not found:
            raise Failure(f"{owner.slug} has no API key {name!r}", Exit.NOT_FOUND)
        if len(found) > 1:
            ids = ", ".join(key.id for key in found)
            raise Failure(f"several API keys are called {name!r}; name one by its id: {ids}", Exit.USAGE)
        await client.keys.delete(owner.id, found[0].id)
        return found[0]

    gone = shell.run(work)
    if shell.as_json:
        output.dump(gone)
    else:
        output.say(output.plain(f"{gone.name} is revoked"))
