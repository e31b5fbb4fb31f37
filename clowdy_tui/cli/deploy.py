"""`clowdy deploy`: files become a function, or a new version of one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.schemas import FunctionIn, FunctionOut, FunctionPatch, RouteOut

ENTRY: Final = "function.py"
SKIPPED_FOLDERS: Final = frozenset({"__pycache__", "node_modules"})


@dataclass(frozen=True, slots=True)
class Bundle:
    """A function's files: the entry's text, and path → text of those beside it."""

    name: str
    code: str
    files: dict[str, str]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True), metavar="FILE…")
@click.option("--project", required=True, help="The project that the function belongs to.")
@click.option("--name", help="The function's name; the file's unless given.")
@click.option("--message", "-m", default="", help="What changed, for the list of versions.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="How many calls an instance takes at once, where the handler is `async def`; 1 unless it was set.",
)
@with_shell
def deploy(
    shell: Shell,
    *,
    files: tuple[Path, ...],
    project: str,
    name: str | None,
    message: str,
    concurrency: int | None,
) -> None:
    """Make a function of FILE, or a new version of it where there is one of that name.

    With several files the entry is function.py, or the first; a folder means all files in it.
    """
    from clowdy_tui.cli.naming import project_named

    bundle = read_bundle(files, name)

    async def work(client: Clowdy) -> tuple[FunctionOut, int | None, list[RouteOut]]:
        owner = await project_named(client, project)
        there = next((item for item in await client.projects.functions(owner.id) if item.name == bundle.name), None)
        if there is None:
            body = FunctionIn(
                name=bundle.name,
                code=bundle.code,
                files=bundle.files,
                project_id=owner.id,
                message=message,
                concurrency=concurrency or 1,
            )
            done = await client.functions.create(body)
        else:
            change = FunctionPatch(code=bundle.code, files=bundle.files, message=message, concurrency=concurrency)
            done = await client.functions.update(there.id, change)
        routes = [route for route in await client.routes.list(owner.id) if route.function_id == done.id]
        return done, there.active_version if there else None, routes

    function, before, routes = shell.run(work)
    if shell.as_json:
        output.dump({"function": function, "previous_version": before, "routes": routes})
        return
    for found in function.diagnostics:
        where = f"{function.name}:{found.line}:{found.column}: {found.message}"
        output.hint(output.style("warning: ", fg="yellow") + output.plain(where))
    if before == function.active_version:
        output.say(f"{output.plain(function.name)}: nothing changed, version {before} stays")
    else:
        output.say(f"{output.plain(function.name)}: version {function.active_version} is live")
    for route in routes:
        output.say(output.plain(f"  {route.method} {route.url}"))


def read_bundle(paths: tuple[Path, ...], name: str | None) -> Bundle:
    """What is to be deployed, from files and folders.

    Raises:
        Failure: a file is not text, nothing is there, or two would have one path.
    """
    found: dict[str, Path] = {}
    for path in paths:
        for relative, file in _files_of(path):
            if relative in found:
                raise Failure(f"{path} and {found[relative]} would both be {relative}", Exit.USAGE)
            found[relative] = file
    if not found:
        raise Failure("there is no file to deploy", Exit.USAGE)
    entry = ENTRY if ENTRY in found else next(iter(found))
    if not entry.endswith(".py"):
        raise Failure(f"{entry} is no Python file; name the one with the handler first", Exit.USAGE)
    texts = {relative: _text(file) for relative, file in found.items()}
    code = texts.pop(entry)
    file = found[entry].resolve()
    return Bundle(name or (file.parent.name if entry == ENTRY else file.stem), code, texts)


def _files_of(path: Path) -> list[tuple[str, Path]]:
    if not path.is_dir():
        return [(path.name, path)]
    inside = sorted(path.rglob("*"))
    kept = [file for file in inside if file.is_file() and not _is_skipped(file.relative_to(path))]
    return [(file.relative_to(path).as_posix(), file) for file in kept]


def _is_skipped(relative: Path) -> bool:
    return any(part.startswith(".") or part in SKIPPED_FOLDERS for part in relative.parts) or relative.suffix == ".pyc"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Failure(f"{file} is not text (UTF-8)", Exit.USAGE) from None
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror or error}", Exit.USAGE) from None
