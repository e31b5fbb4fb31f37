"""A project's database over the API, the whole way: real PostgreSQL, real sandboxes with their network off."""

import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import psycopg
import pytest
import pytest_asyncio
from api_support import Workshop, number, refused, until

from clowdy_tui.client import ApiError, Clowdy
from clowdy_tui.domain.databases import DatabaseOut, ProvisionIn
from clowdy_tui.services.platform import Platform

pytestmark = pytest.mark.slow

VISITS = """
import os, psycopg
def handler(event):
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits (name text)")
        if event is not None:
            connection.execute("INSERT INTO visits VALUES (%s)", (event,))
        return connection.execute("SELECT count(*) FROM visits").fetchone()[0]
"""
SUPER = """
import os, psycopg, glob, socket
def handler(event):
    tried = {}
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        for statement in event:
            try:
                connection.execute(statement)
                tried[statement] = "done"
            except psycopg.Error as error:
                tried[statement] = type(error).__name__
    return {"tried": tried, "seen": sorted(os.listdir("/run/database")), "run": os.listdir("/run"),
            "writable": os.access("/run/database", os.W_OK)}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store(owner: Clowdy) -> AsyncIterator[Workshop]:
    """A project with a database: one for all tests here that only use it."""
    project = await owner.projects.create(f"Store {number()}")
    made = await owner.databases.provision(project.id)
    assert (made.has_database, made.status, made.provider) == (True, "ready", "local")
    yield Workshop(owner, project)
    assert (await owner.projects.delete(project.id)).left == []


def revealed(store: Workshop) -> Awaitable[DatabaseOut]:
    return store.client.databases.wake(store.project.id, reveal=True)


async def test_functions_without_a_network_use_it(store: Workshop) -> None:
    function = await store.function(VISITS)
    assert not function.network_enabled
    before = (await store.client.invoke(function.id)).output
    assert (await store.client.invoke(function.id, "ada")).output == before + 1
    another = await store.function(VISITS)
    assert (await store.client.invoke(another.id)).output == before + 1


async def test_a_function_is_no_superuser_and_sees_no_other_socket(store: Workshop) -> None:
    function = await store.function(SUPER)
    statements = [
        "COPY (SELECT 1) TO PROGRAM 'id'",
        "CREATE EXTENSION IF NOT EXISTS file_fdw",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE ROLE other SUPERUSER",
        "ALTER SYSTEM SET log_directory = '/tmp'",
        "CREATE TABLE t ()",
        "DROP TABLE t",
    ]
    answer = await store.client.invoke(function.id, statements)
    assert answer.success, answer
    *refused_ones, made, dropped = answer.output["tried"].values()
    assert refused_ones == ["InsufficientPrivilege"] * 5
    assert (made, dropped) == ("done", "done")
    assert [name for name in answer.output["seen"] if not name.startswith(".s.PGSQL.5432")] == []
    assert not answer.output["writable"]


async def test_a_project_without_one_sees_no_socket_and_gets_no_address(shop: Workshop) -> None:
    code = "import os\ndef handler(e):\n    return [os.listdir('/run/database'), 'DATABASE_URL' in os.environ]\n"
    assert (await shop.client.invoke((await shop.function(code)).id)).output == [[], False]
    told = await shop.client.databases.get(shop.project.id)
    assert (told.has_database, told.status, told.database_url) == (False, "none", None)
    assert {one.name: one.available for one in told.providers} == {"local": True, "neon": False}
    assert "NEON_API_KEY" in next(one.problem for one in told.providers if one.name == "neon")
    await refused(shop.client.databases.deprovision(shop.project.id), 400)
    await refused(shop.client.databases.wake(shop.project.id), 400)
    error = await refused(shop.client.databases.provision(shop.project.id, ProvisionIn(provider="neon")), 503)
    assert "NEON_API_KEY" in error.problem.detail


async def test_the_password_is_shown_to_who_may_see_it(
    store: Workshop, with_scopes: Callable[..., Awaitable[Clowdy]], other: Clowdy
) -> None:
    told = await store.client.databases.get(store.project.id)
    assert told.database_url == "postgresql://app:***@/app?host=/run/database"
    assert told.local_url is not None
    assert ":***@" in told.local_url
    shown = (await revealed(store)).database_url
    assert shown is not None
    password = shown.partition("app:")[2].partition("@")[0]
    assert len(password) == 32
    reader = await with_scopes("read", "write")
    await refused(reader.databases.get(store.project.id, reveal=True), 403)
    await refused(reader.databases.dump(store.project.id, bytes), 403)
    await refused(other.databases.get(store.project.id), 404)
    await refused(other.databases.dump(store.project.id, bytes), 404)
    # And a function that prints it leaves none of it in the log.
    function = await store.function("import os\ndef handler(e):\n    print(os.environ['DATABASE_URL'])\n")
    call = await store.client.invocations.get((await store.client.invoke(function.id)).invocation_id)
    assert [line.text for line in call.logs] == ["****"]


async def test_its_name_is_no_variables(store: Workshop, shop: Workshop) -> None:
    error = await refused(store.client.variables.set(store.project.id, "DATABASE_URL", "postgresql://x"), 409)
    assert "remove that first" in error.problem.detail
    await refused(store.client.databases.provision(store.project.id), 409)
    await shop.client.variables.set(shop.project.id, "DATABASE_URL", "postgresql://x")
    error = await refused(shop.client.databases.provision(shop.project.id), 409)
    assert "remove it first" in error.problem.detail


async def test_dump_and_restore(store: Workshop, local: httpx.AsyncClient) -> None:
    function = await store.function(VISITS)
    count = (await store.client.invoke(function.id, "kept")).output
    dump = bytearray()
    await store.client.databases.dump(store.project.id, dump.extend)
    assert dump.startswith(b"PGDMP")
    assert (await store.client.invoke(function.id, "lost")).output == count + 1

    async def pieces(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), 1000):
            yield content[start : start + 1000]

    await store.client.databases.restore(store.project.id, pieces(bytes(dump)))
    assert (await store.client.invoke(function.id)).output == count
    for wrong, words in (
        (b"\\! id\nSELECT 1;", "This is no dump"),
        (bytes(dump[: len(dump) // 2]), "nothing was changed"),
    ):
        error = await refused(store.client.databases.restore(store.project.id, pieces(wrong)), 400)
        assert words in error.problem.detail
    assert (await store.client.invoke(function.id)).output == count


async def test_over_its_bound_new_sessions_are_read_only(store: Workshop, platform: Platform) -> None:
    function = await store.function(VISITS)
    assert (await store.client.invoke(function.id, "before")).success
    async with await psycopg.AsyncConnection.connect((await revealed(store)).local_url or "") as connection:
        await connection.execute("CREATE TABLE big AS SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
    told = await store.client.databases.update(store.project.id, max_mb=16)
    assert told.read_only
    assert told.size_bytes is not None
    assert told.size_bytes > 16 * 1024 * 1024
    answer = await store.client.invoke(function.id, "after")
    assert answer.error_type == "ReadOnlySqlTransaction"
    assert (await store.client.databases.get(store.project.id)).read_only
    async with await psycopg.AsyncConnection.connect(
        (await revealed(store)).local_url or "", options="-c default_transaction_read_only=off"
    ) as connection:
        await connection.execute("DROP TABLE big")
    assert not (await store.client.databases.update(store.project.id, max_mb=64)).read_only
    assert (await store.client.invoke(function.id, "again")).success


async def test_it_stops_when_nobody_wants_it_and_comes_back_with_a_call(
    store: Workshop, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = await store.function(VISITS)
    count = (await store.client.invoke(function.id, "x")).output
    service = platform.databases
    assert (await store.client.databases.get(store.project.id)).running
    await service._watch.look_around()
    assert (await store.client.databases.get(store.project.id)).running
    monkeypatch.setattr(service._local, "_idle_timeout_s", 0.0)
    # Somebody is connected: it stays.
    async with await psycopg.AsyncConnection.connect((await revealed(store)).local_url or ""):
        await service._watch.look_around()
        assert (await store.client.databases.get(store.project.id)).running

    async def asleep() -> bool:
        await service._watch.look_around()
        return not (await store.client.databases.get(store.project.id)).running

    await until(asleep)
    assert (await store.client.invoke(function.id)).output == count


async def test_an_instance_is_made_in_advance_though_the_socket_was_tidied_away(
    store: Workshop, platform: Platform
) -> None:
    """As after a restart of the machine: the database sleeps, and what lay in /tmp is gone."""
    connects = "import os, psycopg\nat_import = psycopg.connect(os.environ['DATABASE_URL'])\n"
    function = await store.function(connects + "def handler(event):\n    return at_import.info.dbname\n")
    (cluster,) = [one for one in platform.databases._local._clusters.values() if one.data.exists()]
    await cluster.stop()
    shutil.rmtree(cluster.socket_folder)
    for sandbox in await store.client.pool():
        # A spare may have gone by itself by now.
        with contextlib.suppress(ApiError):
            await store.client.kill(sandbox.id)
    await store.client.functions.warm(function.id)
    answer = await store.client.invoke(function.id)
    assert (answer.status, answer.cold_start, answer.output) == ("success", False, "app"), answer


async def test_nothing_that_was_committed_is_lost_by_a_kill(store: Workshop, platform: Platform) -> None:
    function = await store.function(VISITS)
    count = (await store.client.invoke(function.id, "y")).output
    # A power cut is the machine's kill: what PostgreSQL does against it is on.
    async with await psycopg.AsyncConnection.connect((await revealed(store)).local_url or "") as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            row = await (await connection.execute(f"SHOW {setting}")).fetchone()
            assert row == ("on",), setting
    reference = next(iter(platform.databases._local._clusters))
    cluster = platform.databases._local._clusters[reference]
    assert cluster._process is not None
    os.kill(cluster._process.pid, signal.SIGKILL)

    async def down() -> bool:
        return not cluster.running

    await until(down)
    assert (await store.client.invoke(function.id)).output == count


async def test_a_database_that_cannot_start_says_so_in_the_calls_log(store: Workshop, platform: Platform) -> None:
    function = await store.function("def handler(e):\n    return 'no database needed'\n")
    (cluster,) = [one for one in platform.databases._local._clusters.values() if one.data.exists()]
    await cluster.stop()
    version = cluster.data / "PG_VERSION"
    version.rename(version.with_name("away"))
    answer = await store.client.invoke(function.id, logs=True)
    version.with_name("away").rename(version)
    assert answer.output == "no database needed"
    assert answer.logs
    assert answer.logs[0].text.startswith(
        "Clowdy: the project's database cannot be used: The database does not start: "
    )
    assert str(cluster.folder) not in answer.logs[0].text


async def test_it_goes_with_a_dump_that_is_kept(owner: Clowdy, platform: Platform, local: httpx.AsyncClient) -> None:
    project = await owner.projects.create(f"Gone {number()}")
    path = f"/api/projects/{project.id}/database"
    answer = await local.post(f"{path}/provision?wait=false", json={"provider": "local"})
    assert (answer.status_code, answer.json()["status"]) == (202, "provisioning")

    async def made() -> bool:
        return (await owner.databases.get(project.id)).status == "ready"

    await until(made, within=60)
    assert (await owner.projects.get(project.id)).has_database
    here = {folder.name for folder in (platform.config.data_dir / "databases").iterdir()}
    gone = await owner.databases.deprovision(project.id, keep_dump=True)
    assert gone.dump is not None
    assert Path(gone.dump).read_bytes().startswith(b"PGDMP")
    assert len({folder.name for folder in (platform.config.data_dir / "databases").iterdir()}) == len(here) - 1
    told = await owner.databases.get(project.id)
    assert (told.has_database, told.status) == (False, "none")
    assert not (await owner.projects.get(project.id)).has_database
    await owner.projects.delete(project.id)
