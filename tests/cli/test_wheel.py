"""The wheel: built, installed into a clean venv, and used from there by root and by an ordinary user."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from tests.cli.conftest import Served

REPOSITORY = Path(__file__).parents[2]
NOBODY = 65534

pytestmark = pytest.mark.slow


def run(*words: str | Path, timeout: float = 300, **options: Any) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        check=False,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        **options,
    )
    assert done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=REPOSITORY)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def clowdy(wheel: Path, scratch: Path) -> Path:
    """The command in a clean venv. The system's Python where there is one: everybody can reach it."""
    system = Path("/usr/bin/python3")
    suits = "import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))"
    is_usable = (
        system.exists() and subprocess.run([system, "-c", suits], capture_output=True, check=False).returncode == 0
    )
    python = system if is_usable else Path(sys.executable)
    venv = scratch / "venv"
    run(python, "-m", "venv", "--without-pip", venv)
    install = (find_uv_bin(), "pip", "install", "--quiet", "--python", venv / "bin" / "python")
    run(*install, "--constraint", REPOSITORY / "constraints.txt", wheel)
    return venv / "bin" / "clowdy"


def test_the_wheel_carries_runtimes_themes_and_stylesheets(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    assert "clowdy_tui/_data/runtimes/python/runner.py" in inside
    assert any(name.startswith("clowdy_tui/_data/themes/") for name in inside)
    beside = [path for pattern in ("*.tcss", "*.scm") for path in (REPOSITORY / "clowdy_tui").rglob(pattern)]
    assert {path.relative_to(REPOSITORY).as_posix() for path in beside} <= inside
    assert not [name for name in inside if name.endswith(".pyc") or name.startswith("tests/")]


def test_the_demo_runs_from_the_wheel(clowdy: Path, data_dir: Path, tmp_path: Path) -> None:
    assert "hello" in run(
        clowdy,
        "demo",
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "CLOWDY_DATA_DIR": str(data_dir), "CLOWDY_DRIVER": "bubblewrap"},
    )


@pytest.fixture
def as_nobody(clowdy: Path) -> dict[str, Any]:
    """What makes a command an ordinary user's."""
    if os.geteuid() != 0:
        pytest.skip("takes root to become somebody else")
    options: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    if subprocess.run([clowdy, "--version"], capture_output=True, check=False, **options).returncode != 0:
        pytest.skip("this machine has no Python that another user can reach")
    return options


def test_the_demo_runs_from_the_wheel_as_an_ordinary_user(
    clowdy: Path, data_dir: Path, as_nobody: dict[str, Any]
) -> None:
    home = data_dir.parent
    os.chown(home, NOBODY, NOBODY)
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "CLOWDY_DRIVER": "bubblewrap"}
    assert "hello" in run(clowdy, "demo", cwd=home, env=env, **as_nobody)
    assert (home / ".local" / "share" / "clowdy").stat().st_mode & 0o777 == 0o700


def test_somebody_elses_folder_is_refused_in_one_sentence(
    clowdy: Path, served: Served, as_nobody: dict[str, Any]
) -> None:
    folder = str(served.cli.data_dir)
    for command in ("status", "serve", "ls", "demo"):
        words = [clowdy, command, "--data-dir", folder]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd="/", **as_nobody)
        assert done.returncode == 1, done
        assert folder in done.stderr
        assert "Traceback" not in done.stderr
