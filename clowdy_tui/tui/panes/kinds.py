"""Every kind of pane that a project has, in the order of its nodes in the tree. Light: the first frame reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, cast

from clowdy_tui.tui.state import PlaceKind, ScreenState

if TYPE_CHECKING:
    from clowdy_tui.tui.panes.pane import ProjectPane


def _nothing(state: ScreenState, project_id: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class PaneKind:
    """One kind. `pane` is where its class is, `module:Class`, imported when the first is opened.

    `about` is what the help says of it. After an event of one of the types `events` in the same project (or in none)
    it fetches anew. `tail` is what stands at the right of its node: how many there are, or nothing.
    """

    id: PlaceKind
    title: str
    about: str
    pane: str
    events: tuple[str, ...] = ()
    tail: Callable[[ScreenState, str], str] = _nothing
    in_tree: bool = True

    def load(self) -> type[ProjectPane]:
        """Its class."""
        module, _, name = self.pane.partition(":")
        return cast("type[ProjectPane]", getattr(import_module(f"clowdy_tui.tui.panes.{module}"), name))


def _count_routes(state: ScreenState, project_id: str) -> str:
    return str(len(state.routes.get(project_id, ())) or "")


_KINDS = (
    PaneKind(
        "routes",
        "Routes",
        "The addresses of the project's functions. Enter edits the route under the cursor, t tries it in the console.",
        "routes:RoutesPane",
        tail=_count_routes,
    ),
)

PANES: Mapping[str, PaneKind] = {kind.id: kind for kind in _KINDS}
