"""The command line as a person or a script uses it, and one real gateway for all of its tests."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from clowdy_tui.cli.main import main
from tests.conftest import open_folder

WAIT_S = 60


@dataclass(frozen=True)
class Answer:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Cli:
    """Runs commands in this process, against one data folder."""

    data_dir: Path
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        # The embedded driver by name: an engine that happens to run here must not decide what is tested.
        # Few spares: most of these tests call next to nothing, and each spare costs their gateway's start a sandbox.
        return {"CLOWDY_DATA_DIR": str(self.data_dir), "CLOWDY_DRIVER": "bubblewrap", "CLOWDY_SPARES": "2"}

    def __call__(self, *words: str, code: int = 0, input: str | None = None) -> Answer:  # noqa: A002 - click's own name
        """Run a command; it has to end with this code."""
        runner = CliRunner(env={**self.variables, **self.env})
        result = runner.invoke(main, list(words), input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.stdout}\n{result.stderr}"
        return Answer(result.exit_code, result.stdout, result.stderr)

    def json(self, *words: str, code: int = 0, input: str | None = None) -> Any:  # noqa: A002
        """Run a command with --json; what it answers."""
        return self(*words, "--json", code=code, input=input).json()

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "clowdy_tui", *words]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, **self.variables, **self.env, **more}

    def apart(self, *words: str, **options: Any) -> Answer:
        """Run a command in a process of its own."""
        done = subprocess.run(
            self.argv(*words),
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            stdin=subprocess.DEVNULL,
            **options,
        )
        return Answer(done.returncode, done.stdout, done.stderr)


class Served:
    """A `clowdy serve` in a process of its own."""

    def __init__(self, cli: Cli, *words: str) -> None:
        self.cli = cli
        self.process = subprocess.Popen(
            cli.argv("serve", "--json", *words),
            env=cli.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            # Gone or going: what is left to read says why.
            _, said = self.process.communicate(timeout=WAIT_S)
            raise AssertionError(f"the gateway did not start: {said}")
        self.report: dict[str, Any] = json.loads(line)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Stop it with a signal; its exit code and what it said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, said


@pytest.fixture
def serve(cli: Cli) -> Iterator[Callable[..., Served]]:
    """Starts gateways on the test's own data folder; what still runs at its end is killed."""
    started: list[Served] = []

    def start(*words: str) -> Served:
        started.append(Served(cli, *words))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.process.kill()
            served.process.communicate()


@pytest.fixture
def cli(prepared_dir: Path) -> Cli:
    """The command line on a data folder of its own, with no gateway yet."""
    return Cli(prepared_dir)


@pytest.fixture(scope="session")
def served(scratch: Path, prepare: Callable[[Path], Path]) -> Iterator[Served]:
    """A gateway for all tests that do not stop it."""
    served = Served(Cli(prepare(open_folder(scratch) / "data"), {"CLOWDY_CONFIG": os.devnull}), "--port", "0")
    yield served
    code, said = served.stop()
    assert code == 0, said
    assert "Traceback" not in said


@pytest.fixture
def at(served: Served) -> Cli:
    """The command line on the data folder of the shared gateway."""
    return served.cli
