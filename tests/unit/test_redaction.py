import json
import random
import string

import pytest

from clowdy_tui.domain.redaction import Redactor

KEY = "sk-1234567890"


def redactor(*secrets: str) -> Redactor:
    made = Redactor.of(secrets)
    assert made is not None
    return made


def test_every_place_of_every_secret_that_is_long_enough() -> None:
    hide = redactor(KEY, "another-one", "short")
    assert hide.text(f"{KEY}{KEY} short another-one!") == "******** short ****!"
    assert hide.text("nothing") == "nothing"
    assert Redactor.of(["1234567"]) is None
    assert Redactor.of(["       a"]) is not None
    assert Redactor.of([]) is None


def test_a_secret_that_holds_another_goes_whole() -> None:
    assert redactor("password", "password-of-the-other").text("a password-of-the-other b password") == "a **** b ****"


@pytest.mark.parametrize("value", ['with "quotes" and \\', "líne\nfeed\tand tab", "🎉🎉🎉🎉🎉🎉🎉🎉", KEY])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_stays_json_however_it_was_written(value: str, ascii_only: bool) -> None:
    text = json.dumps({"a": [f"x{value}y"], "b": 1}, ensure_ascii=ascii_only).encode()
    assert json.loads(redactor(value).json(text)) == {"a": ["x****y"], "b": 1}


def test_a_number_is_replaced_by_a_number() -> None:
    text = b'{"pin":12345678,"text":"12345678","more":[-12345678.5,1234567890]}'
    assert json.loads(redactor("12345678").json(text)) == {"pin": 1, "text": "1", "more": [-1.5, 190]}


def test_the_lines_of_a_key_are_hidden_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nabcdefghijklmnop\n  qrstuvwxyz012345\n-----END KEY-----\n"
    hide = redactor(key)
    assert hide.text("loaded qrstuvwxyz012345") == "loaded ****"
    assert hide.text(f"<{key}>") == "<****>"
    assert hide.text("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


@pytest.mark.parametrize("left", range(4, len(KEY)))
def test_what_was_cut_off_in_the_middle_of_a_secret(left: int) -> None:
    hide = redactor(KEY, "x" * 5000)
    assert hide.json(f'"{KEY} and {KEY[:left]}'.encode(), cut=True) == b'"**** and ****'
    assert hide.json(f'"and {KEY[:left]}'.encode()) == f'"and {KEY[:left]}'.encode()


def test_no_secret_is_ever_left() -> None:
    rng = random.Random(7)
    for _ in range(300):
        secrets = ["".join(rng.choices(string.printable, k=rng.randint(8, 12))).strip() for _ in range(3)]
        secrets = [secret for secret in secrets if len(secret) >= 8]
        words = [rng.choice(["", "word", *secrets]) for _ in range(8)]
        hide = redactor(*secrets)
        hidden = hide.text(" ".join(words))
        assert not any(secret in hidden for secret in secrets)
        body = json.loads(hide.json(json.dumps(words).encode()))
        assert not any(secret in word for secret in secrets for word in body)
