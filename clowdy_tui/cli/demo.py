"""`clowdy demo`: the whole way once, without a screen: the example's functions called, their answers printed."""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import click
import httpx

from clowdy_tui.cli import output
from clowdy_tui.cli.invoke import EXITS, summary
from clowdy_tui.cli.shell import Exit, Failure, Shell, client_for, run_fast, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import Health, InvokeOut, OutcomeStatus, RouteOut

INPUTS: Final[dict[str, list[Any]]] = {
    "hello": [{"name": "Ada"}],
    # Twice: what an instance remembers from call to call.
    "visits": [None, None],
    "words": [{"text": "The cloud is just somebody else's computer. This one is yours."}],
}


@dataclass(frozen=True, slots=True)
class Called:
    """One call by the API."""

    function: str
    input: Any
    answer: InvokeOut


@dataclass(frozen=True, slots=True)
class Requested:
    """One request to a route, over TCP, as anybody would send it."""

    method: str
    url: str
    status: int
    body: str
    milliseconds: float


@click.command()
@with_shell
def demo(shell: Shell) -> None:
    """Call the example's functions and print their answers.

    Makes the example project where it is not there, and uses the gateway that runs, or one of its own for as long as
    this takes.
    """
    calls, request = run_fast(_demo(shell))
    bad = [call.answer.status for call in calls if call.answer.status != OutcomeStatus.SUCCESS]
    if bad:
        click.get_current_context().exit(EXITS[bad[0]])
    if request is not None and request.status != 200:
        click.get_current_context().exit(Exit.FAILED)


@asynccontextmanager
async def _gateway(shell: Shell) -> AsyncIterator[tuple[Clowdy, bool]]:
    door = shell.find()
    if door is not None:
        async with client_for(door) as client:
            yield client, False
    else:
        from clowdy_tui.cli.compose import hosted_gateway

        async with hosted_gateway(shell.settings()) as host:
            yield host.client, True


async def _demo(shell: Shell) -> tuple[list[Called], Requested | None]:
    async with _gateway(shell) as (client, is_own):
        health = await client.health()
        project = await client.example()
        if not shell.as_json:
            _show_gateway(health, is_own)
        calls = []
        for function in await client.projects.functions(project.id):
            for event in INPUTS.get(function.name, [None]):
                call = Called(function.name, event, await client.invoke(function.id, event))
                calls.append(call)
                if not shell.as_json:
                    _show_call(call)
        request = await _request(await client.routes.list(project.id))
        if shell.as_json:
            output.dump(
                {
                    "project": project,
                    "url": health.url,
                    "driver": health.driver,
                    "calls": [
                        {"function": call.function, "input": call.input, "answer": call.answer} for call in calls
                    ],
                    "request": None
                    if request is None
                    else {"method": request.method, "url": request.url, "status": request.status, "body": request.body},
                }
            )
        elif request is not None:
            _show_request(request)
        if not calls:
            raise Failure(f"the project {project.slug} has no functions left to call")
        return calls, request


async def _request(routes: list[RouteOut]) -> Requested | None:
    """Send a request to the example's own route, where it still has one."""
    greeting = [route for route in routes if route.method == "GET" and route.function_name == "hello"]
    if not greeting:
        return None
    # The one that takes a name, where it is there.
    route = max(greeting, key=lambda route: "name" in route.path)
    url = re.sub(r":name\b|\{name\}", "Ada", route.url)
    # The proxy of the environment is for the internet, not for this machine.
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        began = time.perf_counter()
        try:
            answer = await http.get(url)
        except httpx.TransportError as error:
            raise Failure(f"GET {url} was not answered: {error}") from error
        return Requested("GET", url, answer.status_code, answer.text, (time.perf_counter() - began) * 1000)


def _show_gateway(health: Health, is_own: bool) -> None:
    whose = "a gateway for this demo alone" if is_own else f"the gateway that runs (pid {health.pid})"
    output.say(f"{output.style('Clowdy', bold=True)} {output.plain(f'{health.version} · {health.driver} · {whose}')}")
    if health.driver_problem:
        output.hint(output.plain(health.driver_problem))
    output.say()


def _show_call(call: Called) -> None:
    event = "" if call.input is None else " " + output.value_text(call.input, indent=None)
    output.say(output.style(output.plain(call.function), bold=True, fg="cyan") + event)
    for line in call.answer.logs or ():
        output.say(output.style("  │ ", dim=True) + output.plain(line.text, keep="\t"))
    if call.answer.success:
        output.say("  " + output.value_text(call.answer.output, indent=None))
    else:
        output.say("  " + output.plain(call.answer.error or ""))
    output.say(f"  {output.style(summary(call.answer), dim=True)}")
    output.say()


def _show_request(request: Requested) -> None:
    output.say(output.style(output.plain(f"{request.method} {request.url}"), bold=True, fg="cyan"))
    try:
        body = output.value_text(json.loads(request.body), indent=None)
    except ValueError:
        body = output.plain(request.body)
    output.say(f"  {body}")
    output.say(f"  {output.style(f'{request.status} · {output.duration(request.milliseconds)}', dim=True)}")
