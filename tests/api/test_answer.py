"""From a function's return value to an HTTP answer."""

import json
from typing import Any

import pytest

from clowdy_tui.domain.errors import InvalidAnswer
from clowdy_tui.gateway.answer import Answer, read_answer


def answer(value: Any) -> Answer:
    return read_answer(json.dumps(value).encode())


def content_type(given: Answer) -> str | None:
    return dict(given.headers).get("Content-Type")


@pytest.mark.parametrize(
    "output", [b'{"a": 1}', b"null", b'"text"', b"[1,2]", b'["statusCode"]', b'{"deep":{"statusCode":404}}', b"3.5"]
)
def test_any_value_goes_out_as_it_is(output: bytes) -> None:
    assert read_answer(output) == Answer(200, output, [("Content-Type", "application/json")])


def test_text_goes_out_as_text() -> None:
    given = answer({"statusCode": 201, "body": "grüß"})
    assert (given.status, given.body, content_type(given)) == (201, "grüß".encode(), "text/plain; charset=utf-8")


def test_a_given_content_type_stays_whatever_its_case() -> None:
    given = answer({"statusCode": 200, "headers": {"CONTENT-type": "text/html"}, "body": "<p>"})
    assert given.headers == [("CONTENT-type", "text/html")]


def test_another_body_goes_out_as_json() -> None:
    given = answer({"statusCode": 200, "body": {"a": [1, None]}})
    assert (json.loads(given.body), content_type(given)) == ({"a": [1, None]}, "application/json")


def test_base64_goes_out_as_bytes() -> None:
    given = answer({"statusCode": 200, "isBase64Encoded": True, "body": "AP8="})
    assert (given.body, content_type(given)) == (b"\x00\xff", "application/octet-stream")


@pytest.mark.parametrize("body", [{}, {"body": None}])
def test_no_body_is_an_empty_one(body: dict[str, Any]) -> None:
    assert answer({"statusCode": 200, **body}) == Answer(200, b"", [])


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    assert answer({"statusCode": status, "body": "dropped"}) == Answer(status, b"", [])


@pytest.mark.parametrize(("given", "status"), [(200, 200), (599, 599), ("404", 404), ("200", 200)])
def test_a_status_may_be_text(given: Any, status: int) -> None:
    assert answer({"statusCode": given}).status == status


def test_headers_and_cookies_may_repeat() -> None:
    given = answer(
        {
            "statusCode": 200,
            "headers": {"X-One": "1", "X-Many": ["a", "b"], "X-Number": 3, "X-Float": 0.5},
            "cookies": ["a=1; Path=/", "b=2"],
        }
    )
    assert given.headers == [
        ("X-One", "1"),
        ("X-Many", "a"),
        ("X-Many", "b"),
        ("X-Number", "3"),
        ("X-Float", "0.5"),
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2"),
    ]


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Connection", "Upgrade", "X-Request-Id"])
def test_what_belongs_to_the_connection_is_dropped(name: str) -> None:
    assert answer({"statusCode": 200, "headers": {name: "5"}}).headers == []


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"statusCode": 199}, "statusCode must be a whole number from 200 to 599, not 199"),
        ({"statusCode": 600}, "not 600"),
        ({"statusCode": 200.5}, "not 200.5"),
        ({"statusCode": True}, "not true"),
        ({"statusCode": None}, "not null"),
        ({"statusCode": "2000"}, 'not "2000"'),
        ({"statusCode": "OK"}, 'not "OK"'),
        ({"statusCode": "२००"}, "statusCode"),
        ({"statusCode": {"a": "x" * 200}}, "..."),
        ({"statusCode": 200, "headers": ["a"]}, 'headers must be an object, not ["a"]'),
        ({"statusCode": 200, "headers": {"X": None}}, "The header X must be text"),
        ({"statusCode": 200, "headers": {"X": True}}, "The header X must be text"),
        ({"statusCode": 200, "headers": {"X": {"a": 1}}}, "The header X must be text"),
        ({"statusCode": 200, "headers": {"X": ["a", ["b"]]}}, "The header X must be text"),
        ({"statusCode": 200, "headers": {"X": "a\r\nSet-Cookie: b"}}, "The header X holds a line end"),
        ({"statusCode": 200, "headers": {"X": "\ud800"}}, "The header X holds"),
        ({"statusCode": 200, "headers": {"X Y": "a"}}, '"X Y" cannot be the name of a header'),
        ({"statusCode": 200, "headers": {"": "a"}}, "cannot be the name of a header"),
        ({"statusCode": 200, "cookies": "a=1"}, "cookies must be a list of texts"),
        ({"statusCode": 200, "cookies": [1]}, "cookies must be a list of texts"),
        ({"statusCode": 200, "cookies": ["a\nb"]}, "A cookie holds a line end"),
        ({"statusCode": 200, "isBase64Encoded": True, "body": "not base64"}, "is not base64"),
        ({"statusCode": 200, "isBase64Encoded": True, "body": {"a": 1}}, "body must be text in base64"),
        ({"statusCode": 200, "isBase64Encoded": "yes", "body": "AA=="}, "isBase64Encoded must be true or false"),
        ({"statusCode": 200, "body": "\ud800"}, "half of a surrogate pair"),
        ({"statusCode": 200, "body": float("nan")}, "NaN, which JSON does not have"),
        ({"statusCode": 200, "body": [float("-inf")]}, "-Infinity, which JSON does not have"),
    ],
)
def test_a_malformed_answer_names_its_fault(value: Any, fault: str) -> None:
    with pytest.raises(InvalidAnswer) as caught:
        answer(value)
    assert fault in caught.value.detail
    assert caught.value.status == 502


def test_what_is_not_json_at_all_is_refused() -> None:
    with pytest.raises(InvalidAnswer, match="not JSON"):
        read_answer(b'{"statusCode": 200')
