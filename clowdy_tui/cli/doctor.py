"""`clowdy doctor`: what works here, what does not, and what to do about it."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from clowdy_tui.cli import output
from clowdy_tui.cli.checks import Check, State, quick
from clowdy_tui.cli.settings import Settings
from clowdy_tui.cli.shell import Exit, Shell, with_shell

if TYPE_CHECKING:
    from clowdy_tui.engine.sandboxes.base import DriverStatus

DRIVER_NAMES: Final = ("bubblewrap", "docker")
MARKS: Final = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


@click.command()
@with_shell
def doctor(shell: Shell) -> None:
    """Say what works here, what does not, and what to do about it.

    Ends with 1 where Clowdy cannot work at all: no sandbox can be made, or nothing can be kept.
    """
    settings = shell.settings()
    checks = [*quick(settings, shell.common.config), *asyncio.run(drivers(settings))]
    works = can_work(checks, settings.driver)
    if works:
        # The other driver does the work: this one is an option not taken.
        is_option = {name for name in DRIVER_NAMES if name != settings.driver}
        checks = [
            replace(check, state="warning") if check.name in is_option and check.state == "failed" else check
            for check in checks
        ]
    if shell.as_json:
        output.dump({"ok": works, "checks": [check.as_dict() for check in checks]})
    else:
        indent = max(output.width(check.name) for check in checks) + 4
        for check in checks:
            mark, colour = MARKS[check.state]
            output.say(f"{output.style(mark, fg=colour)} {check.name:<{indent - 4}}  {output.plain(check.says)}")
            for note in check.notes:
                output.say(" " * indent + output.plain(note))
            if check.remedy:
                output.say(" " * indent + output.style("→ ", dim=True) + output.plain(check.remedy))
        output.say()
        output.say("Clowdy can work here." if works else "Clowdy cannot work here yet; see the lines marked ✗.")
    if not works:
        click.get_current_context().exit(Exit.FAILED)


def can_work(checks: list[Check], driver: str) -> bool:
    """Whether the data folder and its key can be used, and a driver that may be chosen makes sandboxes."""
    by_name = {check.name: check for check in checks}
    usable = DRIVER_NAMES if driver == "auto" else (driver,)
    kept = all(by_name[name].state != "failed" for name in ("data folder", "secret key"))
    return kept and any(by_name[name].state != "failed" for name in usable)


async def drivers(settings: Settings) -> list[Check]:
    """What each driver says of itself, found out by making a sandbox where that is the only honest way."""
    from clowdy_tui.cli.compose import docker_options
    from clowdy_tui.engine.sandboxes import make_driver

    found = []
    with tempfile.TemporaryDirectory(prefix="clowdy-doctor-") as scratch:
        for name in DRIVER_NAMES:
            options = docker_options(settings) if name == "docker" else {}
            driver = make_driver(name, installation_id="doctor", data_dir=Path(scratch), **options)
            try:
                found.append(of_driver(await driver.check()))
            finally:
                await driver.close()
    return found


def of_driver(status: "DriverStatus") -> Check:
    """A driver's own words as a check. Gaps are a warning: functions run, but not held to everything."""
    if not status.available:
        return Check(status.name, "failed", status.problem, status.remedy)
    notes = status.notes
    if status.not_enforced:
        notes = ("not enforced: " + ", ".join(sorted(status.not_enforced)), *notes)
    state: State = "warning" if status.not_enforced else "ok"
    return Check(status.name, state, "enforces " + ", ".join(sorted(status.enforced)), status.remedy, notes)
