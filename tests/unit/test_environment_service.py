import sqlite3
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from fake_engine import FakeEngine

from clowdy_tui.domain.dotenv import DotenvIn
from clowdy_tui.domain.errors import Forbidden, InvalidInput, NotFound, StartError
from clowdy_tui.domain.schemas import FunctionIn, ProjectIn, VariableIn
from clowdy_tui.services.actor import LOCAL, Actor
from clowdy_tui.services.platform import Platform, PlatformConfig
from clowdy_tui.services.rotation import check_key

SECRET = "s3cret-🎉-value"


@pytest.fixture
async def project(platform: Platform) -> str:
    return (await platform.projects.create(LOCAL, ProjectIn(name="Shop"))).id


async def test_secrets_are_masked_and_plain_values_are_not(platform: Platform, project: str) -> None:
    made = await platform.environment.set(LOCAL, project, VariableIn(key="B_KEY", value=SECRET))
    assert (made.value, made.is_secret) == ("****", True)
    await platform.environment.set(LOCAL, project, VariableIn(key="A", value="plain", is_secret=False))
    listed = await platform.environment.list(LOCAL, project)
    assert [(one.key, one.value) for one in listed] == [("A", "plain"), ("B_KEY", "****")]
    shown = await platform.environment.list(LOCAL, project, reveal=True)
    assert shown[1].value == SECRET
    writer = Actor("local", frozenset({"read", "write"}))
    with pytest.raises(Forbidden, match="'reveal'"):
        await platform.environment.list(writer, project, reveal=True)
    assert (await platform.environment.list(writer, project))[1].value == "****"


async def test_no_value_lies_in_the_database_or_in_an_event(platform: Platform, project: str, folder: Path) -> None:
    for secret in (True, False):
        await platform.environment.set(LOCAL, project, VariableIn(key=f"K{secret}", value=SECRET, is_secret=secret))
    for file in folder.iterdir():
        if file.is_file():
            assert b"s3cret" not in file.read_bytes(), file
    assert "s3cret" not in str([event.data for event in platform.bus.kept()])
    target = platform.directory.function(
        (await platform.functions.create(LOCAL, FunctionIn(name="f", code="", project_id=project))).id
    )
    assert "s3cret" not in repr(target)


async def test_a_change_is_in_effect_with_the_next_call(platform: Platform, project: str, engine: FakeEngine) -> None:
    function = await platform.functions.create(LOCAL, FunctionIn(name="f", code="", project_id=project))
    alone = await platform.functions.create(LOCAL, FunctionIn(name="f", code=""))

    def environment(function_id: str) -> tuple[dict[str, str], str]:
        target = platform.directory.function(function_id)
        assert target is not None
        return dict(target.deployment.environment), target.deployment.key

    seen = [environment(function.id)]
    await platform.environment.set(LOCAL, project, VariableIn(key="A", value="1"))
    seen.append(environment(function.id))
    await platform.environment.set(LOCAL, project, VariableIn(key="A", value="2", is_secret=False))
    seen.append(environment(function.id))
    assert engine.retired == [
        (function.id, seen[0][1]),
        (alone.id, environment(alone.id)[1]),
        (function.id, seen[1][1]),
        (function.id, seen[2][1]),
    ]
    await platform.environment.delete(LOCAL, project, "A")
    assert [values for values, _ in seen] == [{}, {"A": "1"}, {"A": "2"}]
    assert environment(function.id) == seen[0]
    assert environment(alone.id)[0] == {}
    with pytest.raises(NotFound, match="Variable not found"):
        await platform.environment.delete(LOCAL, project, "A")


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        ("", "x", "key"),
        ("1A", "x", "key"),
        ("A-B", "x", "key"),
        ("É", "x", "key"),
        ("A=B", "x", "key"),
        ("A\n", "x", "key"),
        ("A" * 256, "x", "key"),
        ("A", "a\0b", "value"),
        ("A", "x" * 70_000, "value"),
    ],
)
async def test_what_no_environment_can_hold(platform: Platform, project: str, key: str, value: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await platform.environment.set(LOCAL, project, VariableIn(key=key, value=value))
    assert caught.value.errors[0].loc == (field,)


class TestTheKey:
    """Losing the key, or bringing a wrong one, is said and destroys nothing."""

    async def fill(self, folder: Path) -> PlatformConfig:
        config = PlatformConfig(data_dir=folder)
        platform = await Platform.open(config, engine=FakeEngine())
        project = (await platform.projects.create(LOCAL, ProjectIn(name="Shop"))).id
        await platform.environment.set(LOCAL, project, VariableIn(key="A", value=SECRET))
        await platform.close()
        return config

    async def refused(self, config: PlatformConfig, words: str) -> None:
        before = self.stored(config.data_dir)
        with pytest.raises(StartError, match=words):
            await Platform.open(config, engine=FakeEngine())
        # The doctor finds the same, and makes no key either.
        with pytest.raises(StartError, match=words):
            check_key(config.data_dir, config.data_dir / "secret.key")
        assert self.stored(config.data_dir) == before

    def stored(self, folder: Path) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(folder / "clowdy.db")
        rows = connection.execute("SELECT value_encrypted, (SELECT group_concat(value) FROM meta) FROM variable")
        found = rows.fetchall()
        connection.close()
        return found

    async def works(self, config: PlatformConfig) -> None:
        platform = await Platform.open(config, engine=FakeEngine())
        (project,) = await platform.projects.list(LOCAL)
        (variable,) = await platform.environment.list(LOCAL, project.id, reveal=True)
        await platform.close()
        assert variable.value == SECRET
        check_key(config.data_dir, config.secret_key_file or config.data_dir / "secret.key")

    async def test_it_is_the_owners_alone_and_stays(self, folder: Path) -> None:
        config = await self.fill(folder)
        assert stat.S_IMODE((folder / "secret.key").stat().st_mode) == 0o600
        await self.works(config)

    async def test_a_lost_key_is_not_made_anew(self, folder: Path) -> None:
        config = await self.fill(folder)
        (folder / "secret.key").rename(folder / "elsewhere")
        await self.refused(config, r"secret\.key is missing")
        assert not (folder / "secret.key").exists()
        await self.works(PlatformConfig(data_dir=folder, secret_key_file=folder / "elsewhere"))

    async def test_a_wrong_key(self, folder: Path) -> None:
        config = await self.fill(folder)
        right = (folder / "secret.key").read_bytes()
        (folder / "secret.key").write_bytes(Fernet.generate_key())
        await self.refused(config, "encrypted with another key")
        for nonsense in (b"", b"nonsense", b"\xff\xfe"):
            (folder / "secret.key").write_bytes(nonsense)
            await self.refused(config, "holds no valid key")
        # A new key in front, the old one behind it: new values get the new key, old ones stay readable.
        (folder / "secret.key").write_bytes(Fernet.generate_key() + b"\n" + right)
        await self.works(config)

    async def test_a_key_file_elsewhere_is_made_there(self, folder: Path, tmp_path: Path) -> None:
        path = tmp_path / "keys" / "clowdy.key"
        platform = await Platform.open(PlatformConfig(data_dir=folder, secret_key_file=path), engine=FakeEngine())
        await platform.close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not (folder / "secret.key").exists()

    async def test_without_a_variable_nothing_is_lost_with_the_key(self, folder: Path) -> None:
        config = PlatformConfig(data_dir=folder)
        await (await Platform.open(config, engine=FakeEngine())).close()
        (folder / "secret.key").unlink()
        check_key(folder, folder / "secret.key")
        await (await Platform.open(config, engine=FakeEngine())).close()
        await self.fill(folder)
        await self.works(config)


class TestDotenv:
    async def test_all_of_a_file_or_nothing(self, platform: Platform, project: str) -> None:
        await platform.environment.set(LOCAL, project, VariableIn(key="A", value="1"))
        done = await platform.environment.import_dotenv(LOCAL, project, DotenvIn(text="A=1\nB=2\n"))
        assert (done.set, done.unchanged) == (["B"], ["A"])
        with pytest.raises(InvalidInput, match="line 2: is no KEY=VALUE"):
            await platform.environment.import_dotenv(LOCAL, project, DotenvIn(text="C=3\n=\n"))
        with pytest.raises(
            InvalidInput, match=r"1X: key: must be letters.*; Y: value: must not be over 64 KiB"
        ) as caught:
            await platform.environment.import_dotenv(LOCAL, project, DotenvIn(text=f"C=3\n1X=3\nY={'x' * 70_000}\n"))
        assert "xxx" not in str(caught.value.errors)
        listed = await platform.environment.list(LOCAL, project)
        assert [one.key for one in listed] == ["A", "B"]
        plain = await platform.environment.import_dotenv(LOCAL, project, DotenvIn(text="B=2", is_secret=False))
        assert plain.set == ["B"]

    async def test_secrets_leave_only_when_they_are_asked_for(self, platform: Platform, project: str) -> None:
        await platform.environment.set(LOCAL, project, VariableIn(key="B_KEY", value=SECRET))
        await platform.environment.set(LOCAL, project, VariableIn(key="A", value="x y", is_secret=False))
        assert await platform.environment.export_dotenv(LOCAL, project) == "A='x y'\n# B_KEY=****\n"
        text = await platform.environment.export_dotenv(LOCAL, project, reveal=True)
        again = (await platform.projects.create(LOCAL, ProjectIn(name="Again"))).id
        await platform.environment.import_dotenv(LOCAL, again, DotenvIn(text=text))
        shown = await platform.environment.list(LOCAL, again, reveal=True)
        assert {one.key: one.value for one in shown} == {"A": "x y", "B_KEY": SECRET}
        with pytest.raises(Forbidden, match="'reveal'"):
            await platform.environment.export_dotenv(Actor("local", frozenset({"read"})), project, reveal=True)
