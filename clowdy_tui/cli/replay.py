"""`clowdy replay`: a call once more."""

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.invoke import EXITS, show
from clowdy_tui.cli.shell import Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import ReplayOut


@click.command()
@click.argument("invocation")
@click.option("--version", type=click.IntRange(min=1), help="Run this version, whichever is active.")
@with_shell
def replay(shell: Shell, invocation: str, version: int | None) -> None:
    """Run the same input as INVOCATION (its id, from `clowdy logs --json`) again; exits as `clowdy invoke` does."""

    async def work(client: Clowdy) -> ReplayOut:
        return await client.invocations.replay(invocation, version=version)

    answer = shell.run(work)
    if shell.as_json:
        output.dump(answer)
    else:
        if answer.masked:
            hidden = output.plain(", ".join(answer.masked))
            output.hint(f"The log does not keep {hidden}: the function got **** in its place")
        show(answer)
    if code := EXITS[answer.status]:
        click.get_current_context().exit(code)
