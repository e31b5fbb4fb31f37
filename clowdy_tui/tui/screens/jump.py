"""Jump mode: a letter on everything that can have the focus, and on every tab. The letter goes there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.errors import NoWidget
from textual.geometry import Offset, Size
from textual.style import Style
from textual.widget import Widget
from textual.widgets import Static

from clowdy_tui.tui.messages import Perform
from clowdy_tui.tui.screens.modal import Modal
from clowdy_tui.tui.screens.workbench import Workbench
from clowdy_tui.tui.widgets.tabs import TabBar

LETTERS = "asdfghjklqwertyuiopzxcvbnm"
"""Under the fingers first."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Somewhere to go: where its letter stands on the screen, and what goes there."""

    at: Offset
    go: Callable[[], object]


class JumpScreen(Modal[Spot]):
    """The letters over the dimmed workbench. Dismisses with the chosen spot, or None. A click chooses, too."""

    CSS_PATH = "jump.tcss"

    def __init__(self, spots: Sequence[Spot]) -> None:
        super().__init__()
        self._laid_out_for: Size | None = None
        self._spots = dict(zip(LETTERS, spots, strict=False))

    def compose(self) -> ComposeResult:
        for letter, spot in self._spots.items():
            text = Content(f" {letter} ").stylize(Style.from_meta({"letter": letter}))
            label = Static(text, classes="letter")
            label.styles.offset = (spot.at.x, spot.at.y)
            yield label
        yield Static("Press the letter of where to go; any other key stays", id="hint", markup=False)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(self._spots.get((event.character or "").lower()))

    def on_click(self, event: events.Click) -> None:
        self.dismiss(self._spots.get(event.style.meta.get("letter", "")))

    def on_resize(self, event: events.Resize) -> None:
        # The letters would stand where nothing is any more.
        if self._laid_out_for not in (None, event.size):
            self.dismiss(None)
        self._laid_out_for = event.size


def spots(workbench: Workbench) -> list[Spot]:
    """Every tab in sight, and everything that can have the focus, from the top left to the bottom right."""
    bar, dock = workbench.tabs.query_one(TabBar), workbench.dock
    found = [
        Spot(bar.region.offset + Offset(start, 0), partial(bar.post_message, TabBar.Chosen(key)))
        for key, start in (bar.places() if _can_be_seen(workbench, bar) else ())
    ]
    found += [
        Spot(dock.region.offset + Offset(start, 0), partial(dock.post_message, Perform(f"pane.{tab}")))
        for tab, start in (dock.places() if _can_be_seen(workbench, dock) else ())
    ]
    found += [
        Spot(widget.region.offset, widget.focus)
        for widget in workbench.query(Widget)
        if widget.focusable and _can_be_seen(workbench, widget)
    ]
    return sorted(found, key=lambda spot: (spot.at.x // 8, spot.at.y))


def _can_be_seen(workbench: Workbench, widget: Widget) -> bool:
    """Whether the cell in which its letter would stand is its own, and under nothing that slid over."""
    if not widget.is_on_screen or not widget.region.area:
        return False
    try:
        seen, _ = workbench.get_widget_at(*widget.region.offset)
    except NoWidget:
        return False
    return widget in seen.ancestors_with_self
