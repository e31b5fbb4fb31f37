"""Text from outside: shown, one symbol for one character, and measured in cells."""

import pytest
from rich.cells import cell_len

from clowdy_tui.tui.text import column_at, count, flat, lines_of, symbols, visible, wrap_cells


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred", "␛[31mred"),
        ("bell\a", "bell␇"),
        ("\x9b31m", "\ufffd31m"),
        ("\u202eevil", "\ufffdevil"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("half \ud83d", "half \ufffd"),
        ("line\u2028end", "line\u2424end"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("größe 漢字 🎉", "größe 漢字 🎉"),
    ],
)
def test_what_cannot_be_looked_at_becomes_a_symbol_of_the_same_length(raw: str, shown: str) -> None:
    assert symbols(raw) == shown
    assert len(symbols(raw)) == len(raw)


def test_whatever_is_shown_can_be_encoded_and_holds_no_control_character() -> None:
    everything = "".join(chr(code) for code in range(0x3000)) + "\ud800\udfff\ufeff\ufff9"
    for shown in (symbols(everything), visible(everything)):
        shown.encode()
        assert not [character for character in shown if ord(character) < 32 or 0x7F <= ord(character) < 0xA0]


def test_tabs_go_to_the_next_stop_counted_in_cells() -> None:
    assert flat("\tx") == "    x"
    assert flat("ab\tx") == "ab  x"
    assert flat("漢\tx") == "漢  x"
    assert flat("漢字\tx") == "漢字    x"
    assert flat("a\t\tb", tab_size=2) == "a   b"


@pytest.mark.parametrize("line", ["plain", "ab\tcd", "größe 漢字 🎉!", "\x1b[0m漢", ""])
def test_the_column_at_a_cell_is_the_character_that_covers_it(line: str) -> None:
    for column in range(len(line)):
        begins = cell_len(flat(line[:column]))
        if cell_len(flat(line[: column + 1])) > begins:
            assert column_at(line, begins) == column
    assert column_at(line, cell_len(flat(line)) + 5) == len(line)


def test_only_line_ends_end_lines() -> None:
    assert lines_of("a\nb\r\nc\rd") == ["a", "b", "c", "d"]
    assert lines_of("") == [""]
    assert lines_of("a\n") == ["a", ""]
    assert lines_of("form\ffeed\u2028and\x1cmore") == ["form\ffeed\u2028and\x1cmore"]


def test_wrapping_never_cuts_a_wide_character() -> None:
    assert wrap_cells("漢字漢字", 5) == ["漢字", "漢字"]
    assert wrap_cells("abcdef", 4) == ["abcd", "ef"]
    assert wrap_cells("", 4) == [""]


def test_counting_in_words() -> None:
    assert [count(number, "line") for number in (0, 1, 12_000)] == ["0 lines", "1 line", "12,000 lines"]
    assert count(2, "entry", "entries") == "2 entries"
