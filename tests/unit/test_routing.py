import random

import pytest

from clowdy_tui.domain import names
from clowdy_tui.services.routing import Match, MethodNotAllowed, NoRoute, RouteEntry, Router


def make(*routes: str) -> Router:
    """A router of "METHOD /path" texts, each its own id."""
    return Router(RouteEntry(route, "f", *route.split(" ", 1)) for route in routes)


def found(router: Router, method: str, path: str) -> tuple[str, dict[str, str]] | None:
    match = router.match(method, path)
    return (match.route.id, match.params) if isinstance(match, Match) else None


def test_the_most_specific_path_wins_segment_by_segment() -> None:
    router = make("GET /users/me", "GET /users/:id", "GET /users/*rest", "GET /*all", "GET /:a/b/c")
    assert found(router, "GET", "/users/me") == ("GET /users/me", {})
    assert found(router, "GET", "/users/7") == ("GET /users/:id", {"id": "7"})
    assert found(router, "GET", "/users/7/posts") == ("GET /users/*rest", {"rest": "7/posts"})
    assert found(router, "GET", "/users/b/c") == ("GET /users/*rest", {"rest": "b/c"})
    assert found(router, "GET", "/other/b/c") == ("GET /:a/b/c", {"a": "other"})
    assert found(router, "GET", "/") == ("GET /*all", {"all": ""})


def test_only_routes_that_take_the_method_count() -> None:
    router = make("GET /users/me", "POST /users/:id", "ANY /users/*rest")
    assert found(router, "POST", "/users/me") == ("POST /users/:id", {"id": "me"})
    assert found(router, "DELETE", "/users/me") == ("ANY /users/*rest", {"rest": "me"})


def test_a_more_specific_any_wins_over_the_exact_method_and_loses_on_the_same_path() -> None:
    router = make("ANY /users/me", "GET /users/:id", "ANY /users/:id")
    assert found(router, "GET", "/users/me") == ("ANY /users/me", {})
    assert found(router, "GET", "/users/1") == ("GET /users/:id", {"id": "1"})
    assert found(router, "PUT", "/users/1") == ("ANY /users/:id", {"id": "1"})


def test_each_method_has_its_own_parameter_names() -> None:
    router = make("GET /a/:one", "POST /a/:two")
    assert found(router, "GET", "/a/x") == ("GET /a/:one", {"one": "x"})
    assert found(router, "POST", "/a/x") == ("POST /a/:two", {"two": "x"})


def test_405_lists_what_the_path_takes_and_404_is_for_no_path() -> None:
    router = make("GET /a", "POST /a", "DELETE /:x", "PUT /b")
    assert router.match("PATCH", "/a") == MethodNotAllowed(("DELETE", "GET", "HEAD", "POST"))
    assert router.match("POST", "/b") == MethodNotAllowed(("DELETE", "PUT"))
    assert router.match("GET", "/a/b") == NoRoute()
    assert make().match("GET", "/") == NoRoute()


def test_head_is_answered_by_get_unless_it_has_a_route() -> None:
    assert found(make("GET /a"), "HEAD", "/a") == ("GET /a", {})
    assert found(make("GET /a", "HEAD /a"), "HEAD", "/a") == ("HEAD /a", {})
    assert found(make("ANY /a", "GET /a"), "HEAD", "/a") == ("GET /a", {})
    assert isinstance(make("POST /a").match("HEAD", "/a"), MethodNotAllowed)


@pytest.mark.parametrize("path", ["/users", "/users/", "users", "users/"])
def test_slashes_at_the_ends_do_not_matter(path: str) -> None:
    assert found(make("GET /users/"), "GET", path) == ("GET /users/", {})


@pytest.mark.parametrize("path", ["", "/"])
def test_the_root(path: str) -> None:
    assert found(make("GET /"), "GET", path) == ("GET /", {})


@pytest.mark.parametrize("path", ["//users", "/users//", "/users//x"])
def test_empty_segments_are_nothing_that_a_parameter_takes(path: str) -> None:
    assert isinstance(make("GET /users/:id", "GET /:x/users", "GET /users").match("GET", path), NoRoute)


def test_a_wildcard_takes_the_rest_also_when_it_is_empty() -> None:
    router = make("GET /files/*rest")
    assert found(router, "GET", "/files") == ("GET /files/*rest", {"rest": ""})
    assert found(router, "GET", "/files/") == ("GET /files/*rest", {"rest": ""})
    assert found(router, "GET", "/files/a//b/") == ("GET /files/*rest", {"rest": "a//b"})
    assert found(make("GET /files/*rest", "GET /files"), "GET", "/files") == ("GET /files", {})


def test_segments_are_decoded_once_after_they_are_taken_apart() -> None:
    router = make("GET /f/:name", "GET /f/a/b", "GET /caf%C3%A9/:x", "GET /a%2Fb")
    assert found(router, "GET", "/f/a%2Fb") == ("GET /f/:name", {"name": "a/b"})
    assert found(router, "GET", "/f/100%2525") == ("GET /f/:name", {"name": "100%25"})
    assert found(router, "GET", "/f/%F0%9F%8E%89") == ("GET /f/:name", {"name": "🎉"})
    assert found(router, "GET", "/f/%zz") == ("GET /f/:name", {"name": "%zz"})
    assert found(router, "GET", "/caf%c3%a9/1") == ("GET /caf%C3%A9/:x", {"x": "1"})
    assert found(router, "GET", "/café/1") == ("GET /caf%C3%A9/:x", {"x": "1"})
    assert found(router, "GET", "/a%2fb") == ("GET /a%2Fb", {})
    assert found(make("GET /f/*rest"), "GET", "/f/a%2Fb/c") == ("GET /f/*rest", {"rest": "a/b/c"})


def test_a_failed_branch_leaves_no_parameters_behind() -> None:
    router = make("GET /:a/:b/x", "GET /*rest")
    assert found(router, "GET", "/1/2/3") == ("GET /*rest", {"rest": "1/2/3"})


def _by_comparison(routes: list[RouteEntry], method: str, path: str) -> str | None:
    """The slow way to the same answer: all routes that match, the most specific path first, exact before ANY."""
    segments = [part for part in path.strip("/").split("/") if part]
    best: tuple[tuple[object, ...], str] | None = None
    for route in routes:
        if route.method not in {method, "ANY"}:
            continue
        parts = names.parse_route(route.path).segments
        wild = bool(parts) and parts[-1].kind == "wildcard"
        if len(parts) - wild > len(segments) or (not wild and len(parts) != len(segments)):
            continue
        if any(part.kind == "literal" and part.text != text for part, text in zip(parts, segments, strict=False)):
            continue
        ranks = tuple(["literal", "parameter", "wildcard"].index(part.kind) for part in parts)
        rank = (ranks, route.method == "ANY")
        if best is None or rank < best[0]:
            best = (rank, route.id)
    return best[1] if best else None


def test_the_tree_agrees_with_comparing_every_route() -> None:
    chance = random.Random(7)
    for _ in range(200):
        shapes: dict[tuple[str, str], RouteEntry] = {}
        for _ in range(chance.randint(1, 15)):
            parts = [chance.choice(["a", "b", ":p{}", ":p{}"]).format(depth) for depth in range(chance.randint(0, 4))]
            if chance.random() < 0.3:
                parts.append("*rest")
            path, method = "/" + "/".join(parts), chance.choice(["GET", "POST", "ANY"])
            shapes[method, names.parse_route(path).shape] = RouteEntry(f"{method} {path}", "f", method, path)
        routes = list(shapes.values())
        router = Router(routes)
        for _ in range(30):
            path = "/" + "/".join(chance.choice("abc") for _ in range(chance.randint(0, 5)))
            method = chance.choice(["GET", "POST", "PUT"])
            match = router.match(method, path)
            assert (match.route.id if isinstance(match, Match) else None) == _by_comparison(routes, method, path), path
