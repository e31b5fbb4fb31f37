"""What every command shares: its common options, its way to the gateway, and its exit codes."""

import functools
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import click

from clowdy_tui.cli import output

if TYPE_CHECKING:
    from clowdy_tui.cli.finding import Door
    from clowdy_tui.cli.settings import Settings
    from clowdy_tui.client import ApiError, Clowdy

P = ParamSpec("P")
T = TypeVar("T")


class Exit(IntEnum):
    """How a command ends."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_GATEWAY = 3
    REFUSED = 4
    NOT_FOUND = 5
    RAISED = 10
    TIMEOUT = 11
    CRASHED = 12
    UNAVAILABLE = 13


class Failure(Exception):
    """A command's end with a reason. `facts` are what a program may want to know of it."""

    def __init__(self, message: str, exit_code: int = Exit.FAILED, *, facts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = int(exit_code)
        self.facts = dict(facts or {})

    def show(self, *, as_json: bool) -> None:
        """Say it on stderr: one line for a person, one object for a program."""
        if as_json:
            text = json.dumps({"error": self.message, "exit_code": self.exit_code, **self.facts}, ensure_ascii=False)
        else:
            text = output.plain(f"clowdy: {self.message}", keep="\n")
        click.echo(text, err=True)


@dataclass(frozen=True, slots=True)
class Common:
    """The options that every command takes, on its own or on `clowdy` itself."""

    data_dir: Path | None = None
    config: Path | None = None
    url: str | None = None
    token: str | None = None
    as_json: bool = False

    def over(self, general: "Common") -> "Common":
        """These where they are given, else the general ones."""
        return Common(
            data_dir=self.data_dir or general.data_dir,
            config=self.config or general.config,
            url=self.url or general.url,
            token=self.token or general.token,
            as_json=self.as_json or general.as_json,
        )


@dataclass(frozen=True, slots=True)
class Shell:
    """One command's surroundings."""

    common: Common
    flags: dict[str, Any] = field(default_factory=dict)

    @property
    def as_json(self) -> bool:
        return self.common.as_json

    def settings(self, **flags: Any) -> "Settings":
        """All settings, with this command's flags on top."""
        from clowdy_tui.cli.settings import load

        return load({"data_dir": self.common.data_dir, **self.flags, **flags}, config=self.common.config)

    def find(self) -> "Door | None":
        """The gateway that is meant: the one at --url, else the one that runs for the data folder."""
        from clowdy_tui.cli.finding import Door, find

        if self.common.url:
            _check_address(self.common.url)
            return Door(url=self.common.url, token=self.common.token)
        return find(self.settings().data_dir)

    def door(self) -> "Door":
        """Like `find`, where there must be one."""
        door = self.find()
        if door is None:
            raise no_gateway(self.settings().data_dir)
        return door

    def run(self, work: "Callable[[Clowdy], Awaitable[T]]") -> T:
        """Do something with a client of the gateway that is meant."""
        import asyncio

        door = self.door()

        async def connected() -> T:
            async with client_for(door) as client:
                return await work(client)

        return asyncio.run(connected())


def _check_address(url: str) -> None:
    """Raises Failure where this can be nobody's address."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise Failure(f"--url: {url!r} is no address; write it as http://HOST:PORT or https://HOST", Exit.USAGE)


def client_for(door: "Door") -> "Clowdy":
    """A client that comes in by this door."""
    from clowdy_tui.client import Clowdy

    return Clowdy(socket=door.socket, url=door.url, token=door.token)


def no_gateway(data_dir: Path) -> Failure:
    return Failure(
        f"no gateway runs for {data_dir}; start one with `clowdy serve --detach`, or open the screen with `clowdy`",
        Exit.NO_GATEWAY,
    )


@contextmanager
def failures(as_json: bool) -> Iterator[None]:
    """Turn what can go wrong into one line on stderr and an exit code."""
    try:
        yield
    except click.exceptions.Exit:
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        failure.show(as_json=as_json)
        raise click.exceptions.Exit(failure.exit_code) from None


def failure_of(error: Exception) -> Failure | None:
    """What to say of an error that is nobody's bug; None of any other."""
    from clowdy_tui.domain.errors import ClowdyError, SettingsError

    if isinstance(error, Failure):
        return error
    if isinstance(error, SettingsError):
        return Failure(error.detail, Exit.USAGE)
    if isinstance(error, ClowdyError):
        return Failure(error.detail, facts={"type": error.type, **error.extra})
    from clowdy_tui.client import ApiError, GatewayGone

    if isinstance(error, GatewayGone):
        return Failure(f"the gateway does not answer: {error}", Exit.NO_GATEWAY)
    if isinstance(error, ApiError):
        return _refusal(error)
    return None


def _refusal(error: "ApiError") -> Failure:
    problem = error.problem
    codes = {401: Exit.REFUSED, 403: Exit.REFUSED, 404: Exit.NOT_FOUND}
    message = problem.detail
    if problem.status == 401:
        message += "; give one with --token or CLOWDY_TOKEN"
    facts = problem.model_dump(mode="json", exclude_none=True)
    return Failure(message, codes.get(problem.status, Exit.FAILED), facts=facts)


def common_options(function: Callable[..., T]) -> Callable[..., T]:
    """The options of `Common`, for `clowdy` itself and for each command."""
    # Whether it can be read is said by what reads it, in its own words.
    folder = click.Path(path_type=Path, readable=False)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Answer in JSON."),
        click.option("--token", help="The token for --url (CLOWDY_TOKEN)."),
        click.option("--url", help="Speak to the gateway at this address (CLOWDY_URL)."),
        click.option("--config", type=click.Path(path_type=Path, readable=False), help="The file of settings."),
        click.option("--data-dir", type=folder, help="The data folder."),
    ):
        function = option(function)
    return function


def with_shell(function: Callable[Concatenate[Shell, P], T]) -> Callable[..., T]:
    """A command that is given a `Shell`, with the common options, and whose failures end it properly."""

    @common_options
    @functools.wraps(function)
    def command(
        *args: Any,
        data_dir: Path | None,
        config: Path | None,
        url: str | None,
        token: str | None,
        as_json: bool,
        **options: Any,
    ) -> T:
        general = click.get_current_context().find_root().obj
        own = Common(data_dir, config, url, token, as_json)
        common = own.over(general) if isinstance(general, Common) else own
        with failures(common.as_json):
            return function(Shell(common), *args, **options)

    return command


def run_fast(main: Coroutine[Any, Any, T]) -> T:
    """Run what serves calls: on uvloop where it is there."""
    import asyncio

    try:
        import uvloop
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
