"""`clowdy db`: a project's database."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Final

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.following import follow
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.databases import DatabaseGone, DatabaseOut, ProviderName, ProvisionIn
from clowdy_tui.domain.events import DATABASE_PROGRESS
from clowdy_tui.domain.schemas import ProjectOut

_CHUNK: Final = 256 * 1024
_MIB: Final = 1024 * 1024


@click.group()
def db() -> None:
    """A project's database."""


@db.command("ls")
@click.argument("project", required=False)
@click.option("--reveal", is_flag=True, help="Show the password too.")
@with_shell
def ls(shell: Shell, project: str | None, reveal: bool) -> None:
    """List the projects that have a database, or show that of PROJECT."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> list[tuple[ProjectOut, DatabaseOut]]:
        if project is not None:
            projects = [await project_named(client, project)]
        else:
            projects = [one for one in await client.projects.list() if one.has_database]
        return [(one, await client.databases.get(one.id, reveal=reveal)) for one in projects]

    found = shell.run(work)
    if shell.as_json:
        shown = [{"project": one.slug, **database.model_dump(mode="json")} for one, database in found]
        output.dump(shown[0] if project is not None else shown)
    elif project is not None:
        _show(*found[0])
    elif found:
        rows = [(one.slug, found.provider or "", _state(found), _size(found)) for one, found in found]
        output.table(rows, ("PROJECT", "PROVIDER", "", "SIZE"))
    else:
        output.say("No project has a database yet. Make one: clowdy db add PROJECT")


@db.command("add")
@click.argument("project")
@click.option("--provider", type=click.Choice(["local", "neon"]), default="local", help="Who makes it (local).")
@click.option("--max-mb", type=click.IntRange(16, 1024 * 1024), default=1024, help="Over this it is read-only (1024).")
@click.option("--network", is_flag=True, help="For neon: switch the network on for the project's functions.")
@with_shell
def add(shell: Shell, project: str, provider: ProviderName, max_mb: int, network: bool) -> None:
    """Make a database for PROJECT; its functions find it in DATABASE_URL."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> tuple[ProjectOut, DatabaseOut]:
        owner = await project_named(client, project)
        wanted = ProvisionIn(provider=provider, max_mb=max_mb, enable_network=network)
        found = await follow(
            client,
            owner.id,
            lambda: client.databases.provision(owner.id, wanted, wait=False),
            lambda: client.databases.get(owner.id),
            progress=DATABASE_PROGRESS,
            goes_on=lambda found: found.status == "provisioning",
            quiet=shell.as_json,
        )
        return owner, found

    owner, found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    if found.status != "ready":
        raise Failure(f"The database could not be made: {found.error}")
    if not shell.as_json:
        _show(owner, found)


@db.command("set")
@click.argument("project")
@click.option("--max-mb", type=click.IntRange(16, 1024 * 1024), required=True, help="Over this it is read-only.")
@with_shell
def set_(shell: Shell, project: str, max_mb: int) -> None:
    """Change how large the database of PROJECT may grow."""
    from clowdy_tui.cli.naming import project_named

    async def work(client: Clowdy) -> tuple[ProjectOut, DatabaseOut]:
        owner = await project_named(client, project)
        return owner, await client.databases.update(owner.id, max_mb=max_mb)

    owner, found = shell.run(work)
    if shell.as_json:
        output.dump(found)
    else:
        _show(owner, found)


@db.command("rm")
@click.argument("project")
@click.option("--keep-dump", is_flag=True, help="Keep a copy of what is in it, on the gateway's machine.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@with_shell
def rm(shell: Shell, project: str, keep_dump: bool, yes: bool) -> None:
    """Remove the database of PROJECT, with all that is in it."""
    from clowdy_tui.cli.naming import project_named

    if not yes:
        if not sys.stdin.isatty():
            raise Failure("this removes all that is in the database; say --yes to do it", Exit.USAGE)
        after = "A dump is kept." if keep_dump else "Nothing of it is kept."
        click.confirm(f"Remove the database of {output.plain(project)}? {after}", abort=True, err=True)

    async def work(client: Clowdy) -> DatabaseGone:
        owner = await project_named(client, project)
        return await client.databases.deprovision(owner.id, keep_dump=keep_dump)

    done = shell.run(work)
    if shell.as_json:
        output.dump(done)
    else:
        output.say(done.detail)
        if done.dump is not None:
            output.say(output.plain(f"Its dump is {done.dump}"))


@db.command("dump")
@click.argument("project")
@click.option("-o", "--output", "target", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")
@with_shell
def dump(shell: Shell, project: str, target: Path | None) -> None:
    """Write all that the database of PROJECT holds to a file, in the custom format of pg_dump."""
    from clowdy_tui.cli.naming import project_named

    if target is not None:
        size = _write(shell, project, target)
        if shell.as_json:
            output.dump({"file": str(target), "bytes": size})
        else:
            output.say(output.plain(f"{target} written, {_bytes(size)}"))
        return
    if sys.stdout.isatty():
        raise Failure("a dump is no text: name a file with -o, or send it somewhere", Exit.USAGE)

    async def work(client: Clowdy) -> None:
        await client.databases.dump((await project_named(client, project)).id, sys.stdout.buffer.write)

    shell.run(work)


@db.command("restore")
@click.argument("project")
@click.argument("file", type=click.File("rb"))
@with_shell
def restore(shell: Shell, project: str, file: BinaryIO) -> None:
    """Put back what FILE (a dump; - for standard input) holds. What is there under the same names is replaced."""
    from clowdy_tui.cli.naming import project_named

    async def pieces() -> AsyncIterator[bytes]:
        while block := await asyncio.to_thread(file.read, _CHUNK):
            yield block

    async def work(client: Clowdy) -> None:
        await client.databases.restore((await project_named(client, project)).id, pieces())

    shell.run(work)
    if shell.as_json:
        output.dump({"restored": True})
    else:
        output.say("The dump was put back")


@db.command("psql", context_settings={"ignore_unknown_options": True})
@click.argument("project")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_shell
def psql(shell: Shell, project: str, arguments: tuple[str, ...]) -> None:
    """Open psql on the database of PROJECT; what follows goes to psql: clowdy db psql shop -- -c 'select 1'."""
    from clowdy_tui.cli.naming import project_named
    from clowdy_tui.services.databases.copies import connection_variables
    from clowdy_tui.services.databases.installation import find_installations, find_program

    async def work(client: Clowdy) -> DatabaseOut:
        return await client.databases.wake((await project_named(client, project)).id, reveal=True)

    found = shell.run(work)
    url = found.local_url or found.database_url
    if found.local_url is not None and shell.common.url:
        raise Failure("the database listens on a socket of the gateway's machine: open psql there, over SSH say")
    program = find_program("psql", find_installations())
    if program is None or url is None:
        raise Failure(
            "there is no psql here: install it (on Debian and Ubuntu: sudo apt-get install postgresql-client)"
        )
    sys.stdout.flush()
    os.execve(program, [str(program), *arguments], {**os.environ, **connection_variables(url)})  # noqa: S606


def _write(shell: Shell, project: str, target: Path) -> int:
    """Dump to a file; how many bytes. Beside it first: one that is there must not be lost to a dump that fails."""
    from clowdy_tui.cli.naming import project_named

    try:
        with tempfile.NamedTemporaryFile(
            prefix=f".{target.name}.", dir=target.absolute().parent, delete=False
        ) as draft:

            async def work(client: Clowdy) -> None:
                await client.databases.dump((await project_named(client, project)).id, draft.write)

            try:
                shell.run(work)
                draft.flush()
                Path(draft.name).replace(target)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise
        return target.stat().st_size
    except OSError as error:
        raise Failure(f"{target} cannot be written: {error.strerror or error}") from error


def _show(project: ProjectOut, found: DatabaseOut) -> None:
    if found.status == "none":
        output.say(output.plain(f"{project.name} has no database. Make one: clowdy db add {project.slug}"))
        for one in found.providers:
            if one.problem:
                output.hint(output.plain(f"{one.name} cannot be used now: {one.problem}"))
        return
    if found.status == "failed":
        output.say(output.plain(f"The database could not be made: {found.error}", keep="\n"))
        return
    if found.status == "provisioning":
        output.say(output.plain(f"It is being made: {found.progress or ''}"))
        return
    output.say(output.plain(f"{found.provider}, {_state(found)}" + (f", {_size(found)}" if _size(found) else "")))
    output.say(output.plain(f"DATABASE_URL={found.database_url}"))
    if found.read_only:
        output.say("It is over its size: new sessions cannot write. Make room by `clowdy db psql`, or allow more:")
        output.say(output.plain(f"  clowdy db set {project.slug} --max-mb MORE"))
    if found.functions_without_network:
        names = ", ".join(found.functions_without_network)
        output.say(output.plain(f"It needs the network, which these functions do not have: {names}"))


def _state(found: DatabaseOut) -> str:
    if found.read_only:
        return "read-only"
    if found.running is None:
        return found.status
    return "running" if found.running else "asleep until it is wanted"


def _size(found: DatabaseOut) -> str:
    if found.size_bytes is None:
        return ""
    of = f" of {_bytes(found.max_bytes)}" if found.max_bytes is not None else ""
    return f"{_bytes(found.size_bytes)}{of}"


def _bytes(size: int) -> str:
    return f"{size / _MIB:.1f} MiB" if size >= _MIB // 10 else f"{size / 1024:.1f} KiB"
