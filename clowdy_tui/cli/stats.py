"""`clowdy stats`: how many calls there were, how they ended, how long they took."""

from datetime import UTC, datetime, timedelta
from typing import Final

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import Stats

_UNITS: Final = {"m": 60, "h": 3600, "d": 86400}


@click.command()
@click.argument("function", required=False)
@click.option("--project", help="The functions of this project alone.")
@click.option("--since", metavar="30m|24h|7d", help="Of this last stretch of time; of all calls unless given.")
@with_shell
def stats(shell: Shell, function: str | None, project: str | None, since: str | None) -> None:
    """Show figures of all functions, or of one FUNCTION."""
    from clowdy_tui.cli.naming import function_named, project_named

    if function is not None and project is not None:
        raise Failure("name a FUNCTION or a --project, not both", Exit.USAGE)
    begins = datetime.now(UTC) - _stretch(since) if since is not None else None

    async def work(client: Clowdy) -> Stats:
        return await client.stats(
            function_id=(await function_named(client, function)).id if function is not None else None,
            project_id=(await project_named(client, project)).id if project is not None else None,
            since=begins,
        )

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    else:
        _show(found)


def _stretch(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdecimal() and unit in _UNITS and len(number) <= 5):
        raise Failure("--since takes a number and m, h or d, like 30m, 24h or 7d", Exit.USAGE)
    return timedelta(seconds=int(number) * _UNITS[unit])


def _show(found: Stats) -> None:
    rows = [
        ("functions", str(found.total_functions)),
        ("calls", str(found.total_invocations)),
        ("succeeded", f"{found.success_rate} %" if found.total_invocations else "-"),
        *((status.replace("_", " "), str(count)) for status, count in found.errors_by_status.items()),
        ("cold starts", str(found.cold_starts)),
        ("average", output.duration(found.avg_duration_ms)),
        ("p50", output.duration(found.p50_ms)),
        ("p95", output.duration(found.p95_ms)),
        ("p99", output.duration(found.p99_ms)),
    ]
    output.table(rows, ("", ""), right=(1,))
