import random
import subprocess

import pytest

from clowdy_tui.domain.dotenv import read_dotenv, write_dotenv
from clowdy_tui.domain.errors import InvalidInput

ODD = [
    "",
    "plain",
    "with space",
    "it's",
    'say "hi"',
    "back\\slash",
    "a\nb\r\nc\td",
    "$HOME and `x`",
    "# no comment",
    "ünï 🎉",
]


def test_what_usual_files_hold() -> None:
    text = "\ufeff# ours\nexport A=1 # one\n\nB = 'x # y'\nC=\"a\\nb\"\r\nD=$HOME\nA=2\nE=\nK='--\nabc\n--'\n"
    found = [("B", "x # y"), ("C", "a\nb"), ("D", "$HOME"), ("A", "2"), ("E", ""), ("K", "--\nabc\n--")]
    assert read_dotenv(text) == found
    assert read_dotenv("") == []


def test_every_wrong_line_is_named_and_none_is_quoted() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_dotenv("A=1\n\n=hunter22\nB\nC='open hunter22\n")
    assert caught.value.detail == (
        "line 3: is no KEY=VALUE; line 4: B has no value: write B= for an empty one; line 5: is no KEY=VALUE"
    )
    assert [error.loc for error in caught.value.errors] == [("text", 3), ("text", 4), ("text", 5)]


def test_what_was_written_is_read_back() -> None:
    rng = random.Random(3)
    values = [*ODD, *("".join(rng.choices("a'\"\\\n\r\t $#={}é", k=rng.randint(0, 12))) for _ in range(500))]
    pairs = [(f"K{number}", value) for number, value in enumerate(values)]
    assert read_dotenv(write_dotenv(pairs)) == pairs
    assert write_dotenv([("A", None), ("B", "x")]) == "# A=****\nB=x\n"


@pytest.mark.parametrize("value", [value for value in ODD if not set(value) & {"'", "\\", "\r"}])
def test_a_shell_reads_it_the_same(value: str) -> None:
    script = f'{write_dotenv([("A", value)])}printf %s "$A"'
    assert subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode() == value
