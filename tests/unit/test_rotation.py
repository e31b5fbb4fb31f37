"""A new key: nothing is lost wherever it is broken off, and the old key is worth nothing afterwards."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from fake_engine import FakeEngine

from clowdy_tui.domain.errors import Forbidden, StartError, Unavailable
from clowdy_tui.domain.schemas import ProjectIn, VariableIn
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.cipher import Cipher
from clowdy_tui.services.platform import Platform, PlatformConfig

VALUES = {"A": "s3cret-one", "B": "s3cret-two"}


@pytest.fixture
async def project(platform: Platform) -> str:
    project = (await platform.projects.create(LOCAL, ProjectIn(name="Shop"))).id
    for key, value in VALUES.items():
        await platform.environment.set(LOCAL, project, VariableIn(key=key, value=value))
    return project


async def values(platform: Platform, project: str) -> dict[str, str]:
    return {one.key: one.value for one in await platform.environment.list(LOCAL, project, reveal=True)}


async def test_the_old_key_opens_nothing_any_more(platform: Platform, project: str, folder: Path) -> None:
    old = (folder / "secret.key").read_text()
    assert (await platform.rotation.rotate(LOCAL)).values == 2
    new = (folder / "secret.key").read_text()
    assert new != old
    assert len(new.splitlines()) == 1
    assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
    assert await values(platform, project) == VALUES
    await platform.environment.set(LOCAL, project, VariableIn(key="C", value="later"))
    await platform.close()
    again = await Platform.open(PlatformConfig(data_dir=folder), engine=FakeEngine())
    assert await values(again, project) == {**VALUES, "C": "later"}
    await again.close()
    (folder / "secret.key").write_text(old)
    with pytest.raises(StartError, match="another key"):
        await Platform.open(PlatformConfig(data_dir=folder), engine=FakeEngine())


@pytest.mark.parametrize("step", ["add_key", "anew", "proof", "drop_old_keys"])
async def test_broken_off_at_any_step_loses_nothing(
    platform: Platform, project: str, folder: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as broken:
        broken.setattr(Cipher, step, fail)
        with pytest.raises((Unavailable, OSError)):
            await platform.rotation.rotate(LOCAL)
    assert await values(platform, project) == VALUES
    await platform.close()
    again = await Platform.open(PlatformConfig(data_dir=folder), engine=FakeEngine())
    assert await values(again, project) == VALUES
    # And the next try ends what was begun.
    await again.rotation.rotate(LOCAL)
    assert len((folder / "secret.key").read_text().splitlines()) == 1
    assert await values(again, project) == VALUES
    await again.close()


async def test_who_does_not_administer_may_not(platform: Platform, project: str, folder: Path) -> None:
    before = (folder / "secret.key").read_text()
    for actor in (Actor("ada", frozenset({"read", "write", "reveal"})), Actor("local", frozenset({"read"}), True)):
        with pytest.raises(Forbidden):
            await platform.rotation.rotate(actor)
    assert (folder / "secret.key").read_text() == before


async def test_a_linked_key_file_stays_a_link(folder: Path, tmp_path: Path) -> None:
    real, link = tmp_path / "real.key", tmp_path / "link.key"
    real.write_bytes(Fernet.generate_key())
    link.symlink_to(real)
    platform = await Platform.open(PlatformConfig(data_dir=folder, secret_key_file=link), engine=FakeEngine())
    before = real.read_bytes()
    await platform.rotation.rotate(LOCAL)
    await platform.close()
    assert link.is_symlink()
    assert real.read_bytes() != before
