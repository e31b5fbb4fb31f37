import time
from collections import OrderedDict

import pytest

from clowdy_tui.services import bundle
from clowdy_tui.services.bundle import ENTRY, diagnose

DEEP = [
    "(" * 5000,
    "[" * 3000 + "]" * 3000,
    "-" * 15_000 + "1",
    "a" + ".b" * 7000,
    "1" + "+1" * 7000,
    "if x:\n" + "".join(" " * depth + "if x:\n" for depth in range(1, 110)),
    "x = " + "lambda: " * 1900 + "1",
    "f'" + "{f'" * 10,
]


@pytest.mark.parametrize("code", DEEP, ids=range(len(DEEP)))
async def test_nesting_is_an_answer_and_not_a_crash(code: str) -> None:
    for problem in await diagnose({ENTRY: code}):
        assert problem.line >= 1
        assert problem.message


@pytest.mark.parametrize(
    ("code", "line", "column"),
    [
        ("x = = 1", 1, 5),
        ("\n\nclass", 3, 6),
        ("a\0b", 1, 1),
        ("# é🎉\nx = 'é🎉' +", 2, 11),
        ("def f():\nreturn", 2, 1),
        ("await x", 1, 1),
        ("x = '''open", 1, 5),
    ],
)
async def test_where_code_does_not_parse(code: str, line: int, column: int) -> None:
    (problem,) = await diagnose({ENTRY: code})
    assert (problem.line, problem.column) == (line, column)


@pytest.mark.parametrize("code", ["", "x = '\\d'", "# -*- coding: latin-1 -*-\nx = 'é'", "assert (1, 'x')"])
async def test_code_that_parses(code: str) -> None:
    assert await diagnose({ENTRY: code}) == []


async def test_nothing_is_executed() -> None:
    assert await diagnose({ENTRY: "raise SystemExit(3)\n" + "# long\n" * 5000}) == []
    assert await diagnose({ENTRY: "raise SystemExit(3)"}) == []


async def test_long_files_are_compiled_apart_with_the_same_words() -> None:
    padding = "# a comment to make it long\n" * 1000
    (here,) = await diagnose({ENTRY: "def handler(:"})
    (apart,) = await diagnose({ENTRY: padding + "def handler(:"})
    assert (apart.message, apart.column, apart.line) == (here.message, here.column, 1001)
    (deep,) = await diagnose({ENTRY: padding + "(" * 100_000})
    assert deep.message


@pytest.fixture
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_known", OrderedDict())


@pytest.mark.usefixtures("_nothing_known")
async def test_a_long_file_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "# long\n" * 2000 + "x ="
    (first,) = await diagnose({ENTRY: code})
    monkeypatch.setattr(bundle, "_COMPILE_APART", "raise SystemExit(1)")
    assert await diagnose({ENTRY: code}) == [first]
    assert await diagnose({ENTRY: code + " 1"}) != []


@pytest.mark.usefixtures("_nothing_known")
async def test_a_compiler_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_COMPILE_APART", "import time; time.sleep(600)")
    monkeypatch.setattr(bundle, "_COMPILE_APART_S", 0.2)
    began = time.monotonic()
    (problem,) = await diagnose({ENTRY: "#" * 20_000})
    assert "was not compiled within" in problem.message
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("_nothing_known")
async def test_a_compiler_that_crashes_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_COMPILE_APART", "import os; os.abort()")
    (problem,) = await diagnose({ENTRY: "#" * 20_000})
    assert "ends the compiler" in problem.message
