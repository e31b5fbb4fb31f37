"""From a method and a path to a route: a tree of segments, made once per change, literals looked up first.

The path comes percent-encoded and is taken apart before it is decoded, so that an encoded slash stays in its segment.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from clowdy_tui.domain import names


@dataclass(frozen=True, slots=True)
class RouteEntry:
    """A route, as far as answering a request needs it."""

    id: str
    function_id: str
    method: str
    path: str
    payload_format: str = "clowdy"
    auth: str = "none"


@dataclass(frozen=True, slots=True)
class Match:
    """The route that answers, and what its parameters stand for, percent-decoded."""

    route: RouteEntry
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class NoRoute:
    """No route has this path."""


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """Routes have this path, but none takes the method. `allow` is for the header: upper case, sorted."""

    allow: tuple[str, ...]


Found = Match | NoRoute | MethodNotAllowed
NO_ROUTE: Final = NoRoute()


@dataclass(slots=True)
class _Leaf:
    """A route where its path ends, with its parameters' names in the order of the path."""

    route: RouteEntry
    names: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    parameter: "_Node | None" = None
    routes: dict[str, _Leaf] = field(default_factory=dict)
    wildcards: dict[str, _Leaf] = field(default_factory=dict)


class Router:
    """The routes of one project. Immutable: a change makes a new one."""

    def __init__(self, routes: Iterable[RouteEntry]) -> None:
        self._root = _Node()
        self.count = 0
        for route in routes:
            self._add(route)
            self.count += 1

    def _add(self, route: RouteEntry) -> None:
        node, parameters = self._root, list[str]()
        for segment in names.parse_route(route.path).segments:
            if segment.kind == "literal":
                node = node.literals.setdefault(segment.text, _Node())
                continue
            parameters.append(segment.text)
            if segment.kind == "wildcard":
                node.wildcards[route.method] = _Leaf(route, tuple(parameters))
                return
            if node.parameter is None:
                node.parameter = _Node()
            node = node.parameter
        node.routes[route.method] = _Leaf(route, tuple(parameters))

    def match(self, method: str, raw_path: str) -> Found:
        """The route for a request. `raw_path` is what follows the project's slug, still percent-encoded.

        The most specific path wins among the routes that take the method: literal before parameter before wildcard,
        segment by segment; the exact method before ANY on the same path. HEAD is answered by GET's route.
        """
        path = raw_path.removeprefix("/").removesuffix("/")
        segments = [unquote(part) if "%" in part else part for part in path.split("/")] if path else []
        search = _Search(method, segments)
        leaf = search.below(self._root, 0)
        if leaf is not None:
            return Match(leaf.route, dict(zip(leaf.names, search.values, strict=True)))
        if not search.allow:
            return NO_ROUTE
        if "GET" in search.allow:
            search.allow.add("HEAD")
        return MethodNotAllowed(tuple(sorted(search.allow)))


@dataclass(slots=True)
class _Search:
    """One request on its way down the tree; `values` are its parameters' so far."""

    method: str
    segments: list[str]
    values: list[str] = field(default_factory=list)
    allow: set[str] = field(default_factory=set)

    def below(self, node: _Node, depth: int) -> _Leaf | None:
        """Depth first, so that a literal's whole subtree is tried before a parameter's. Each node is met once."""
        leaf: _Leaf | None = None
        if depth == len(self.segments):
            leaf = _taken_by(node.routes, self.method, self.allow)
        else:
            segment = self.segments[depth]
            child = node.literals.get(segment)
            if child is not None:
                leaf = self.below(child, depth + 1)
            if leaf is None and node.parameter is not None and segment:
                self.values.append(segment)
                leaf = self.below(node.parameter, depth + 1)
                if leaf is None:
                    self.values.pop()
        if leaf is None and node.wildcards:
            leaf = _taken_by(node.wildcards, self.method, self.allow)
            if leaf is not None:
                self.values.append("/".join(self.segments[depth:]))
        return leaf


def _taken_by(leaves: dict[str, _Leaf], method: str, allow: set[str]) -> _Leaf | None:
    """The leaf that takes the method; where there is none, what these leaves would take is added to `allow`."""
    leaf = leaves.get(method)
    if leaf is None and method == "HEAD":
        leaf = leaves.get("GET")
    if leaf is None:
        leaf = leaves.get("ANY")
    if leaf is None:
        allow.update(leaves)
    return leaf
