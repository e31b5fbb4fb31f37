"""`clowdy import`: takes over what the web app's database holds."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.shell import Exit, Failure, Shell, with_shell
from clowdy_tui.client import Clowdy
from clowdy_tui.domain.importing import ImportFunction, ImportIn, ImportItem, ImportProject
from clowdy_tui.store.ancestor import Found, read

# A gateway takes bodies up to a limit: what is larger goes in several requests, each of which stands alone.
_REQUEST_BYTES: Final = 3 * 1024 * 1024


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, readable=False))
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--keep-users", is_flag=True, help="Leave each thing to the user it belongs to there.")
@with_shell
def import_(shell: Shell, *, file: Path, dry_run: bool, keep_users: bool) -> None:
    """Take over the projects, functions, versions, routes and variables in FILE, the web app's clowdy.db.

    What is here already stays as it is: twice takes nothing twice. Exits with 1 where something was refused.
    """
    found = read(file, keep_users=keep_users)

    async def work(client: Clowdy) -> list[ImportItem]:
        items: dict[tuple[str, str, str], ImportItem] = {}
        for request in requests(found, dry_run=dry_run):
            for item in (await client.import_(request)).items:
                # A project that came in several requests is said once.
                items.setdefault((item.kind, item.source, item.name), item)
        return [*items.values(), *found.refused]

    items = shell.run(work)
    if shell.as_json:
        output.dump({"dry_run": dry_run, "items": items, "notes": found.notes})
    else:
        _show(items, found, dry_run=dry_run)
    if any(item.action == "refused" for item in items):
        click.get_current_context().exit(Exit.FAILED)


def requests(found: Found, *, dry_run: bool) -> Iterator[ImportIn]:
    """What was found, in requests that a gateway takes; a route goes with its function."""
    for project in found.projects:
        for number, functions in enumerate(_portions(project.functions) or [[]]):
            sources = {function.source for function in functions}
            known = {function.source for function in project.functions}
            routes = [
                route
                for route in project.routes
                if route.function_source in sources or (number == 0 and route.function_source not in known)
            ]
            variables = project.variables if number == 0 else []
            part = project.model_copy(update={"functions": functions, "routes": routes, "variables": variables})
            yield ImportIn(dry_run=dry_run, projects=[ImportProject.model_validate(part)])
    for functions in _portions(found.loose):
        yield ImportIn(dry_run=dry_run, functions=functions)


def _portions(functions: list[ImportFunction]) -> list[list[ImportFunction]]:
    portions: list[list[ImportFunction]] = []
    room = 0
    for function in functions:
        size = len(function.model_dump_json())
        if size > _REQUEST_BYTES and function.versions:
            raise Failure(f"{function.name!r} and its {len(function.versions)} versions are too large together")
        if size > room or not portions:
            portions.append([])
            room = _REQUEST_BYTES
        portions[-1].append(function)
        room -= size
    return portions


def _show(items: list[ImportItem], found: Found, *, dry_run: bool) -> None:
    rows = [(item.action, item.kind, item.name, item.id or "", item.note) for item in items]
    if rows:
        output.table(rows, ("", "", "NAME", "ID", ""))
    for note in found.notes:
        output.hint(output.plain(note))
    counts = Counter(item.action for item in items)
    words = ", ".join(f"{counts[action]} {action}" for action in ("created", "unchanged", "refused") if counts[action])
    output.say(f"{'Would be: ' if dry_run else ''}{words or 'nothing to take over'}")
