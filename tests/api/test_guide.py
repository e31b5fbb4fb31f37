"""The examples of docs/api.md, run as they stand there: commands in a shell, answers compared with what is shown.

Ids, times and figures differ from run to run: an id that is shown stands from then on for the one that came, numbers
need only be numbers, and `…` is whatever else there is.
"""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from api_support import Workshop

from clowdy_tui.client import Clowdy
from clowdy_tui.domain import events
from clowdy_tui.domain.schemas import ProjectOut
from clowdy_tui.gateway.app import Gateway, GatewayConfig
from clowdy_tui.services.platform import Platform, PlatformConfig

GUIDE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
SHELL = [text for language, text in BLOCKS if language == "sh"]
SETUP, *COMMANDS = SHELL

_EVENT = re.compile(r"[a-z]+\.[a-z]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_ID = re.compile(r"[0-9a-f]{3,16}…|[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]+-\d+")

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are written with curl")


def test_it_names_every_event_and_no_other() -> None:
    said = GUIDE.partition("\n## Events\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([a-z]+\.[a-z]+)`", said))
    assert told == {name for name in vars(events).values() if isinstance(name, str) and _EVENT.fullmatch(name)}


def block(language: str, holds: str) -> str:
    """The one block of a language that holds a text."""
    found = [text for kind, text in BLOCKS if kind == language and holds in text]
    assert len(found) == 1, holds
    return found[0]


@dataclass
class Reader:
    """Somebody who follows the guide, on a gateway of their own."""

    gateway: Gateway
    token: str
    known: dict[str, str] = field(default_factory=dict)

    def own(self, text: str) -> str:
        """A text of the guide with what this reader has in place of what is shown."""
        text = text.replace("http://127.0.0.1:8000", self.gateway.url).replace(
            "https://clowdy.example.org", self.gateway.url
        )
        text = text.replace("~/.local/share/clowdy/run/clowdy.sock", str(self.gateway.socket_path))
        for shown, real in self.known.items():
            text = text.replace(shown, real)
        return text

    async def run(self, command: str, *, may_end_late: bool = False) -> str:
        script = f"shopt -s expand_aliases\n{self.own(SETUP)}\n{self.own(command)}"
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "CLOWDY_TOKEN": self.token, "NO_PROXY": "*"},
        )
        out, err = await process.communicate()
        # 28: curl was told to listen for so long and no longer.
        assert process.returncode in ({0, 28} if may_end_late else {0}), err.decode()
        return out.decode()

    def compare(self, shown: Any, real: Any, where: str = "answer") -> None:
        """Whether what came is what is shown."""
        if isinstance(shown, dict):
            assert isinstance(real, dict), where
            for name, value in shown.items():
                assert name in real, f"{where}.{name} is not there"
                self.compare(value, real[name], f"{where}.{name}")
        elif isinstance(shown, list):
            assert isinstance(real, list), where
            assert bool(shown) == bool(real), where
            for each, other in zip(shown, real, strict=False):
                self.compare(each, other, where)
        elif isinstance(shown, str) and _ID.fullmatch(shown):
            assert isinstance(real, str), where
            assert self.known.setdefault(shown, real) == real, where
        elif isinstance(shown, str) and _TIME.fullmatch(shown):
            assert _TIME.fullmatch(real), where
        elif isinstance(shown, int | float) and not isinstance(shown, bool):
            assert isinstance(real, int | float), where
        else:
            assert real == (self.own(shown) if isinstance(shown, str) else shown), where


def read_shown(text: str) -> Any:
    """An answer as the guide shows it; `,…` stands for what is left out."""
    return json.loads(re.sub(r",\s*…\s*(?=[}\],])", "", text))


def steps(text: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the answer that is shown behind it."""
    found: list[tuple[str, str]] = []
    for part in re.findall(r"((?:^(?!# |#$).*\n)+)((?:^#.*\n?)*)", text, re.MULTILINE):
        command, answer = part
        found.append((command.strip(), re.sub(r"^# ?", "", answer, flags=re.MULTILINE).strip()))
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reader(scratch: Path, prepare: Callable[[Path], Path]) -> AsyncIterator[Reader]:
    platform = await Platform.open(PlatformConfig(data_dir=prepare(scratch / "guide"), driver="bubblewrap", spares=1))
    try:
        async with (
            Gateway(platform, GatewayConfig(port=0, version="0.1.0")) as gateway,
            Clowdy(socket=gateway.socket_path) as client,
        ):
            yield Reader(gateway, (await client.tokens.create("mine")).token)
    finally:
        await platform.close()


@pytest_asyncio.fixture(loop_scope="session")
async def made(reader: Reader) -> AsyncIterator[Workshop]:
    async with Clowdy(socket=reader.gateway.socket_path) as client:
        project: ProjectOut = await client.projects.create("Examples")
        yield Workshop(client, project)
        await client.projects.delete(project.id)


async def test_the_commands_do_what_is_shown(reader: Reader, made: Workshop) -> None:
    failing = await made.function("def handler(event, context):\n    raise ValueError('x')\n")
    await made.client.invoke(failing.id)
    ran = 0
    for text in COMMANDS:
        for command, shown in steps(text):
            ran += 1
            if "-N" in command:
                await _follow(reader, made, command, shown)
                continue
            answer = await reader.run(command)
            real = json.loads(answer)
            assert real != [], command
            if shown:
                reader.compare(read_shown(shown), real)
    assert ran >= 7
    assert len(reader.known) >= 3, "ids were carried from one command to the next"


async def _follow(reader: Reader, made: Workshop, command: str, shown: str) -> None:
    """A command that listens for as long as one lets it, while somebody calls a function."""
    hello = await made.function("def handler(event, context): pass\n", name="hello")
    listening = asyncio.create_task(reader.run(f"{command} --max-time 3", may_end_late=True))
    while not listening.done():
        await made.client.invoke(hello.id)
        await asyncio.wait({listening}, timeout=0.2)
    real = [_event(text) for text in (await listening).split("\n\n") if "data:" in text]
    for text in shown.split("\n\n"):
        wanted = _event(text)
        found = next(each for each in real if each["event"] == wanted["event"])
        shown_data, data = read_shown(wanted["data"]), json.loads(found["data"])
        assert shown_data.keys() <= data.keys()
        for name in ("function_name", "status", "version"):
            assert shown_data.get(name) in {None, data.get(name)}
        assert re.fullmatch(r"[0-9a-f]+-\d+", found["id"])


def _event(text: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


async def test_the_event_is_as_shown(reader: Reader, made: Workshop) -> None:
    shown = json.loads(block("json", '"multi_query"'))
    await made.route(await made.function(), "/users/:id")
    async with httpx.AsyncClient(base_url=reader.gateway.url, trust_env=False, timeout=60) as http:
        answer = await http.post(
            f"{made.path(shown['path'])}?{shown['raw_query']}", json=shown["body"], headers={"cookie": "s=1"}
        )
    real = answer.json()
    assert real.keys() == shown.keys()
    for name in shown.keys() - {"headers", "request_id", "source_ip"}:
        assert real[name] == shown[name], name
    assert shown["headers"].items() <= real["headers"].items()


async def test_the_answer_is_as_told(reader: Reader, made: Workshop) -> None:
    path = await made.answers(block("python", '"statusCode": 201'))
    async with httpx.AsyncClient(base_url=reader.gateway.url, trust_env=False, timeout=60) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.text) == (201, "<p>made</p>")
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers.get_list("x-tags") == ["a", "b"]
    assert answer.cookies["session"] == "1"


async def test_the_rules_can_be_set_as_shown(reader: Reader, made: Workshop) -> None:
    rules = json.loads(block("json", '"rate_limit"'))
    changed = await made.client.projects.update(made.project.id, **rules)
    assert changed.model_dump(mode="json", include=set(rules)) == rules


async def test_the_refusal_is_as_shown(reader: Reader) -> None:
    shown = json.loads(block("json", '"invalid-input"'))
    headers = {"Authorization": f"Bearer {reader.token}"}
    async with httpx.AsyncClient(base_url=reader.gateway.url, trust_env=False, headers=headers, timeout=60) as http:
        answer = await http.post(shown["instance"], json={"descripton": "x"})
    assert answer.json() == shown


async def test_prometheus_gets_in_as_shown(reader: Reader) -> None:
    (job,) = yaml.safe_load(block("yaml", "scrape_configs"))["scrape_configs"]
    assert job["static_configs"][0]["targets"] == ["127.0.0.1:8000"]
    assert job["authorization"]["credentials"].startswith("clowdy_")
    headers = {"Authorization": f"Bearer {reader.token}"}
    async with httpx.AsyncClient(base_url=reader.gateway.url, trust_env=False, headers=headers, timeout=60) as http:
        metrics = (await http.get("/metrics")).text
    section = GUIDE.partition("## Figures")[2].partition("\n## ")[0]
    names = re.findall(r"`((?:gateway|clowdy)_\w+)", section)
    assert len(names) >= 7
    for name in names:
        assert f"# TYPE {name} " in metrics, name


def test_no_example_is_left_out() -> None:
    """The two of Python that are not run here are run where streams and Lambda code are tested."""
    counted = {language: sum(kind == language for kind, _ in BLOCKS) for language, _ in BLOCKS}
    assert counted == {"sh": len(SHELL), "json": 3, "python": 3, "yaml": 1}, "a new one wants a test"
