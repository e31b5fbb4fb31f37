"""`clowdy env`: a project's environment variables."""

import os
import sys
from pathlib import Path
from typing import TextIO

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.dotenv import DotenvOut
from clowdy_tui.domain.rotation import Rotated
from clowdy_tui.domain.schemas import VariableOut


@click.group()
def env() -> None:
    """Environment variables of a project's functions."""


@env.command("ls")
@click.argument("project")
@click.option("--reveal", is_flag=True, help="Show the secrets too.")
@with_shell
def ls(shell: Shell, project: str, reveal: bool) -> None:
    """List the variables of PROJECT; secrets read ****."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> list[VariableOut]:
        return await client.variables.list((await project_named(client, project)).id, reveal=reveal)

    found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    elif found:
        rows = [
            (item.key, item.value, "secret" if item.is_secret else "", output.ago(item.updated_at)) for item in found
        ]
        output.table(rows, ("KEY", "VALUE", "", "SET"))
    else:
        output.say("No variables yet. Set one: clowdy env set PROJECT KEY=VALUE")


@env.command("set")
@click.argument("project")
@click.argument("assignments", nargs=-1, required=True, metavar="KEY=VALUE | KEY…")
@click.option("--plain", "is_plain", is_flag=True, help="Not a secret: lists show the value.")
@with_shell
def set_(shell: Shell, project: str, assignments: tuple[str, ...], is_plain: bool) -> None:
    """Set variables of PROJECT.

    KEY alone reads the value from standard input (asks on a terminal), so that a secret is in no shell's history.
    """
    from clowdy_tui.cli.naming import project_named

    pairs = [_pair(text) for text in assignments]

    async def work(client: Clowdy) -> list[VariableOut]:
        owner = await project_named(client, project)
        return [await client.variables.set(owner.id, key, value, is_secret=not is_plain) for key, value in pairs]

    done = shell.run(work)
    if shell.as_json:
        output.dump(done)
    else:
        output.say(output.plain(f"{', '.join(item.key for item in done)} set"))


def _pair(text: str) -> tuple[str, str]:
    key, has_value, value = text.partition("=")
    if has_value:
        return key, value
    if sys.stdin.isatty():
        return key, click.prompt(key, hide_input=True, err=True)
    value = sys.stdin.readline()
    if not value:
        raise Failure(f"{key}: give a value, as {key}=VALUE, or a line on standard input", Exit.USAGE)
    return key, value.rstrip("\n")


@env.command("rm")
@click.argument("project")
@click.argument("keys", nargs=-1, required=True)
@with_shell
def rm(shell: Shell, project: str, keys: tuple[str, ...]) -> None:
    """Remove variables of PROJECT."""
    from clowdy_tui.cli.naming import or_missing, project_named

    async def work(client: Clowdy) -> None:
        owner = await project_named(client, project)
        for key in keys:
            shows = f"`clowdy env ls {owner.slug}` shows which there are"
            with or_missing(f"{owner.slug} has no variable {key!r}; {shows}"):
                await client.variables.delete(owner.id, key)

    shell.run(work)
    if shell.as_json:
        output.dump({"removed": list(keys)})
    else:
        output.say(output.plain(f"{', '.join(keys)} removed"))


@env.command("import")
@click.argument("project")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--plain", "is_plain", is_flag=True, help="Not secrets: lists show the values.")
@with_shell
def import_(shell: Shell, project: str, file: TextIO, is_plain: bool) -> None:
    """Set the variables that FILE (a .env; - for standard input) holds; others of PROJECT stay as they are."""
    from clowdy_tui.cli.naming import project_named

    try:
        text = file.read()
    except UnicodeDecodeError as error:
        raise Failure(f"{file.name}: this is no text in UTF-8", Exit.USAGE) from error

    async def work(client: Clowdy) -> DotenvOut:
        owner = await project_named(client, project)
        return await client.variables.import_dotenv(owner.id, text, is_secret=not is_plain)

    done = shell.run(work)
    if shell.as_json:
        output.dump(done)
    elif done.set or done.unchanged:
        for keys, what in ((done.set, "set"), (done.unchanged, "as before")):
            if keys:
                output.say(output.plain(f"{', '.join(keys)} {what}"))
    else:
        output.say("The file holds no variables")


@env.command("export")
@click.argument("project")
@click.option("--reveal", is_flag=True, help="With the secrets; without it they are comments.")
@click.option("-o", "--output", "target", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
@with_shell
def export(shell: Shell, project: str, reveal: bool, target: Path | None) -> None:
    """Print the variables of PROJECT as a .env file."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> str:
        return await client.variables.export_dotenv((await project_named(client, project)).id, reveal=reveal)

    text = shell.run(work)
    if target is not None:
        _write_private(target, text)
        output.hint(output.plain(f"{target} written"))
    elif shell.as_json:
        output.dump({"text": text})
    else:
        click.echo(text, nl=False)


def _write_private(target: Path, text: str) -> None:
    """For the owner alone where it is new, with the mode that it has where it is there."""
    try:
        with open(target, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"{target} cannot be written: {error.strerror or error}") from error


@env.command("rotate-key")
@with_shell
def rotate_key(shell: Shell) -> None:
    """Encrypt all projects' variables with a new key, and let go of the old one.

    Copies of the data folder made before this need the key file that was copied with them.
    """

    async def work(client: Clowdy) -> Rotated:
        return await client.rotate_key()

    done = shell.run(work)
    if shell.as_json:
        output.dump(done)
    else:
        output.say(f"A new key encrypts {output.plural(done.values, 'value')}; the old one is gone")
