"""`clowdy logs`: a function's calls and what they printed, also as they happen."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Shell, client_for, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.events import GAP, INVOCATION_FINISHED, INVOCATION_LOG
from clowdy_tui.domain.schemas import EventOut, InvocationDetail, OutcomeStatus


@click.command()
@click.argument("function")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C.")
@click.option(
    "-n", "--limit", type=click.IntRange(0, 200), default=20, help="How many earlier calls.", show_default=True
)
@click.option(
    "--status", type=click.Choice([status.value for status in OutcomeStatus]), help="Only calls that ended so."
)
@with_shell
def logs(shell: Shell, *, function: str, follow: bool, limit: int, status: str | None) -> None:
    """Show the calls of FUNCTION and what they printed, oldest first."""
    try:
        asyncio.run(_logs(shell, function, follow, limit, status))
    except KeyboardInterrupt:
        if not follow:
            raise


async def _logs(shell: Shell, function: str, follow: bool, limit: int, status: str | None) -> None:
    from clowdy_tui.cli.naming import function_named

    async with client_for(shell.door()) as client:
        found = await function_named(client, function)
        # Listen before listing: a call that ends in between is in both, and is shown once.
        async with aclosing(client.events()) as events:
            if follow:
                await anext(events)
            shown = set[str]()
            for call in await _earlier(client, found.id, limit, status):
                shown.add(call.id)
                _show_call(shell, call)
            if follow:
                await _follow(shell, events, found.id, shown, status)


async def _earlier(client: Clowdy, function_id: str, limit: int, status: str | None) -> list[InvocationDetail]:
    """The last calls, oldest first, whole."""
    kept: list[str] = []
    before: str | None = None
    while len(kept) < limit:
        page = await client.functions.invocations(
            function_id, limit=limit - len(kept), before=before, **({"status": status} if status else {})
        )
        kept += [call.id for call in page]
        if not page:
            break
        before = page[-1].id
    return [await client.invocations.get(id_) for id_ in reversed(kept[:limit])]


async def _follow(shell: Shell, events: Any, function_id: str, shown: set[str], status: str | None) -> None:
    event: EventOut
    async for event in events:
        data = event.data
        if event.type in ("connection.lost", "connection.restored", GAP):
            words = {"connection.lost": "the gateway is gone; waiting", GAP: "calls in between may be missing"}
            output.hint(f"clowdy: {words.get(event.type, 'the gateway is back')}")
        elif data.get("function_id") != function_id or data.get("invocation_id") in shown:
            continue
        elif shell.as_json and event.type.startswith("invocation."):
            output.dump_line({"event": event.type, **data})
        elif event.type == INVOCATION_LOG and status is None:
            for line in data["lines"]:
                _show_line(line["stream"], line["text"])
        elif event.type == INVOCATION_FINISHED and status in (None, data["status"]):
            _show_head(datetime.now(UTC), data)
            if data.get("error_type"):
                output.say("  " + output.plain(f"{data['error_type']}: {data.get('error_message') or ''}"))


def _show_call(shell: Shell, call: InvocationDetail) -> None:
    if shell.as_json:
        output.dump_line(call)
        return
    for line in call.logs:
        _show_line(line.stream, line.text)
    _show_head(call.created_at, call.model_dump(mode="json"))
    if call.error_message:
        output.say("  " + output.plain(f"{call.error_type}: {call.error_message}", keep="\t"))


def _show_head(moment: datetime, call: dict[str, Any]) -> None:
    request = " ".join(part for part in (call.get("http_method"), call.get("http_path")) if part)
    parts = [
        output.status(call["status"]),
        output.duration(call["duration_us"] / 1000),
        "cold" if call["cold_start"] else "warm",
        f"version {call['version']}",
        output.plain(request or call["source"]),
    ]
    output.say(f"{output.style(output.clock(moment), dim=True)}  " + " · ".join(parts))


def _show_line(stream: str, text: str) -> None:
    mark = output.style("│ ", dim=True) if stream == "stdout" else output.style("! ", fg="yellow")
    output.say(mark + output.plain(text, keep="\t"))
