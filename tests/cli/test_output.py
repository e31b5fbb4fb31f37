"""Output for people: aligned, harmless, restrained."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from clowdy_tui.cli import output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain Ünïcode 漢字", "plain Ünïcode 漢字"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\nb\r\tc", "a\\x0ab\\x0d\\x09c"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("lone \ud800", "lone \\ud800"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
    ],
)
def test_text_from_outside_is_text(text: str, shown: str) -> None:
    assert output.plain(text) == shown


def test_what_may_stay_stays() -> None:
    assert output.plain("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


def test_a_table_is_aligned_by_columns_on_screen(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([("漢字", "1"), ("ab", "22")], ("NAME", "N"), right=[1])
    assert capsys.readouterr().out.splitlines() == ["NAME   N", "漢字   1", "ab    22"]


def test_a_table_shows_no_line_break_of_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([("a\nb", "x")], ("NAME", "Y"))
    assert len(capsys.readouterr().out.splitlines()) == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_and_not_with_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert output.style("x", stream=Terminal(), fg="red") == "\x1b[31mx\x1b[0m"
    assert output.style("x", stream=io.StringIO(), fg="red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("x", stream=Terminal(), fg="red") == "x"


def test_values_keep_their_letters_and_obey_no_terminal() -> None:
    assert output.value_text({"ä": "\x1b\u202e"}, indent=None) == '{"ä": "\\u001b\\u202e"}'


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [(0.4213, "0.42 ms"), (4.21, "4.2 ms"), (42.1, "42 ms"), (999.4, "999 ms"), (4213, "4.2 s")],
)
def test_durations(milliseconds: float, shown: str) -> None:
    assert output.duration(milliseconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(3, "3 s ago"), (125, "2 min ago"), (7300, "2 h ago"), (200000, "2 d ago")]
)
def test_ages(seconds: int, shown: str) -> None:
    assert output.ago(datetime.now(UTC) - timedelta(seconds=seconds)) == shown


def test_one_very_long_cell_moves_its_own_line_alone(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([("KEY", "x" * 60_000, "now"), ("B", "short", "then")], ("NAME", "VALUE", "SET"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "NAME  VALUE  SET"
    assert lines[1] == f"KEY   {'x' * 60_000}  now"
    assert lines[2] == "B     short  then"
