"""What one types to narrow the log down, and what it lets through."""

from datetime import UTC, datetime, timedelta

import pytest

from clowdy_tui.tui.widgets.log_call import Call, Line, find_level, plain
from clowdy_tui.tui.widgets.log_query import BadQuery, Filter

NOW = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)


def call(status: str | None = "success", began: datetime | None = NOW, **fields: str) -> Call:
    values = {"function_id": "f1", "function_name": "orders", "source": "gateway", "method": "GET", "path": "/x"}
    return Call(id="1", began=began, status=status, **(values | fields))


def line(text: str, of: Call | None = None, kind: str = "stdout") -> Line:
    owner = Line(1, "header", of or call())
    return Line(2, kind, owner.call, text, owner, "error" if kind == "error" else find_level(text)[0])


def passes(typed: str, what: Line) -> bool:
    return Filter.parse(typed, now=NOW).passes(what)


@pytest.mark.parametrize(
    ("typed", "found", "left_out"),
    [
        ("apple pie", "An Apple Pie", "apple-pie"),
        ("!apple", "a pear", "an APPLE"),
        (r"/order \d+:/", "order 12: tea", "order x: tea"),
        (r"!/order \d+/", "order x", "order 12"),
        ("/orders/7", "GET /orders/7 200", "/orders/8"),
        ("a.c", "a.c", "abc"),
        ("[@click=app.quit]x", "[@click=app.quit]x", "x"),
        ("level:warn", "WARNING low", "INFO fine"),
        ("level:warn rates", "ERROR no rates", "ERROR nothing"),
        ("level:error", '{"level": "critical"}', '{"level": "warn"}'),
        ("status", "its status", "nothing"),
        ("12:30", "at 12:30", "at 12:31"),
    ],
)
def test_lines_are_told_apart_by_what_is_in_them(typed: str, found: str, left_out: str) -> None:
    assert passes(typed, line(found))
    assert not passes(typed, line(left_out))


@pytest.mark.parametrize(
    ("typed", "taken", "left_out"),
    [
        ("status:failed", call("timeout"), call("success")),
        ("status:failed", call("throttled"), call(None)),
        ("status:running", call(None), call("error")),
        ("status:error,timeout", call("timeout"), call("crashed")),
        ("source:gateway", call(source="gateway"), call(source="test")),
        ("since:10m", call(began=NOW - timedelta(minutes=9)), call(began=NOW - timedelta(minutes=11))),
        ("since:2h", call(began=NOW - timedelta(minutes=119)), call(began=NOW - timedelta(minutes=121))),
        ("since:12:30", call(began=NOW), call(began=NOW - timedelta(minutes=1))),
        ("until:12:30:15", call(began=NOW - timedelta(seconds=1)), call(began=NOW)),
        ("until:2026-05-04", call(began=NOW - timedelta(days=1)), call(began=NOW)),
        ("since:2026-05-04T12:30:15", call(began=NOW), call(began=NOW - timedelta(seconds=1))),
        ("since:1h until:30m", call(began=NOW - timedelta(minutes=45)), call(began=NOW)),
    ],
)
def test_calls_are_told_apart_by_how_and_when_they_ran(typed: str, taken: Call, left_out: Call) -> None:
    assert passes(typed, line("x", taken))
    assert not passes(typed, line("x", left_out))
    assert passes(f"x {typed}", line("x", taken)), "beside a text"
    assert not passes(f"y {typed}", line("x", taken))


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/a(/", "no regular expression"),
        ("status:fialed", "status:failed?"),
        ("status:erro", "status:error?"),
        ("level:loud", "there is trace, debug, info, warn, error, fatal"),
        ("since:soon", "since:10m, since:14:30"),
        ("until:25:99", "no time"),
        ("since:99999999999w", "further back than there are dates"),
        ("source:moon", "source:moon is none"),
    ],
)
def test_what_means_nothing_is_said_with_what_would(typed: str, said: str) -> None:
    with pytest.raises(BadQuery, match=r".") as caught:
        Filter.parse(typed, now=NOW)
    assert said in str(caught.value)


def test_the_gateway_is_asked_for_what_it_can_tell_apart() -> None:
    wanted = Filter.parse("x status:failed source:api since:10m", ["f1"], now=NOW)
    assert wanted.api == {
        "function_id": "f1",
        "status": "failed",
        "source": "api",
        "since": NOW - timedelta(minutes=10),
    }
    assert Filter.parse("status:running", now=NOW).api == {}, "what runs is not in the log of calls"
    assert Filter.parse("status:error,timeout", now=NOW).api == {}


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("2026-05-04 12:30:15,123 WARNING root: low", "warn"),
        ("[error] no", "error"),
        ("ERROR: no", "error"),
        ('{"level":"info","msg":"x"}', "info"),
        ("level=debug msg=x", "debug"),
        ("CRITICAL", "fatal"),
        ("an error happened", ""),
        ("INFORMATION", ""),
        ("x" * 200 + " ERROR", ""),
        ("", ""),
    ],
)
def test_levels_are_found_where_loggers_put_them(text: str, level: str) -> None:
    found, start, end = find_level(text)
    assert found == level
    assert bool(text[start:end]) is bool(level)


def test_a_line_as_text_says_whose_it_is() -> None:
    shown = plain(Line(1, "header", call("error", version="7")))
    assert shown.startswith("2026-05-04 12:30:15 orders GET /x error 0.0 ms v7")
    assert plain(line("no", kind="stderr")) == "err no"


EVIL = r"/(a|aa)+$/"


def test_a_pattern_that_takes_for_ever_is_given_up_and_the_log_says_so() -> None:
    wanted = Filter.parse(EVIL, now=NOW)
    lines = [line("a" * 60 + "!") for _ in range(1_000)]
    # Each of them would take longer than anybody waits.
    assert not any(map(wanted.hits, lines))
    assert "takes too long" in wanted.problem
    # It finds nothing from then on, not even what it would find at once.
    assert not wanted.hits(line("aa"))
    assert Filter.parse(EVIL, now=NOW).hits(line("aa"))


def test_many_lines_that_take_long_together_use_a_pattern_up_and_a_text_never_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spent_s = iter(range(1_000))
    monkeypatch.setattr("time.thread_time", lambda: next(spent_s) * 0.04)
    monkeypatch.setattr("time.monotonic", lambda: 0.0)
    slow, plain_text = Filter.parse("/x/", now=NOW), Filter.parse("x", now=NOW)
    assert slow.pattern is not None
    slow.pattern._last = 0.0
    assert [slow.hits(line("x")) for _ in range(10)] == [True] * 8 + [False] * 2
    assert all(plain_text.hits(line("x")) for _ in range(20))
    assert plain_text.problem == ""
