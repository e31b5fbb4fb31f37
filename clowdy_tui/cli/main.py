"""`clowdy`: the group of all commands. Each is imported when it is called, so that `clowdy --help` is quick."""

import importlib
import os
from pathlib import Path
from typing import Final

import click

from clowdy_tui import __version__
from clowdy_tui.cli.shell import Common, Shell, common_options, failures

# Pydantic would look through the metadata of every installed package for plugins, at each start; none is meant for us.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

SECTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "The gateway": {
        "serve": ("serve:serve", "Run the gateway alone, with no screen."),
        "status": ("lifecycle:status", "Show what runs for this data folder."),
        "stop": ("lifecycle:stop", "Stop the gateway."),
        "demo": ("demo:demo", "Call the example's functions and print their answers."),
        "pool": ("pool:pool", "The sandboxes that are there."),
        "doctor": ("doctor:doctor", "What works here, what does not, and what to do about it."),
    },
    "Functions": {
        "ls": ("functions:ls", "List projects and functions."),
        "new": ("functions:new", "Make a project."),
        "deploy": ("deploy:deploy", "Make a function of a file, or a new version of it."),
        "invoke": ("invoke:invoke", "Call a function."),
        "replay": ("replay:replay", "Run the input of an earlier call again."),
        "logs": ("logs:logs", "Show a function's calls and what they printed."),
        "stats": ("stats:stats", "How many calls there were, how they ended, how long they took."),
        "versions": ("functions:versions", "List a function's versions."),
        "rollback": ("functions:rollback", "Make an earlier version the active one."),
    },
    "What a project owns": {
        "import": ("import_:import_", "Take over what the web app's clowdy.db holds."),
        "project": ("project:project", "Settings: CORS, rate limit, what is kept of calls."),
        "routes": ("routes:routes", "Routes: which request calls which function."),
        "keys": ("keys:keys", "API keys: they open routes that have auth api_key."),
        "env": ("env:env", "Environment variables."),
        "deps": ("deps:deps", "Packages."),
        "db": ("db:db", "Databases."),
        "token": ("token:token", "Tokens for the management API."),
    },
}
_COMMANDS: Final = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class LateGroup(click.Group):
    """A group that knows its commands by name, and imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"clowdy_tui.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()], col_max=12)


@click.group(
    cls=LateGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="clowdy", message="%(prog)s %(version)s")
@click.option("--host", help="The address to listen on, where this screen starts the gateway.")
@click.option("--port", type=int, help="The TCP port; 0 takes any free one.")
@click.option("--driver", help="What makes the sandboxes: auto, bubblewrap or docker.")
@click.option("--theme", help="The screen's theme.")
@click.option("--ssh/--no-ssh", default=None, help="Spare the line: no animation, no blinking.")
@common_options
@click.pass_context
def main(
    ctx: click.Context,
    *,
    host: str | None,
    port: int | None,
    driver: str | None,
    theme: str | None,
    ssh: bool | None,
    data_dir: Path | None,
    config: Path | None,
    url: str | None,
    token: str | None,
    as_json: bool,
) -> None:
    """Your own serverless cloud in one terminal.

    Alone it opens the screen: on the gateway that runs for the data folder (or at --url), else on one that it
    starts itself.
    """
    common = Common(
        data_dir=data_dir,
        config=config,
        url=url or os.environ.get("CLOWDY_URL") or None,
        token=token or os.environ.get("CLOWDY_TOKEN") or None,
        as_json=as_json,
    )
    ctx.obj = common
    flags = {"host": host, "port": port, "driver": driver, "theme": theme, "ssh": ssh}
    if ctx.invoked_subcommand is None:
        from clowdy_tui.cli.screen import open_screen

        with failures(as_json):
            open_screen(Shell(common, flags))
    elif given := [f"--{name}" for name, value in flags.items() if value is not None]:
        raise click.UsageError(f"{', '.join(given)} belongs to the screen; give it after the command's name")
