"""The main job in a real terminal: `clowdy` itself on a pseudo-terminal, typed blind, and looked at."""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from tests.terminal import Terminal

pytestmark = pytest.mark.slow

SIZES = {"80x24": (80, 24), "120x36": (120, 36)}


def _environment(data_dir: Path) -> Mapping[str, str]:
    return {
        **os.environ,
        "CLOWDY_DATA_DIR": str(data_dir),
        "CLOWDY_DRIVER": "bubblewrap",
        "CLOWDY_PORT": "0",
        "NO_PROXY": "*",
    }


PALETTE = f"╭{'─' * 74}╮"
"""The upper edge of the palette's box."""


def _clowdy(data_dir: Path, size: tuple[int, int]) -> Terminal:
    columns, rows = size
    return Terminal(
        [sys.executable, "-m", "clowdy_tui"], environment=_environment(data_dir), columns=columns, rows=rows
    )


def _open(terminal: Terminal, function: str) -> None:
    # The project: in the tree, or cut short in the status bar where the desk is as it was left.
    terminal.shows("Hello")
    terminal.press("ctrl+p")
    terminal.shows("Do something, or go to a function")
    terminal.press(function)
    terminal.until(lambda screen: "New project" not in screen, "the filtered list")
    assert PALETTE in terminal.text
    terminal.press("enter")
    # Where the file is open already all of it stands behind the palette, and that swallows the next keys.
    terminal.until(lambda screen: PALETTE not in screen, "the workbench, with no palette over it")
    terminal.shows(f"{function}.py")
    terminal.shows("def handler")


def _quit(terminal: Terminal) -> None:
    terminal.press("ctrl+q")
    terminal.shows("The gateway runs inside this screen")
    terminal.press("s")
    assert terminal.ends() == 0


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_from_the_first_start_to_the_next(request: pytest.FixtureRequest, size: tuple[int, int]) -> None:
    """Open, change a line, save, run, curl the route, see its call come by itself; quit, and find all again."""
    # In the smaller one from nothing at all: what is packed and migrated then has no size.
    data_dir: Path = request.getfixturevalue("data_dir" if size == SIZES["80x24"] else "prepared_dir")
    with _clowdy(data_dir, size) as terminal:
        _open(terminal, "hello")
        terminal.press("f3", "ctrl+end", "\r", "print('typed in a terminal')", "ctrl+s")
        terminal.shows("saved · v2")
        terminal.press("f5")
        terminal.until(lambda screen: "✓ success" in screen and "v2" in screen, "the result of version 2")
        terminal.shows("typed in a terminal")
        url = _address(terminal)
        answer = httpx.get(f"{url}/api/gateway/hello-clowdy/hello/Ada", trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        assert "Ada" in json.loads(answer.text)["message"]
        terminal.press("f8")
        terminal.shows("GET /hello/Ada")
        _quit(terminal)

    with _clowdy(data_dir, size) as terminal:
        _open(terminal, "hello")
        terminal.shows("saved · v2")
        terminal.press("f3", "ctrl+end")
        terminal.shows("typed in a terminal")
        terminal.press("f8")
        terminal.shows("GET /hello/Ada")
        _quit(terminal)


def _address(terminal: Terminal) -> str:
    found = re.search(r"127\.0\.0\.1:(\d+)", terminal.text)
    assert found, terminal.text
    return f"http://127.0.0.1:{found[1]}"


def test_a_kill_costs_no_work_and_the_desk_is_as_it_was(prepared_dir: Path) -> None:
    with _clowdy(prepared_dir, (120, 36)) as terminal:
        _open(terminal, "hello")
        terminal.press("f3", "ctrl+end", "\r", "# not saved yet")
        terminal.shows("● unsaved")
        drafts = prepared_dir / "screen" / "drafts"
        terminal.until(
            lambda _: any("not saved yet" in file.read_text() for file in drafts.glob("*/*.json")), "the draft"
        )
        terminal.process.kill()
        terminal.ends()

    with _clowdy(prepared_dir, (120, 36)) as terminal:
        terminal.shows("1 file came back")
        terminal.shows("# not saved yet")
        terminal.press("ctrl+s")
        terminal.shows("saved · v2")
        _quit(terminal)
    assert not list(drafts.glob("*/*.json"))


def test_the_person_s_own_editor_and_back(prepared_dir: Path, tmp_path: Path) -> None:
    """It has the terminal for itself, the gateway answers meanwhile, and what it saved comes back unsaved."""
    editor = tmp_path / "editor"
    environment = {**_environment(prepared_dir), "VISUAL": str(editor)}
    with Terminal([sys.executable, "-m", "clowdy_tui"], environment=environment) as terminal:
        _open(terminal, "hello")
        url = _address(terminal)
        # The first call waits for the runtime to be packed.
        terminal.press("f5")
        terminal.until(lambda screen: "✓ success" in screen, "the result")
        # While it is not there the screen keeps its terminal.
        terminal.press("\x1be")
        terminal.shows("does not start")
        editor.write_text('#!/bin/sh\necho "this is my editor: $1"\nread answer\necho "# $answer" >> "$1"\n')
        editor.chmod(0o755)
        terminal.press("\x1be")
        terminal.shows("this is my editor")
        answer = httpx.get(f"{url}/api/gateway/hello-clowdy/hello/Ada", trust_env=False, timeout=60)
        assert answer.status_code == 200, answer.text
        terminal.press("typed elsewhere\r")
        terminal.shows("Taken over from your editor")
        terminal.shows("● unsaved")
        terminal.press("f3", "ctrl+end")
        terminal.shows("# typed elsewhere")
        terminal.press("ctrl+s")
        terminal.shows("saved · v2")
        _quit(terminal)
