"""`clowdy serve`: the gateway alone, in front or in the background."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from typing import Any

import click

from clowdy_tui import __version__
from clowdy_tui.cli import output
from clowdy_tui.cli.background import Background, Reporter, start
from clowdy_tui.cli.logformat import log_to_stderr
from clowdy_tui.cli.settings import Settings
from clowdy_tui.cli.shell import Exit, Failure, Shell, failure_of, run_fast, with_shell


@click.command()
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The TCP port; 0 takes any free one.")
@click.option("--driver", help="What makes the sandboxes: auto, bubblewrap or docker.")
@click.option("--log-format", type=click.Choice(["text", "json"]), help="How the log is written.")
@click.option("--detach", "-d", is_flag=True, help="Go on in the background.")
@click.option("--ready-fd", type=int, hidden=True)
@with_shell
def serve(
    shell: Shell,
    *,
    host: str | None,
    port: int | None,
    driver: str | None,
    log_format: str | None,
    detach: bool,
    ready_fd: int | None,
) -> None:
    """Run the gateway alone, with no screen.

    Prints one line with its addresses when it is ready to answer. SIGTERM and Ctrl-C stop it cleanly.
    """
    reporter = Reporter(ready_fd)
    try:
        if shell.common.url:
            raise Failure("serve runs a gateway here; --url is for a gateway elsewhere", Exit.USAGE)
        settings = shell.settings(host=host, port=port, driver=driver, log_format=log_format)
        if detach:
            where = Background(settings.data_dir, settings.host, settings.port, settings.driver, shell.common.config)
            where = replace(where, log_format=settings.log_format)
            _announce(shell, start(where))
        else:
            run_fast(_serve(shell, settings, reporter))
    except Exception as error:
        failure = failure_of(error)
        reporter.tell({"error": failure.message, "exit_code": failure.exit_code} if failure else {"error": repr(error)})
        raise


async def _serve(shell: Shell, settings: Settings, reporter: Reporter) -> None:
    from clowdy_tui.cli.compose import serving

    log_to_stderr(settings.log_format)
    loop = asyncio.get_running_loop()
    async with serving(settings) as gateway:

        def stop(number: signal.Signals) -> None:
            # The second time the signal does what it does to any program: a stop that hangs can be ended.
            loop.remove_signal_handler(number)
            gateway.stopped.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop, number)
        report = {
            "version": __version__,
            "url": gateway.url,
            "socket": str(gateway.socket_path),
            "data_dir": str(settings.data_dir),
            "pid": os.getpid(),
        }
        _announce(shell, report)
        reporter.tell(report)
        await gateway.stopped.wait()


def _announce(shell: Shell, report: dict[str, Any]) -> None:
    if shell.as_json:
        output.dump_line(report)
    else:
        log = f", log in {report['log']}" if "log" in report else ""
        output.say(
            f"Clowdy {report['version']} answers at {report['url']} and {report['socket']} (pid {report['pid']}{log})"
        )
    sys.stdout.flush()
