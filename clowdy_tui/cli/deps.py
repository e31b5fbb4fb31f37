"""`clowdy deps`: a project's packages."""

from collections.abc import Callable
from typing import TextIO

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.following import follow
from clowdy_tui.cli.shell import Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.events import PACKAGES_PROGRESS
from clowdy_tui.domain.packages import RequirementsOut, name_of

_upgrade = click.option("--upgrade", is_flag=True, help="Look for newer versions of what the list does not fix.")
_no_wait = click.option("--no-wait", is_flag=True, help="Return at once; `deps ls` tells how it went.")


@click.group()
def deps() -> None:
    """Packages that a project's functions can import."""


@deps.command("ls")
@click.argument("project")
@click.option("--lock", is_flag=True, help="Print the lock: every version with its hashes.")
@with_shell
def ls(shell: Shell, project: str, lock: bool) -> None:
    """Show the packages of PROJECT, and how the last build ended."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> RequirementsOut:
        return await client.packages.get((await project_named(client, project)).id)

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    elif lock:
        output.say(output.plain(found.lock.rstrip("\n"), keep="\n") if found.lock else "No packages, so no lock.")
    else:
        _show(found)


@deps.command("set")
@click.argument("project")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@_upgrade
@_no_wait
@with_shell
def set_(shell: Shell, project: str, file: TextIO, upgrade: bool, no_wait: bool) -> None:
    """Make FILE (a requirements.txt; - for standard input) the packages of PROJECT."""
    text = file.read()
    _change(shell, project, lambda _: text, upgrade=upgrade, wait=not no_wait)


@deps.command("add")
@click.argument("project")
@click.argument("packages", nargs=-1, required=True)
@_upgrade
@_no_wait
@with_shell
def add(shell: Shell, project: str, packages: tuple[str, ...], upgrade: bool, no_wait: bool) -> None:
    """Add PACKAGES to PROJECT, as lines of a requirements.txt: requests 'flask>=3'. One that is there is replaced."""

    def change(text: str) -> str:
        names = {name for line in packages if (name := name_of(line)) is not None}
        return "".join(f"{line}\n" for line in (*_without(text, names), *packages))

    _change(shell, project, change, upgrade=upgrade, wait=not no_wait)


@deps.command("rm")
@click.argument("project")
@click.argument("packages", nargs=-1, required=True)
@_no_wait
@with_shell
def rm(shell: Shell, project: str, packages: tuple[str, ...], no_wait: bool) -> None:
    """Remove PACKAGES from PROJECT, by name."""

    def change(text: str) -> str:
        listed = {name_of(line) for line in text.splitlines()}
        unknown = [package for package in packages if name_of(package) not in listed or name_of(package) is None]
        if unknown:
            raise Failure(f"{', '.join(unknown)}: not in the project's list")
        return "".join(f"{line}\n" for line in _without(text, {name for name in map(name_of, packages) if name}))

    _change(shell, project, change, upgrade=False, wait=not no_wait)


def _without(text: str, names: set[str]) -> list[str]:
    """The lines that ask for none of these packages; the hashes that follow a line go with it."""
    kept: list[str] = []
    dropping = False
    for line in text.splitlines():
        if not (dropping and line.strip().startswith("--hash")):
            dropping = name_of(line) in names
        if not dropping:
            kept.append(line)
    return kept


def _change(shell: Shell, project: str, change: Callable[[str], str], *, upgrade: bool, wait: bool) -> None:
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> tuple[RequirementsOut, bool]:
        owner = await project_named(client, project)
        text = change((await client.packages.get(owner.id)).requirements_txt)
        found = await follow(
            client,
            owner.id,
            lambda: client.packages.set(owner.id, text, wait=False, upgrade=upgrade),
            lambda: client.packages.get(owner.id),
            progress=PACKAGES_PROGRESS,
            goes_on=lambda found: wait and found.status == "building" and not _is_replaced(found, text),
            quiet=shell.as_json,
        )
        return found, _is_replaced(found, text)

    found, replaced = shell.run(work)
    if shell.as_json:
        output.dump(found)
    if replaced:
        raise Failure("A newer list took the place of this one before it was done.")
    if found.stopped:
        raise Failure(f"{found.error}. What was in use before stays.")
    if found.status == "failed":
        raise Failure(f"Failed to build image: {found.error}\nWhat was in use before stays.")
    if not shell.as_json:
        _show(found)


def _is_replaced(found: RequirementsOut, text: str) -> bool:
    """Whether another list than this one was saved last."""
    return text != (found.requirements_txt if found.status == "ready" else found.wanted_txt)


def _show(found: RequirementsOut) -> None:
    if found.requirements_txt.strip():
        output.say(output.plain(found.requirements_txt.rstrip("\n"), keep="\n"))
    else:
        output.say("No packages yet. Add one: clowdy deps add PROJECT PACKAGE")
    if found.status == "building":
        output.say(output.plain(f"A new list is being built: {found.progress or ''}"))
    elif found.stopped:
        output.say("The list saved last is not in use, its build was stopped.")
    elif found.status == "failed":
        output.say(output.plain(f"The list saved last is not in use, its build failed:\n{found.error}", keep="\n"))
    elif found.has_custom_image:
        output.say(f"ready, {output.plural(found.lock.count('=='), 'package')} in all")
