from datetime import UTC, datetime

import pytest

from clowdy_tui.domain import names
from clowdy_tui.domain.errors import InvalidInput


def test_invocation_ids_rise_even_when_the_clock_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    ids = [names.new_invocation_id() for _ in range(1000)]
    assert ids == sorted(set(ids))


def test_invocation_ids_go_on_after_those_that_are_kept() -> None:
    ahead = names.new_invocation_id() + (3_600_000 << 20)
    names.continue_invocation_ids(ahead)
    try:
        assert names.new_invocation_id() == ahead + 1
    finally:
        names._last_invocation_id = 0


def test_invocation_ids_tell_their_time_and_sort_as_text() -> None:
    first, second = names.new_invocation_id(), names.new_invocation_id()
    assert names.format_invocation_id(first) < names.format_invocation_id(second)
    assert names.parse_invocation_id(names.format_invocation_id(first)) == first
    assert names.invocation_id_at(names.invocation_time_ms(first)) <= first
    assert names.parse_invocation_id("nonsense") is None


def test_times_without_invocations_have_ids_that_the_store_can_hold() -> None:
    far, last = datetime(9999, 12, 31, tzinfo=UTC), 2**63 - 1
    assert names.invocation_id_at(int(far.timestamp() * 1000)) == last
    assert names.invocation_id_at(-1) == 0
    assert names.parse_invocation_id("f" * 16) is None
    assert names.parse_invocation_id(f"{last:016x}") == last


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My API", "my-api"),
        ("  a__b  c ", "a-b-c"),
        ("Été à Paris!", "été-à-paris"),
        ("--x--", "x"),
        ("C++ & Rust", "c-rust"),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert names.slugify(name) == slug


@pytest.mark.parametrize("name", ["", "!!!", "---", "🎉"])
def test_a_name_that_leaves_no_slug_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        names.slugify(name)
    assert caught.value.errors[0].loc == ("name",)


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x1b[31m", "x" * 101])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        names.clean_name(name)


@pytest.mark.parametrize(
    ("path", "kept", "shape"),
    [
        ("/", "/", "/"),
        ("", "/", "/"),
        ("users/:id/", "/users/:id", "/users/{}"),
        ("/users/{name}", "/users/{name}", "/users/{}"),
        ("/files/*rest", "/files/*rest", "/files/{*}"),
        ("/caf%C3%A9", "/caf%C3%A9", "/caf%C3%A9"),
        ("/café", "/café", "/caf%C3%A9"),
        ("/%7B%7D", "/%7B%7D", "/%7B%7D"),
        ("/a%2Fb", "/a%2Fb", "/a%2Fb"),
    ],
)
def test_route_patterns(path: str, kept: str, shape: str) -> None:
    pattern = names.parse_route(path)
    assert (pattern.path, pattern.shape) == (kept, shape)


@pytest.mark.parametrize(
    "path",
    [
        "/a b",
        "/a//b",
        "/:1x",
        "/:",
        "/{a-b}",
        "/*",
        "/*rest/more",
        "/:id/:id",
        "/a:b",
        "/x?y",
        "/x#y",
        "/" + "a" * 1024,
    ],
)
def test_route_patterns_that_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        names.parse_route(path)
    assert caught.value.errors[0].loc == ("path",)


@pytest.mark.parametrize("path", ["helpers.py", "a/b/c.txt", "data/été.json"])
def test_bundle_paths(path: str) -> None:
    names.check_bundle_path(path)


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x.py", "a/../../b", "a//b", "a\\b", "a\0b", "./a", "x" * 256])
def test_bundle_paths_that_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        names.check_bundle_path(path)
