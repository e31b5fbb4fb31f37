"""Where a setting comes from, which one wins, and what is said of a wrong one."""

import re
from pathlib import Path

import pytest

from clowdy_tui.cli import settings as settings_module
from clowdy_tui.cli.settings import KINDS, describe, load
from clowdy_tui.domain.errors import SettingsError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.yaml"


def refused(config: Path, environ: dict[str, str] | None = None, **flags: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load(flags, config=config, environ=environ or {})
    return caught.value.detail


def test_flag_over_environment_over_file_over_default(config: Path) -> None:
    config.write_text("port: 1111\nhost: 10.0.0.1\nidle_timeout_s: 7\n")
    got = load({"port": 3333}, config=config, environ={"CLOWDY_PORT": "2222", "CLOWDY_HOST": "10.0.0.2"})
    assert (got.port, got.host, got.idle_timeout_s, got.spares) == (3333, "10.0.0.2", 7.0, 8)
    assert got.source("port") == "--port"
    assert got.source("host") == "CLOWDY_HOST"
    assert got.source("idle_timeout_s") == str(config)
    assert got.source("spares") == "default"


def test_a_flag_that_was_not_given_hides_nothing(config: Path) -> None:
    config.write_text("port: 1111\n")
    assert load({"port": None, "host": None}, config=config, environ={}).port == 1111


@pytest.mark.parametrize(
    ("variable", "field"),
    [("GROQ_API_KEY", "groq_api_key"), ("NEON_API_KEY", "neon_api_key"), ("CLERK_JWKS_URL", "jwks_url")],
)
def test_plain_names_count_and_the_prefixed_one_wins(config: Path, variable: str, field: str) -> None:
    config.touch()

    def value(environ: dict[str, str]) -> str:
        found = getattr(load(config=config, environ=environ), field)
        return str(found if isinstance(found, str) else found.reveal())

    assert value({variable: "plain"}) == "plain"
    assert value({variable: "plain", f"CLOWDY_{field.upper()}": "prefixed"}) == "prefixed"


def test_every_field_can_be_set_by_its_variable(config: Path) -> None:
    config.touch()
    samples = {
        "data_dir": "/srv/x", "host": "::1", "port": "9", "driver": "docker", "runtime_source": "dockerfile",
        "secret_key_file": "/k", "max_body_bytes": "2048", "capture_bytes": "5", "retention_days": "3",
        "retention_bytes": "2000000", "public_invocation_logs": "true", "memory_budget_mb": "512",
        "idle_timeout_s": "1.5", "spares": "0", "cors_origins": "https://a, https://b", "trusted_proxies": "10.0.0.0/8",
        "ssh": "false", "keymap": "app.help=f10", "log_format": "json",
    }  # fmt: skip
    for name in KINDS:
        got = load(config=config, environ={f"CLOWDY_{name.upper()}": samples.get(name, "some-text")})
        assert got.source(name) == f"CLOWDY_{name.upper()}"
    both = load(config=config, environ={"CLOWDY_CORS_ORIGINS": "https://a, https://b"})
    assert both.cors_origins == ["https://a", "https://b"]


def test_the_environment_can_name_the_file(tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.yaml"
    file.write_text("port: 4444\n")
    assert load(environ={"CLOWDY_CONFIG": str(file)}).port == 4444


def test_no_file_is_no_error_unless_it_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_module, "config_file", lambda: tmp_path / "none.yaml")
    assert load(environ={}).port == 8000
    assert "there is no such file" in refused(tmp_path / "none.yaml")


def test_an_unknown_key_names_the_nearest(config: Path) -> None:
    config.write_text("prot: 8000\n")
    said = refused(config)
    assert str(config) in said
    assert "'prot'" in said
    assert "did you mean 'port'?" in said


def test_a_key_like_none_of_ours_lists_them_all(config: Path) -> None:
    config.write_text("xyzzy: 1\n")
    said = refused(config)
    assert "known ones are" in said
    assert "trusted_proxies" in said


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("port: high", ["port", "'high'", "a whole number from 0 to 65535"]),
        ("port: 70000", ["port", "70000", "from 0 to 65535"]),
        ("driver: podman", ["driver", "'podman'", "one of auto, bubblewrap, docker"]),
        ("idle_timeout_s: soon", ["idle_timeout_s", "a number from 1 to 86400"]),
        ("ssh: perhaps", ["ssh", "'perhaps'", "true or false"]),
        ("trusted_proxies: {a: 1}", ["trusted_proxies", "a list of texts"]),
        ("theme: 5", ["theme", "a text"]),
        ("keymap: f5", ["keymap", "ids of actions, each with its keys"]),
        ("keymap: {app.help: {a: 1}}", ["keymap", "ids of actions, each with its keys"]),
        ("memory_budget_mb: 1", ["memory_budget_mb", "a whole number from 64 up"]),
    ],
)
def test_a_wrong_value_names_the_field_the_value_and_what_is_allowed(config: Path, line: str, words: list[str]) -> None:
    config.write_text(line + "\n")
    said = refused(config)
    for word in [*words, str(config)]:
        assert word in said


def test_all_wrong_values_are_said_at_once_with_their_sources(config: Path) -> None:
    config.write_text("port: high\n")
    said = refused(config, {"CLOWDY_DRIVER": "podman"})
    assert "(from CLOWDY_DRIVER)" in said
    assert "port" in said


def test_a_secret_is_never_shown(config: Path) -> None:
    config.write_text("groq_api_key: [gsk_secret]\n")
    assert "gsk_secret" not in refused(config)
    config.write_text("")
    got = load(config=config, environ={"GROQ_API_KEY": "gsk_secret"})
    assert "gsk_secret" not in repr(got)


@pytest.mark.parametrize("text", ["port: [1", "- port", "just text", "port: 1\n\x00"])
def test_what_is_not_a_mapping_in_yaml_is_refused(config: Path, text: str) -> None:
    config.write_text(text)
    assert str(config) in refused(config)


def test_folders_are_absolute_and_know_the_home(config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config.touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert load({"data_dir": "~/x"}, config=config, environ={}).data_dir == tmp_path / "x"
    assert load({"data_dir": Path("y")}, config=config, environ={}).data_dir == tmp_path / "y"


def test_keys_are_given_as_a_mapping_in_the_file_and_as_a_text_in_the_environment(config: Path) -> None:
    config.write_text('keymap:\n  function.run: "f6,ctrl+e"\n  app.help: [f1, f10]\n  pane.next:\n')
    assert load(config=config, environ={}).keymap == {
        "function.run": "f6,ctrl+e",
        "app.help": "f1,f10",
        "pane.next": "",
    }
    by_environment = load(config=config, environ={"CLOWDY_KEYMAP": "function.run=f6 ctrl+e; app.help=f10"}).keymap
    assert by_environment == {"function.run": "f6,ctrl+e", "app.help": "f10"}


def test_each_field_says_what_it_is() -> None:
    rows = {row.split("`")[1]: row for row in describe()}
    assert list(rows) == list(KINDS)
    for name, row in rows.items():
        assert re.search(r"[^| ][.)] \|$", row), name


def test_the_documentation_has_the_table_of_all_settings() -> None:
    text = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()
    assert "\n".join(describe()) in text
