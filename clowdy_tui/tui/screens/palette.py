"""The command palette: every action and every function, by a few letters of its name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.keymap import Keymap
from clowdy_tui.tui.messages import Perform, PlaceChosen
from clowdy_tui.tui.panes.kinds import PANES
from clowdy_tui.tui.screens.modal import Modal
from clowdy_tui.tui.state import Place, ScreenState
from clowdy_tui.tui.text import shorten, visible
from clowdy_tui.tui.widgets.choices import ChoiceList
from clowdy_tui.tui.widgets.literal_input import LiteralInput


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to choose; `message` is what is posted to the app then. `tail` stands dim at the right."""

    title: str
    tail: str
    message: Message
    sign: str = " "
    blocked: bool = False


class Palette(Modal[Message]):
    """An input over the list of what fits it. Dismisses with the chosen entry's message, or None.

    `empty` is said where there is nothing to choose from.
    """

    CSS_PATH = "palette.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("palette.choose", "choose", priority=True),
        bind("palette.leave", "leave", priority=True),
        bind("palette.down", "move('cursor_down')", priority=True),
        bind("palette.up", "move('cursor_up')", priority=True),
        bind("palette.page_down", "move('page_down')", priority=True),
        bind("palette.page_up", "move('page_up')", priority=True),
    ]

    def __init__(self, entries: Sequence[Entry], placeholder: str, empty: str = "Nothing is there yet") -> None:
        super().__init__()
        self._entries = entries
        self._found: list[Entry] = []
        self._sought = ""
        self._placeholder = placeholder
        self._empty = empty
        self._fuzzy = FuzzySearch()

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield LiteralInput(placeholder=self._placeholder, id="query")
            yield ChoiceList(id="found")
            yield Static("Nothing fits" if self._entries else self._empty, id="nothing", markup=False)

    def on_mount(self) -> None:
        self.query_one("#found", OptionList).can_focus = False
        self.call_after_refresh(self._search_again)

    def on_resize(self) -> None:
        self.call_after_refresh(self._search_again)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_move(self, action: str) -> None:
        getattr(self.query_one("#found", OptionList), f"action_{action}")()

    @on(Input.Changed, "#query")
    def _retype(self, event: Input.Changed) -> None:
        self._search(event.value)

    def action_choose(self) -> None:
        """Take what the cursor is on, once the letters that were typed before have been searched for."""
        self.query_one("#query", Input).call_later(self.call_later, self._enter)

    def _enter(self) -> None:
        # Where they were, what one moved to stays.
        if self.query_one("#query", Input).value.strip() != self._sought:
            self._search_again()
        index = self.query_one("#found", OptionList).highlighted
        if index is not None and self._found:
            self.dismiss(self._found[index].message)

    @on(OptionList.OptionSelected, "#found")
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._found[event.option_index].message)

    def _search_again(self) -> None:
        # What stands there when the layout is done: keys typed at once must not be answered with the whole list.
        self._search(self.query_one("#query", Input).value)

    def _search(self, query: str) -> None:
        self._sought = query = query.strip()
        fits: list[tuple[float, Sequence[int], Entry]] = [(1.0, (), entry) for entry in self._entries]
        if query:
            matches = ((*self._fuzzy.match(query, entry.title), entry) for entry in self._entries)
            fits = [match for match in matches if match[0] > 0]
            # What cannot be done now comes after what can.
            fits.sort(key=lambda fit: -fit[0] * (0.5 if fit[2].blocked else 1))
        self._found = [entry for _, _, entry in fits]
        options = self.query_one("#found", OptionList)
        width = max(20, options.scrollable_content_region.width - 2)
        options.set_options(Option(_row(entry, offsets, width)) for _, offsets, entry in fits)
        options.highlighted = 0 if self._found else None
        # The box is as high as what is in it: a list that is cut by its own maximum would leave it too high.
        options.styles.height = min(len(self._found), max(1, self.size.height * 3 // 5))
        options.display = bool(self._found)
        self.query_one("#nothing").display = not self._found


def _row(entry: Entry, matched: Sequence[int], width: int) -> Content:
    room = max(0, width - cell_len(entry.title) - 4)
    tail = shorten(entry.tail, room)
    title = Content(entry.title)
    for offset in matched:
        title = title.stylize("bold underline", offset, offset + 1)
    if entry.blocked:
        title = title.stylize("$muted")
    gap = " " * max(1, width - 2 - title.cell_length - cell_len(tail))
    return Content.assemble((f"{entry.sign} ", "$accent"), title, gap, (tail, "$muted"))


def function_entries(state: ScreenState) -> list[Entry]:
    """Every function, by the name of its project and its own."""
    found = []
    for function in sorted(state.functions.values(), key=lambda function: function.name.casefold()):
        project = state.projects.get(function.project_id or "")
        title = visible(f"{project.name}/{function.name}" if project else function.name)
        active = function.status == "active"
        tail = f"v{function.active_version}" if active else f"inactive · v{function.active_version}"
        place = Place("function", function.project_id, function.id)
        found.append(Entry(title, tail, PlaceChosen(place), "●" if active else "○"))
        for path in sorted(function.files):
            file = Place("file", function.project_id, function.id, path=path)
            found.append(Entry(f"{title}/{visible(path)}", "file", PlaceChosen(file), " "))
    return found


def pane_entries(state: ScreenState) -> list[Entry]:
    """Every pane of every project, by the project's name and its own."""
    return [
        Entry(visible(f"{project.name}/{kind.title.lower()}"), "pane", PlaceChosen(Place(kind.id, project.id)), "▤")
        for project in state.projects_by_name()
        for kind in PANES.values()
        if kind.in_tree
    ]


def action_entries(state: ScreenState, keymap: Keymap) -> Iterable[Entry]:
    """Every action with its key; one that cannot be done now says why."""
    for action in keymap.actions.values():
        if action.id in ("app.palette", "app.leader"):
            continue
        obstacle = keymap.obstacle(action.id, state)
        tail = f"not now: {obstacle}" if obstacle else keymap.way_to(action.id)
        yield Entry(action.title, tail, Perform(action.id), "›", bool(obstacle))
