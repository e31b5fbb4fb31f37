"""`clowdy invoke`: one call. The answer goes to stdout, what was printed and how it went to stderr."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import ApiError, Clowdy
from clowdy_tui.domain.schemas import InvokeOut, OutcomeStatus

EXITS: Final = {
    OutcomeStatus.SUCCESS: Exit.DONE,
    OutcomeStatus.ERROR: Exit.RAISED,
    OutcomeStatus.TIMEOUT: Exit.TIMEOUT,
    OutcomeStatus.CRASHED: Exit.CRASHED,
    OutcomeStatus.OUT_OF_MEMORY: Exit.CRASHED,
    OutcomeStatus.THROTTLED: Exit.UNAVAILABLE,
    OutcomeStatus.UNAVAILABLE: Exit.UNAVAILABLE,
    OutcomeStatus.CANCELLED: Exit.FAILED,
}


@click.command()
@click.argument("function")
@click.option("--input", "input_", default="", metavar="JSON|@FILE|-", help="The event; null unless given.")
@click.option("--version", type=click.IntRange(min=1), help="Call this version, whichever is active.")
@with_shell
def invoke(shell: Shell, function: str, input_: str, version: int | None) -> None:
    """Call FUNCTION and print what it returns.

    Exits with 10 where the handler raised, 11 at the timeout, 12 where it crashed or ran out of memory, 13 where it
    is throttled or no sandbox can be made.
    """
    from clowdy_tui.cli.naming import function_named

    event = read_event(input_)

    async def work(client: Clowdy) -> InvokeOut:
        found = await function_named(client, function)
        try:
            return await client.invoke(found.id, event, version=version)
        except ApiError as error:
            if error.status in (429, 503):
                raise Failure(error.detail, Exit.UNAVAILABLE, facts=error.problem.model_dump(mode="json")) from error
            raise

    answer = shell.run(work)
    if shell.as_json:
        output.dump(answer)
    else:
        show(answer)
    if code := EXITS[answer.status]:
        click.get_current_context().exit(code)


def read_event(given: str) -> Any:
    """The event from the command line: JSON, `@file`, or `-` for standard input.

    Raises:
        Failure: it is not JSON, or the file cannot be read.
    """
    text, source = given, "--input"
    if given == "-":
        text, source = sys.stdin.read(), "standard input"
    elif given.startswith("@"):
        source = given[1:]
        try:
            text = Path(source).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Failure(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}", Exit.USAGE) from None
    if not text.strip():
        return None
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise Failure(f"{source} is not JSON: {error}", Exit.USAGE) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def show(answer: InvokeOut) -> None:
    """One answer for a person."""
    for line in answer.logs or ():
        output.hint(output.style("│ ", stream=sys.stderr, dim=True) + output.plain(line.text, keep="\t"))
    if answer.logs_truncated:
        output.hint("│ … it printed more than is kept")
    if answer.success:
        output.say(output.value_text(answer.output, indent=2 if sys.stdout.isatty() else None))
    else:
        output.hint(output.plain(answer.error or "", keep="\n\t"))
        if answer.stack_trace and answer.stack_trace != answer.error:
            output.hint(output.plain(answer.stack_trace.rstrip(), keep="\n\t"))
    output.hint(summary(answer))


def summary(answer: InvokeOut) -> str:
    """How a call went, in one line: `success · 0.42 ms · warm · version 3`."""
    start = "cold" if answer.cold_start else "warm"
    parts = [output.status(answer.status, stream=sys.stderr), output.duration(answer.duration_us / 1000), start]
    return " · ".join([*parts, f"version {answer.version}"])
