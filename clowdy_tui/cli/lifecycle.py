"""`clowdy status` and `clowdy stop`: what runs for this data folder, and its end."""

import asyncio
import time
from collections import Counter
from typing import Any, Final

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.finding import find, lock_holder
from clowdy_tui.cli.shell import Exit, Failure, Shell, no_gateway, with_shell
from clowdy_tui.client import ApiError, Clowdy, GatewayGone
from clowdy_tui.domain.schemas import Health, PoolInstance

STOPPED_WITHIN_S: Final = 30.0


@click.command()
@with_shell
def status(shell: Shell) -> None:
    """Show what runs for this data folder, or at --url."""
    if shell.find() is None:
        data_dir = shell.settings().data_dir
        if shell.as_json:
            output.dump({"running": False, "data_dir": str(data_dir), "lock_holder": lock_holder(data_dir)})
            click.get_current_context().exit(Exit.NO_GATEWAY)
        raise no_gateway(data_dir)

    async def work(client: Clowdy) -> tuple[Health, list[PoolInstance] | None, tuple[int, int] | None]:
        health = await client.health()
        try:
            counts = len(await client.projects.list()), len(await client.functions.list())
            return health, await client.pool(), counts
        except ApiError as error:
            if error.status not in (401, 403):
                raise
            return health, None, None

    health, pool, counts = shell.run(work)
    states = Counter(instance.state for instance in pool or ())
    if shell.as_json:
        figures = {"projects": counts[0], "functions": counts[1]} if counts else {}
        output.dump({"running": True, **health.model_dump(mode="json"), **figures, "pool": dict(states)})
        return
    for name, text in _lines(health, states, counts):
        output.say(f"{output.style(f'{name:<10}', dim=True)} {output.plain(text)}")


def _lines(health: Health, states: Counter[Any], counts: tuple[int, int] | None) -> list[tuple[str, str]]:
    # Which process it is, and where it keeps what, is for who administers.
    pid = f", pid {health.pid}" if health.pid else ""
    lines = [("running", f"version {health.version}{pid}" if health.version else "yes")]
    if health.url:
        lines.append(("address", health.url))
    if health.socket:
        lines.append(("socket", health.socket))
    if health.data_dir:
        lines.append(("data", health.data_dir))
    if health.driver:
        lines.append(("driver", health.driver if health.driver_available else f"{health.driver}: not available"))
    if health.driver_problem:
        lines.append(("problem", health.driver_problem))
    if health.log_problem:
        lines.append(("log", health.log_problem))
    if health.not_enforced:
        lines.append(("open", "not enforced here: " + ", ".join(health.not_enforced)))
    if counts is None:
        lines.append(("more", "needs a token: --token or CLOWDY_TOKEN"))
    else:
        in_words = f"{output.plural(counts[1], 'function')} in {output.plural(counts[0], 'project')}"
        lines.append(("functions", in_words))
        lines.append(("sandboxes", ", ".join(f"{count} {state}" for state, count in states.items()) or "none"))
    return lines


@click.command()
@with_shell
def stop(shell: Shell) -> None:
    """Stop the gateway, and wait until it has stopped."""

    async def work(client: Clowdy) -> None:
        health = await client.health()
        await client.stop()
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while await _is_there(shell, client):
            if time.monotonic() > deadline:
                raise Failure(f"the gateway (pid {health.pid}) has not stopped after {STOPPED_WITHIN_S:.0f} s")
            await asyncio.sleep(0.05)

    shell.run(work)
    if shell.as_json:
        output.dump({"stopped": True})
    else:
        output.say("The gateway has stopped.")


async def _is_there(shell: Shell, client: Clowdy) -> bool:
    if not shell.common.url:
        # The lock goes last: until then the data folder is not free for the next gateway.
        data_dir = shell.settings().data_dir
        return find(data_dir) is not None or lock_holder(data_dir) is not None
    try:
        await client.health()
    except GatewayGone:
        return False
    except ApiError as error:
        return error.status < 500
    return True
