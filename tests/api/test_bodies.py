"""JSON that comes in, read strictly."""

import json

import pytest

from clowdy_tui.domain.errors import InvalidInput
from clowdy_tui.gateway.bodies import invoke_input, parse_json


@pytest.mark.parametrize(
    ("body", "input_"),
    [
        (b"", b"null"),
        (b" \n", b"null"),
        (b"{}", b"null"),
        (b'{"input": null}', b"null"),
        (b'{"input": {"a": 1.50}}', b'{"a": 1.50}'),
        (b' { "input" :\t[1, 2] }\n', b"[1, 2]"),
        ('{"input": "grüß"}'.encode(), '"grüß"'.encode()),
        (b'{"\\u0069nput": 5}', b"5"),
    ],
)
def test_the_input_passes_as_it_was_written(body: bytes, input_: bytes) -> None:
    assert invoke_input(body) == input_


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "The body is not JSON: Expecting property name enclosed in double quotes, at line 1, column 2"),
        (b'{"input": }', "is not JSON: Expecting value, at line 1, column 11"),
        (b'{"input": 1', "is not JSON"),
        (b'{"input": 1} x', "is not JSON: Extra data, at line 1, column 14"),
        (b'{"input": 1, "input": 2}', "input: is there twice"),
        (b'{"input": 1, "inptu": 2}', "inptu: is not a field that this takes"),
        (b'{"input": NaN}', "is not JSON: NaN is not a JSON value"),
        (b'{"x": Infinity}', "is not JSON: Infinity is not a JSON value"),
        (b"[1]", "must be an object"),
        (b"hello", "is not JSON"),
        (b'{"input": "\xff"}', "is not UTF-8: byte 0xff at position 11"),
        (b'{"input": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"input": ' + b"9" * 5000 + b"}", "too many digits"),
    ],
)
def test_an_input_that_is_not_one_is_refused_with_the_place(body: bytes, fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        invoke_input(body)
    assert fault in caught.value.detail
    assert caught.value.status == 422
    assert caught.value.errors


def test_a_name_twice_is_refused_at_any_depth() -> None:
    with pytest.raises(InvalidInput, match="b: is there twice"):
        parse_json(b'{"a": [{"b": 1, "b": 2}]}')


def test_what_is_json_is_read() -> None:
    value = {"a": [1, 2.5, None, True, "ü\U0001f600"]}
    assert parse_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "value",
    [b'"\\ud800"', b"1e999", b"1" * 5000, b'{"a":1,"a":2}', b"[" * 300 + b"]" * 300, b"-0", b'"\\u0000"', b"1.0E+2"],
    ids=lambda value: repr(value[:12]),
)
def test_what_the_quick_look_refuses_is_still_read_by_the_letter(value: bytes) -> None:
    json.loads(value) if len(value) < 5000 else None
    for body in (b'{"input":%b}' % value, b' {\n"input" : %b \r\n} ' % value):
        if len(value) < 5000:
            assert invoke_input(body).strip() == value
        else:
            with pytest.raises(InvalidInput, match="too many digits"):
                invoke_input(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"input":1},{"input":2}',
        b'{"input":1,"input":2}',
        b'{"input":1}}',
        b'{"input":}',
        b'{"input":1,"x":{}}',
        b'{"input":01}',
    ],
)
def test_the_quick_look_takes_no_more_than_one_value(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        invoke_input(body)
