"""The project tree: projects, their functions and routes, and the functions on their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from rich.style import Style
from rich.text import Text
from textual import on
from textual.binding import BindingType
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.messages import PlaceChanged, PlaceChosen
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.state import Link, Place, ScreenState
from clowdy_tui.tui.text import shorten, visible

if TYPE_CHECKING:
    from clowdy_tui.domain.schemas import FunctionOut, RouteOut

Node = TreeNode[Place]
BRANCHES = ("functions", "routes")
"""The panes whose nodes have something below them."""

NAME_LEFT = 8
"""Cells of the function's name that are kept where a route's path is long."""

Outline: TypeAlias = list[tuple[Place, "Outline | None"]]


class ProjectTree(Tree[Place], inherit_bindings=False):
    """Drawn from the screen's state; what is open and where the cursor is survives every redrawing."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    BORDER_TITLE = "Projects"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("tree.up", "cursor_up"),
        bind("tree.down", "cursor_down"),
        bind("tree.into", "into"),
        bind("tree.out", "out"),
        bind("tree.open", "select_cursor"),
        bind("tree.fold", "toggle_node"),
        bind("tree.fold_all", "toggle_expand_all"),
        bind("tree.page_up", "page_up"),
        bind("tree.page_down", "page_down"),
        bind("tree.first", "scroll_home"),
        bind("tree.last", "scroll_end"),
        bind("tree.parent", "cursor_parent"),
        bind("tree.parent_next", "cursor_parent_next_sibling"),
        bind("tree.sibling_before", "cursor_previous_sibling"),
        bind("tree.sibling_after", "cursor_next_sibling"),
    ]
    ICON_NODE = "▸ "
    ICON_NODE_EXPANDED = "▾ "
    ICON_PANE = "· "
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "tree--project", "tree--section", "tree--muted", "tree--active", "tree--inactive", "tree--unsaved",
        "tree--get", "tree--post", "tree--delete", "tree--any", "tree--method", "tree--running",
    }  # fmt: skip

    def __init__(
        self,
        state: ScreenState,
        keymap: Keymap,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own word
        classes: str | None = None,
    ) -> None:
        super().__init__("projects", Place(), id=id, classes=classes)
        for binding in keymap.tree_bindings():
            self._bindings.bind(binding.key, binding.action, binding.description, show=False)
        self._state = state
        self._opened: dict[Place, bool] = {}
        self._drawn: Outline = []
        self.show_root = False
        self.show_guides = False
        self.guide_depth = 2
        self.auto_expand = False

    def redraw(self) -> None:
        """Draw the state as it is now. Where no branch or leaf came or went, only the labels are."""
        outline = self._outline()
        if outline == self._drawn:
            for node in _walk(self.root):
                node.refresh()
            return
        self._drawn = outline
        cursor = self.cursor_node.data if self.cursor_node else None
        self.clear()
        self._grow(self.root, outline)
        self._return_to(cursor)

    def _outline(self) -> Outline:
        """What the tree consists of: each place with what is below it, and None for leaves."""
        state = self._state
        outline: Outline = []
        for project in state.projects_by_name():
            id_ = project.id
            functions: Outline = [_function_outline(function) for function in state.functions_of(id_)]
            routes: Outline = [
                (Place("route", id_, route.function_id, route.id), None) for route in state.routes.get(id_, [])
            ]
            sections: Outline = [
                (Place("functions", id_), functions or [(Place("hint", id_), None)]),
                (Place("routes", id_), routes or [(Place("hint", id_, None, "routes"), None)]),
                *((Place(kind.id, id_), None) for kind in PANES.values() if kind.in_tree and kind.id not in BRANCHES),
            ]
            outline.append((Place("project", id_), sections))
        if alone := state.functions_of(None):
            outline.append((Place("group"), [_function_outline(function) for function in alone]))
        if not outline and state.link is Link.ONLINE:
            outline.append((Place("hint"), None))
        return outline

    def _grow(self, parent: Node, outline: Outline) -> None:
        for place, below in outline:
            if below is None:
                parent.add_leaf("", place)
            else:
                # A few projects are shown whole, many by their names.
                opened = place.kind != "project" or len(self._state.projects) <= 3
                self._grow(parent.add("", place, expand=self._opened.get(place, opened)), below)

    @property
    def folds(self) -> dict[Place, bool]:
        """Which branches somebody opened (True) or closed."""
        return dict(self._opened)

    def fold(self, folds: Mapping[Place, bool]) -> None:
        """Open and close branches as they once were."""
        self._opened.update(folds)
        self._drawn = []
        self.redraw()

    def reveal(self, place: Place) -> None:
        """Put the cursor on a place, opening what it is in."""
        for node in _walk(self.root):
            if node.data == place:
                parent = node.parent
                while parent is not None:
                    parent.expand()
                    parent = parent.parent
                self.call_after_refresh(self.move_cursor, node)
                return

    def _return_to(self, cursor: Place | None) -> None:
        # Asking for the last line makes the tree count its lines: before that no node has one to go to.
        if self.last_line < 0:
            return
        nodes = list(_walk(self.root))
        same = next((node for node in nodes if node.data == cursor), None)
        near = next((node for node in nodes if cursor and node.data and _is_near(node.data, cursor)), None)
        self.move_cursor(same or near or self.root.children[0])

    @on(Tree.NodeExpanded)
    @on(Tree.NodeCollapsed)
    def _remember_opened(self, event: Tree.NodeExpanded[Place] | Tree.NodeCollapsed[Place]) -> None:
        event.stop()
        if event.node.data is not None:
            self._opened[event.node.data] = event.node.is_expanded

    @on(Tree.NodeHighlighted)
    def _tell_place(self, event: Tree.NodeHighlighted[Place]) -> None:
        event.stop()
        self.post_message(PlaceChanged(event.node.data or Place()))

    @on(Tree.NodeSelected)
    def _tell_choice(self, event: Tree.NodeSelected[Place]) -> None:
        event.stop()
        place = event.node.data
        if event.node.allow_expand and not (place and (place.kind in PANES or place.kind == "function")):
            event.node.toggle()
        elif event.node.data is not None:
            self.post_message(PlaceChosen(event.node.data))

    def action_into(self) -> None:
        """Open the branch under the cursor, or go to its first child."""
        node = self.cursor_node
        if node is not None and node.allow_expand:
            if node.is_expanded:
                self.action_cursor_down()
            else:
                node.expand()

    def action_out(self) -> None:
        """Close the branch under the cursor, or go to the one it is in."""
        node = self.cursor_node
        if node is None:
            return
        if node.allow_expand and node.is_expanded:
            node.collapse()
        elif node.parent is not None and node.parent is not self.root:
            self.move_cursor(node.parent)

    def render_label(self, node: Node, base_style: Style, style: Style) -> Text:
        place = node.data or Place()
        depth = max(0, _depth(node) - 1)
        width = self.scrollable_content_region.width - depth * self.guide_depth - 1
        left, right = self._label(node, place, width)
        room = max(4, width - (right.cell_len + 1 if right.plain else 0))
        if left.cell_len > room:
            left.truncate(room, overflow="ellipsis")
        label = left
        label.append(" " * max(1, width - left.cell_len - right.cell_len))
        label.append_text(right)
        # Under the cursor one colour rules, or parts of the label would vanish on the accent.
        if self._is_cursor(node):
            label = _plain(label)
        return _over(label, style)

    def _is_cursor(self, node: Node) -> bool:
        return self.has_focus and node is self.cursor_node

    def _label(self, node: Node, place: Place, width: int) -> tuple[Text, Text]:
        state = self._state
        match place.kind:
            case "project":
                project = state.projects.get(place.project_id or "")
                name = visible(project.name) if project else ""
                return self._twig(node).append(name, self._style("project")), Text()
            case "group":
                return self._twig(node).append("no project", self._style("project")), Text()
            case "function":
                function = state.functions.get(place.function_id or "")
                return self._function_label(function, node) if function else (Text(), Text())
            case "file":
                return self._file_label(place)
            case "route":
                route = state.find_route(place.project_id, place.route_id)
                return self._route_label(route, width) if route else (Text(), Text())
            case "hint":
                if place.project_id is None:
                    return Text("none yet · p makes one", self._style("muted")), Text()
                key = "a" if place.route_id else "n"
                return Text(f"none yet · {key} adds one", self._style("muted")), Text()
            case _ if kind := PANES.get(place.kind):
                tail = kind.tail(state, place.project_id or "")
                name = kind.title.lower()
                return self._twig(node).append(name, self._style("section")), Text(tail, self._style("muted"))
        return Text(), Text()

    def _twig(self, node: Node) -> Text:
        # A click on the sign folds, one on the name beside it opens.
        if not node.allow_expand:
            return Text().append(self.ICON_PANE, self._style("muted"))
        icon = self.ICON_NODE_EXPANDED if node.is_expanded else self.ICON_NODE
        return Text().append(icon, self._style("muted") + Style(meta={"toggle": True}))

    def _file_label(self, place: Place) -> tuple[Text, Text]:
        tail = Text()
        if (place.function_id, place.path) in self._state.unsaved_files:
            tail.append("unsaved", self._style("unsaved"))
        return Text(visible(place.path or ""), self._style("muted")), tail

    def _function_label(self, function: FunctionOut, node: Node) -> tuple[Text, Text]:
        active = function.status == "active"
        label = Text().append("● " if active else "○ ", self._style("active" if active else "inactive"))
        label.append(visible(function.name), self._style("muted") if not active else None)
        if function.files:
            label.append(" ▾" if node.is_expanded else f" ▸ {len(function.files) + 1} files", self._style("muted"))
        tail = Text()
        if function.id in self._state.unsaved:
            tail.append("unsaved ", self._style("unsaved"))
        if function.id in self._state.saving:
            tail.append("saving ", self._style("running"))
        if function.id in self._state.running:
            tail.append("running ", self._style("running"))
        if not active:
            tail.append("inactive ", self._style("inactive"))
        return label, tail.append(f"v{function.active_version}", self._style("muted"))

    def _route_label(self, route: RouteOut, width: int) -> tuple[Text, Text]:
        # The colours are those of the pane of routes.
        own = route.method.lower() if route.method in ("GET", "POST", "DELETE", "ANY") else "method"
        label = Text().append(f"{route.method:<4} ", self._style(own))
        label.append(visible(route.path))
        # Where both do not fit the path matters more, but some of the name is left.
        room = max(NAME_LEFT, width - label.cell_len - 3)
        return label, Text().append("→ " + shorten(visible(route.function_name), room), self._style("muted"))

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"tree--{name}", partial=True)


def _function_outline(function: FunctionOut) -> tuple[Place, Outline | None]:
    place = Place("function", function.project_id, function.id)
    if not function.files:
        return place, None
    files: Outline = [
        (Place("file", function.project_id, function.id, path=path), None) for path in sorted(function.files)
    ]
    return place, files


def _walk(node: Node) -> Iterable[Node]:
    for child in node.children:
        yield child
        yield from _walk(child)


def _depth(node: Node) -> int:
    depth = 0
    while node.parent is not None:
        node, depth = node.parent, depth + 1
    return depth


def _is_near(place: Place, lost: Place) -> bool:
    """Where the cursor goes when what it was on is gone: to the section that it was in."""
    section = {"function": "functions", "file": "functions", "route": "routes"}.get(lost.kind, "project")
    return place.kind == section and place.project_id == lost.project_id


def _plain(label: Text) -> Text:
    """The label without its colours; what a click on a part of it means stays."""
    plain = Text(label.plain)
    for span in label.spans:
        if isinstance(span.style, Style) and span.style.meta:
            plain.stylize(Style(meta=span.style.meta), span.start, span.end)
    return plain


def _over(label: Text, style: Style) -> Text:
    label.stylize_before(style)
    return label
