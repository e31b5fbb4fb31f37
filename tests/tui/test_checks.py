"""What is marked as one types, and the formatter. With the real ruff."""

import asyncio
from typing import Any

import pytest

from clowdy_tui.tui.editing import checks
from clowdy_tui.tui.editing.checks import CheckFailed, problems, tidied
from clowdy_tui.tui.widgets.code_area import CodeArea
from tests.tui.driving import NARROW, open_function, screen, shown, shows, type_text, until
from tests.tui.fake import example


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("import os\n", "python", [((0, 7), "F401", "warning")]),
        ("def f():\n    return x\n", "python", [((1, 11), "F821", "error")]),
        ("x = 1\n", "python", []),
        ("s = '漢字'; return x\n", "python", [((0, 8), "E702", "warning"), ((0, 10), "F706", "error"),
                                            ((0, 17), "F821", "error")]),
        ('{"a": 1,}\n', "json", [((0, 8), "", "error")]),
        ('{"a": 1}\n', "json", []),
        ("a = 1\nb = = 2\n", "toml", [((1, 4), "", "error")]),
        ("a: 1\nb: [1, 2\n", "yaml", [((2, 0), "", "error")]),
        ("a: 1\n", "yaml", []),
        ("", "json", []),
        ("select from", "sql", []),
    ],
)  # fmt: skip
async def test_problems(text: str, language: str, found: list[Any]) -> None:
    said = await problems(text, language, python="3.12")
    assert [(problem.start, problem.code, problem.severity) for problem in said] == found


async def test_what_does_not_parse_is_an_error() -> None:
    said = await problems("def f(:\n    pass\n", "python")
    assert {problem.severity for problem in said} == {"error"}
    assert (0, 6) in [problem.start for problem in said]


async def test_the_runtime_s_python_decides_what_parses() -> None:
    text = "type X = int\n"
    assert await problems(text, "python", python="3.12") == []
    assert await problems(text, "python", python="3.11.4") != []


async def test_tidying() -> None:
    assert await tidied("x = {  'a':1 }\n", "python") == 'x = {"a": 1}\n'
    assert await tidied('{"b":[1.0,1e400],"a":{},"é":null}', "json") == (
        '{\n  "b": [\n    1.0,\n    1e400\n  ],\n  "a": {},\n  "é": null\n}\n'
    )
    with pytest.raises(CheckFailed, match="Line 1 does not parse"):
        await tidied("def f(:\n", "python")
    with pytest.raises(CheckFailed, match="no JSON"):
        await tidied("{", "json")
    with pytest.raises(CheckFailed, match="for Python and for JSON only"):
        await tidied("# x", "markdown")


async def test_a_cancelled_check_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_find_ruff", lambda: "/bin/cat")
    started: list[asyncio.subprocess.Process] = []
    original = asyncio.create_subprocess_exec

    async def start(*arguments: Any, **named: Any) -> asyncio.subprocess.Process:
        # It says nothing and does not end.
        process = await original("/bin/sleep", "60", **named)
        started.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    task = asyncio.create_task(problems("x", "python"))
    while not started:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert started[0].returncode is not None


def _area(app: Any) -> CodeArea:
    area = app.workbench.tabs.area
    assert area is not None
    return area


async def test_marks_come_as_one_types_and_go_again() -> None:
    async with screen(size=NARROW) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "import os\n")
        await until(pilot, lambda: "1! import os" in shown(app))
        await shows(pilot, "1 problem")
        await pilot.press("ctrl+end", "alt+p")
        await shows(pilot, "! F401 `os` imported but unused")
        assert _area(app).cursor_location == (0, 7)
        await pilot.press("ctrl+z", "ctrl+z")
        await until(pilot, lambda: not _area(app).marks.problems)


async def test_without_ruff_it_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise CheckFailed("ruff is not installed")

    monkeypatch.setattr(checks, "_find_ruff", missing)
    async with screen() as (app, pilot):
        await open_function(app, pilot, "pay")
        await shows(pilot, "ruff is not installed")
        app.clear_notifications()
        await type_text(pilot, "x")
        await pilot.press("alt+f")
        await shows(pilot, "pay.py stays as it is")


async def test_formatting_on_a_key_and_back() -> None:
    fake = example()
    async with screen(fake) as (app, pilot):
        await open_function(app, pilot, "pay")
        await type_text(pilot, "x = {  'a':1 }\n")
        await pilot.press("alt+f")
        await until(pilot, lambda: _area(app).text.startswith('x = {"a": 1}\n\n\ndef'))
        await pilot.press("ctrl+z")
        await until(pilot, lambda: _area(app).text.startswith("x = {  'a':1 }\ndef"))
        await pilot.press("f12", "equals_sign")
        await until(pilot, lambda: _area(app).text.startswith('x = {"a": 1}\n\n\ndef'))
        app.clear_notifications()
        await pilot.press("alt+f")
        await shows(pilot, "Nothing to tidy")
