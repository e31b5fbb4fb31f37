"""The gateway's log as programs read it, and another OCI runtime as the docker driver is told of it."""

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clowdy_tui.cli.compose import docker_options, platform_config
from clowdy_tui.cli.logformat import JsonFormatter
from clowdy_tui.cli.settings import load
from tests.cli.conftest import Cli, Served


def record(message: str, *words: object, **more: object) -> logging.LogRecord:
    made = logging.LogRecord("clowdy_tui.some", logging.WARNING, "x.py", 1, message, words, None)
    vars(made).update(more)
    return made


def test_a_record_is_an_object_on_one_line() -> None:
    line = JsonFormatter().format(record("two\nlines of %s", "text", sandbox="abc", calls=3, path=Path("/x")))
    assert "\n" not in line
    told = json.loads(line)
    assert told.pop("time").endswith("Z")
    assert told == {
        "level": "warning",
        "logger": "clowdy_tui.some",
        "message": "two\nlines of text",
        "sandbox": "abc",
        "calls": 3,
        "path": "/x",
    }


def test_an_exception_goes_along() -> None:
    made = record("it went wrong")
    try:
        raise ValueError("here")
    except ValueError:
        made.exc_info = sys.exc_info()
    assert "ValueError: here" in json.loads(JsonFormatter().format(made))["exception"]


def test_the_life_of_an_instance_is_in_the_log(cli: Cli, serve: Callable[..., Served]) -> None:
    served = serve("--port", "0", "--log-format", "json")
    cli("invoke", "hello-clowdy/hello", "--input", "{}")
    code, said = served.stop()
    assert code == 0, said
    lines = [json.loads(line) for line in said.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert any(line.get("driver") == "bubblewrap" and line["available"] for line in lines)
    ready = {line["sandbox"] for line in lines if line["message"].endswith("is ready")}
    ended = [line for line in lines if line.get("calls") == 1]
    assert len(ended) == 1
    assert ended[0]["sandbox"] in ready
    assert ended[0]["version"] == 1
    assert ended[0]["reason"]


def test_another_runtime_makes_docker_the_driver(config: Path) -> None:
    config.write_text("docker_runtime: runsc\n")
    settings = load({}, config=config, environ={})
    assert docker_options(settings) == {"oci_runtime": "runsc"}
    assert platform_config(settings).driver == "docker"
    # Who names a driver means it.
    named = load({"driver": "bubblewrap"}, config=config, environ={})
    assert platform_config(named).driver == "bubblewrap"
    assert docker_options(load({}, config=None, environ={})) == {}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"
