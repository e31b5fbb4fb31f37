"""The one screen that stays: tree, editor over dock, chat, between the status bar and the footer.

Which pane is where at which width is decided in the stylesheet by the breakpoints' classes; here is only what a person
can change: which panes are open, which one is zoomed, and where the focus is.
"""

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from clowdy_tui.tui.binding import bind, screen_keys
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.state import ScreenState
from clowdy_tui.tui.widgets.chat import ChatPane
from clowdy_tui.tui.widgets.dock import Dock, DockTab
from clowdy_tui.tui.widgets.editor import EditorTabs
from clowdy_tui.tui.widgets.footer import KeyFooter
from clowdy_tui.tui.widgets.statusbar import StatusBar
from clowdy_tui.tui.widgets.tree import ProjectTree
from clowdy_tui.tui.widgets.welcome import Welcome

NARROW = 100
"""Below so many columns tree and chat slide over the rest."""

BREAKPOINTS: list[tuple[int, str]] | None = [(0, "-narrow"), (NARROW, "-normal"), (160, "-wide")]
REGIONS = ("tree", "editor", "dock", "chat")
SLIDING = ("tree", "chat")
_PANE_CLASSES = tuple(f"-{region}-{way}" for region in REGIONS for way in ("open", "closed")) + tuple(
    f"-zoom-{region}" for region in REGIONS
)


class Workbench(Screen[None], inherit_bindings=False):
    """The panes. `-narrow` below 100 columns, `-wide` from 160.

    Whether tree and chat are open (`-tree-open`, `-tree-closed`) is a person's wish for a screen with room for them;
    `-tree-over` says that one has slid over the rest where there is none, and that goes with the focus.
    """

    HORIZONTAL_BREAKPOINTS = BREAKPOINTS
    BINDINGS: ClassVar[list[BindingType]] = [bind("screen.retreat", "retreat"), *screen_keys()]
    AUTO_FOCUS = "#tree"

    def __init__(self, state: ScreenState, keymap: Keymap, *, ssh: bool = False) -> None:
        super().__init__()
        self._state = state
        self._keymap = keymap
        self._ssh = ssh
        self.heading: Widget | None = None
        """Where the focus was sent, until it is there."""

    def compose(self) -> ComposeResult:
        yield StatusBar(self._state, id="status")
        with Horizontal(id="body"):
            yield ProjectTree(self._state, self._keymap, id="tree", classes="pane")
            with Vertical(id="center"):
                with Vertical(id="editor", classes="pane"):
                    yield Welcome(self._state, self._keymap, id="welcome")
                    yield EditorTabs(id="tabs", ssh=self._ssh)
                run_key = self._keymap.key_of("function.run")
                yield Dock(run_key=run_key, keys=self._keymap.added, ssh=self._ssh, id="dock", classes="pane")
            yield ChatPane(id="chat", classes="pane")
        yield KeyFooter(self._state, self._keymap, id="footer")

    def on_mount(self) -> None:
        self.tabs.display = False

    @property
    def project_tree(self) -> ProjectTree:
        return self.query_one("#tree", ProjectTree)

    @property
    def tabs(self) -> EditorTabs:
        return self.query_one("#tabs", EditorTabs)

    @property
    def chat(self) -> ChatPane:
        return self.query_one("#chat", ChatPane)

    @property
    def dock(self) -> Dock:
        return self.query_one("#dock", Dock)

    def on_resize(self, event: events.Resize) -> None:
        """Narrow, what has the focus slides over and nothing else; wide, all is as it was wished for."""
        narrow = event.size.width < NARROW
        if narrow != self.has_class("-narrow"):
            over = {f"-{self._state.region}-over"} if narrow and self._state.region in SLIDING else set()
            self._swap_classes({f"-{region}-over" for region in SLIDING}, over)

    def redraw(self, *, tree: bool = False) -> None:
        """Draw the state as it is now; the tree only where it changed, for that is the dear part."""
        if tree:
            self.project_tree.redraw()
            self.tabs.redraw_panes()
        welcome = self.query_one(Welcome)
        if welcome.display:
            welcome.redraw()
        self.refresh_bars()

    def refresh_bars(self) -> None:
        self.query_one(StatusBar).refresh()
        self.query_one(KeyFooter).refresh()

    def show_editor(self, shown: bool) -> None:
        """The tabs, or the welcome where nothing is open."""
        self.tabs.display = shown
        self.query_one("#editor").set_class(shown, "-open")
        # Where there is room for both, nothing looks different for it.
        self.set_class(shown, "-busy", update=self.has_class("-narrow"))
        welcome = self.query_one(Welcome)
        welcome.display = not shown
        if welcome.display:
            welcome.redraw()

    def make_room(self, wanted: bool) -> None:
        """Hide the dock while it has not the focus, for what is in the centre."""
        self.set_class(wanted, "-roomy")

    def go(self, region: str) -> None:
        """Give a pane the focus, opening it first."""
        self.uncover(region)
        self.heading = self.query_one(f"#{region}")
        match region:
            case "tree":
                self._open(region)
                self.project_tree.focus()
            case "chat":
                self._open(region)
                self.chat.enter()
            case "dock":
                self._note_dock(True)
                self.dock.focus_shown()
            case _:
                if not self.tabs.focus_front():
                    self.query_one(Welcome).focus()

    def go_or_hide(self, region: str) -> None:
        """As `go`; hides the pane where the focus is in it already, and goes to the editor."""
        if self._state.region == region and self._is_shown(region):
            self._close(region)
            self.go("editor")
        else:
            self.go(region)

    def go_dock(self, tab: DockTab) -> None:
        """Bring a tab of the dock to the front and give it the focus."""
        self.show_dock(tab)
        self.go("dock")

    def show_dock(self, tab: DockTab) -> None:
        """Bring a tab of the dock to the front."""
        self.dock.show(tab)
        self._state.dock = tab
        self.refresh_bars()

    def go_next(self) -> None:
        """Give the next pane that is open the focus."""
        open_ = [region for region in REGIONS if region in ("editor", "dock") or self._is_shown(region)]
        here = open_.index(self._state.region) if self._state.region in open_ else -1
        self.go(open_[(here + 1) % len(open_)])

    def zoom(self) -> None:
        """Give the focused pane the whole screen, or take it back."""
        wanted = f"-zoom-{self._state.region}"
        zoomed = self.has_class(wanted)
        self.remove_class(*(f"-zoom-{region}" for region in REGIONS))
        if not zoomed:
            self.add_class(wanted)

    @property
    def panes(self) -> tuple[str, ...]:
        """The classes that say which panes a person opened, closed or zoomed; see `set_panes`."""
        return tuple(sorted(name for name in self.classes if name.startswith(_PANE_CLASSES)))

    def set_panes(self, classes: Iterable[str]) -> None:
        """Open, close and zoom panes as they once were; what is no longer known is passed over."""
        self._swap_classes(self.panes, (name for name in classes if name.startswith(_PANE_CLASSES)))

    def action_retreat(self) -> None:
        """Escape: what slid over slides away, else the zoom ends."""
        for region in SLIDING:
            if self.has_class("-narrow") and self._is_shown(region):
                self._close(region)
                self.go("editor")
                return
        self.remove_class(*(f"-zoom-{region}" for region in REGIONS))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        within = event.widget.ancestors_with_self
        if self.heading in within:
            self.heading = None
        if self.tabs.heading in within:
            self.tabs.heading = None
        region = self._region_of(event.widget)
        types = isinstance(event.widget, Input | TextArea)
        if types != self._state.types:
            self._state.types = types
            self.query_one(KeyFooter).refresh()
        if region is None or region == self._state.region:
            return
        self._state.region = region
        self._note_dock(region == "dock")
        if self.has_class("-narrow"):
            self._swap_classes({f"-{other}-over" for other in SLIDING if other != region}, set())
        self.redraw()

    def _note_dock(self, entered: bool) -> None:
        # It shows the dock where that gave its room away. Everywhere else nothing would look different for it, and to
        # style all panes anew takes longer than the rest of a change of the focus.
        self.set_class(entered, "-in-dock", update=self.has_class("-roomy"))

    def _swap_classes(self, old: Iterable[str], new: Iterable[str]) -> None:
        """Take classes away and add others: all panes are styled anew once for both, or not at all."""
        wanted = (self.classes - set(old)) | set(new)
        if wanted != self.classes:
            self.set_classes(wanted)

    def _region_of(self, widget: Widget) -> str | None:
        return next((node.id for node in widget.ancestors_with_self if node.id in REGIONS), None)

    def _is_shown(self, region: str) -> bool:
        return self.query_one(f"#{region}").display

    def _open(self, region: str) -> None:
        if self.has_class("-narrow"):
            self.add_class(f"-{region}-over")
        else:
            self._swap_classes({f"-{region}-closed"}, {f"-{region}-open"})

    def _close(self, region: str) -> None:
        if self.has_class("-narrow"):
            self.remove_class(f"-{region}-over")
        else:
            self._swap_classes({f"-{region}-open"}, {f"-{region}-closed"})

    def uncover(self, region: str) -> None:
        """End the zoom of any other pane, which would hide this one."""
        self.remove_class(*(f"-zoom-{other}" for other in REGIONS if other != region))
