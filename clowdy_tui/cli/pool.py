"""`clowdy pool`: the sandboxes."""

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionOut, PoolInstance


@click.group()
def pool() -> None:
    """The sandboxes that are there."""


@pool.command("ls")
@with_shell
def ls(shell: Shell) -> None:
    """List the sandboxes: what runs in each, since when, how often it was called."""

    async def work(client: Clowdy) -> list[PoolInstance]:
        return await client.pool()

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    elif found:
        rows = [
            (
                item.id,
                item.state,
                item.function_name or "",
                f"v{item.version}" if item.version is not None else "",
                f"{item.age_s:.0f} s",
                str(item.calls),
                f"{item.memory_mb:.0f} MiB" if item.memory_mb is not None else "-",
            )
            for item in found
        ]
        output.table(rows, ("ID", "STATE", "FUNCTION", "VERSION", "AGE", "CALLS", "MEMORY"), right=(4, 5, 6))
    else:
        output.say("No sandboxes now: the first call makes one")


@pool.command("rm")
@click.argument("instance")
@with_shell
def rm(shell: Shell, instance: str) -> None:
    """End the sandbox with this id, or the only one that it begins; a call in it fails."""

    async def work(client: Clowdy) -> PoolInstance:
        found = [item for item in await client.pool() if item.id.startswith(instance)]
        if not found:
            raise Failure(f"there is no sandbox {instance!r}; `clowdy pool ls` shows them", Exit.NOT_FOUND)
        if len(found) > 1 and instance not in {item.id for item in found}:
            raise Failure(f"several sandboxes begin with {instance!r}", Exit.USAGE)
        chosen = next((item for item in found if item.id == instance), found[0])
        await client.kill(chosen.id)
        return chosen

    gone = shell.run(work)
    if shell.as_json:
        output.dump(gone)
    else:
        output.say(f"{output.plain(gone.id)} is ended")


@pool.command("warm")
@click.argument("function")
@with_shell
def warm(shell: Shell, function: str) -> None:
    """Make an instance of FUNCTION ready before somebody calls it."""
    from clowdy_tui.cli.naming import function_named

    async def work(client: Clowdy) -> FunctionOut:
        found = await function_named(client, function)
        await client.functions.warm(found.id)
        return found

    done = shell.run(work)
    if shell.as_json:
        output.dump(done)
    else:
        output.say(f"{output.plain(done.name)} is warm")
