"""A gateway that is killed while a project's PostgreSQL runs: the server that it leaves, and every row that it answered
for. As whoever runs the tests, and as an ordinary user."""

import asyncio
import os
import pwd
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Cli, Served
from tests.conftest import open_folder

pytestmark = pytest.mark.slow

Serve = Callable[..., Served]
AS_USER = Path(__file__).parents[1] / "engine" / "as_user.py"
SOMEBODY = "daemon"
"""An ordinary user with an account, which initdb wants, and with no right to anything."""

CALLERS = 4
ROWS = """
import os, psycopg
def handler(event):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        if event is None:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
            return [n for n, in connection.execute("SELECT n FROM kept")]
        connection.execute("INSERT INTO kept VALUES (%s)", (event,))
    return event
"""


class UserCli(Cli):
    """Every command as an ordinary user, in a process of its own."""

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, str(AS_USER), str(pwd.getpwnam(SOMEBODY).pw_uid), "-m", "clowdy_tui", *words]


@pytest.fixture(params=["as it is", "ordinary user"])
def cli(request: pytest.FixtureRequest, scratch: Path, prepare: Callable[[Path], Path]) -> Cli:
    folder = open_folder(scratch)
    data = prepare(folder / "data")
    if request.param == "as it is":
        return Cli(data)
    if os.geteuid() != 0:
        pytest.skip("an ordinary user runs the tests already")
    # The interpreter may lie where that user cannot look, in root's home: it packs no runtime of its own.
    for place in (folder, data, *data.glob("*.db")):
        shutil.chown(place, SOMEBODY)
    return UserCli(data, {"HOME": str(folder)})


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def postmaster(cli: Cli) -> tuple[int, int]:
    """The server's process, and whom it runs as."""
    (path,) = cli.data_dir.glob("databases/*/data/postmaster.pid")
    pid = int(path.read_text().split()[0])
    return pid, Path(f"/proc/{pid}").stat().st_uid


async def test_what_was_answered_is_there_and_the_server_is_not_left_alone(cli: Cli, serve: Serve) -> None:
    first = serve("--port", "0")
    code = cli.data_dir.with_name("rows.py")
    code.write_text(ROWS)
    for words in (("new", "Kept"), ("db", "add", "kept"), ("deploy", str(code), "--project", "kept")):
        done = cli.apart(*words, "--json")
        assert done.code == 0, (words, done)
    function = done.json()["function"]["id"]
    pid, uid = postmaster(cli)
    assert alive(pid)
    assert uid != 0

    answered: list[int] = []
    async with httpx.AsyncClient(base_url=first.report["url"], timeout=30) as http:

        async def call(event: int | None) -> Any:
            answer = (await http.post(f"/api/invoke/{function}", json={"input": event})).json()
            assert answer["success"], answer
            return answer["output"]

        async def calls(number: int) -> None:
            while True:
                answered.append(await call(number))
                number += CALLERS

        assert await call(None) == []
        working = [asyncio.create_task(calls(number)) for number in range(CALLERS)]
        async with asyncio.timeout(60):
            while len(answered) < 60:
                await asyncio.sleep(0.02)
        first.process.kill()
        ends = await asyncio.gather(*working, return_exceptions=True)
    assert all(isinstance(end, httpx.TransportError) for end in ends), ends
    first.process.communicate()
    assert alive(pid), "the server goes on without its gateway"

    second = serve("--port", "0")
    assert not alive(pid), "and is stopped by the next one"
    async with httpx.AsyncClient(base_url=second.report["url"], timeout=30) as http:
        answer = (await http.post(f"/api/invoke/{function}", json={"input": None})).json()
    assert answer["success"], answer
    assert set(answered) <= set(answer["output"])
    pid, _ = postmaster(cli)
    second.stop()
    assert not alive(pid), "a stop takes it along"
