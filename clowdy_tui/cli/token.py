"""`clowdy token`: who may use the management API over TCP."""

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import TokenCreated, TokenOut

SCOPES = ("invoke", "read", "write", "reveal", "approve")


@click.group()
def token() -> None:
    """Tokens for the management API over TCP."""


@token.command("add")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), help="What it may do; all unless given.")
@click.option("--user", help="Whose it is; the gateway's owner unless given.")
@click.option("--expires-in-days", "days", type=click.FloatRange(min=0, min_open=True), help="Never unless given.")
@with_shell
def add(shell: Shell, name: str, scopes: tuple[str, ...], user: str | None, days: float | None) -> None:
    """Make a token called NAME and print it, once."""
    expires_in_s = None if days is None else max(1, round(days * 86_400))

    async def work(client: Clowdy) -> TokenCreated:
        return await client.tokens.create(name, list(scopes) or None, user, expires_in_s=expires_in_s)

    made = shell.run(work)
    if shell.as_json:
        output.dump(made)
    else:
        output.say(made.token)
        output.hint(f"Keep it: it is not shown again. It may {', '.join(made.scopes)}, as {output.plain(made.user)}.")


@token.command("ls")
@with_shell
def ls(shell: Shell) -> None:
    """List the tokens, without what is secret about them."""

    async def work(client: Clowdy) -> list[TokenOut]:
        return await client.tokens.list()

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    elif found:
        rows = [
            (
                item.id,
                item.name,
                item.user,
                " ".join(item.scopes),
                output.ago(item.created_at),
                output.ago(item.last_used_at) if item.last_used_at else "never",
                f"{item.expires_at:%Y-%m-%d %H:%M}" if item.expires_at else "never",
            )
            for item in found
        ]
        output.table(rows, ("ID", "NAME", "USER", "SCOPES", "MADE", "USED", "ENDS (UTC)"))
    else:
        output.say("No tokens yet. Make one: clowdy token add NAME")


@token.command("rm")
@click.argument("name")
@with_shell
def rm(shell: Shell, name: str) -> None:
    """Revoke the token with this NAME or id, at once."""

    async def work(client: Clowdy) -> TokenOut:
        tokens = await client.tokens.list()
        found = [item for item in tokens if item.id == name] or [item for item in tokens if item.name == name]
        if not found:
            raise Failure(f"there is no token {name!r}", Exit.NOT_FOUND)
        if len(found) > 1:
            ids = ", ".join(item.id for item in found)
            raise Failure(f"several tokens are called {name!r}; name one by its id: {ids}", Exit.USAGE)
        await client.tokens.revoke(found[0].id)
        return found[0]

    gone = shell.run(work)
    if shell.as_json:
        output.dump(gone)
    else:
        output.say(output.plain(f"{gone.name} is revoked"))
