"""The bar below the editor that finds and replaces in the file in front."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Input, Static

from clowdy_tui.tui.binding import bind, say
from clowdy_tui.tui.text import count, lines_of
from clowdy_tui.tui.widgets.code_area import CodeArea
from clowdy_tui.tui.widgets.code_area_marks import Hit
from clowdy_tui.tui.widgets.code_search import MOST, BadPattern, Query, find_all, replaced, replacement_at
from clowdy_tui.tui.widgets.literal_input import LiteralInput
from clowdy_tui.tui.widgets.toggle import Toggle

AGAIN_AFTER_S = 0.15
"""How long after the last key in the text it is searched again."""


class FindBar(Vertical):
    """Marks every hit as one types, goes from one to the next, replaces one or all. Escape gives the text back."""

    DEFAULT_CSS: ClassVar[str] = Path(__file__).with_suffix(".tcss").read_text(encoding="utf-8")
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("find.leave", "leave"),
        bind("find.next_field", "next_field"),
        bind("find.next", "step(1)"),
        bind("find.previous", "step(-1)"),
        bind("find.case", "press('case')"),
        bind("find.word", "press('word')"),
        bind("find.regex", "press('regex')"),
        bind("find.all", "press('all')"),
    ]

    class Left(Message):
        """The bar was closed: the text wants the focus back."""

    def __init__(self) -> None:
        super().__init__()
        self._area: CodeArea | None = None
        self._hits: list[Hit] = []
        self._current: Hit | None = None
        self._timer: Timer | None = None
        self._just_replaced = 0

    def compose(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Static("Find", classes="name", markup=False)
            yield LiteralInput(id="find", compact=True)
            yield Toggle("Aa", tooltip=say(self, "Upper and lower case differ ({find.case})"), switches=True, id="case")
            yield Toggle("ab|", tooltip=say(self, "Whole words only ({find.word})"), switches=True, id="word")
            yield Toggle(".*", tooltip=say(self, "A regular expression ({find.regex})"), switches=True, id="regex")
            yield Static("", id="found")
            yield Toggle("↑", tooltip=say(self, "The one before ({find.previous})"), id="previous")
            yield Toggle("↓", tooltip=say(self, "The next one ({find.next}, {field.done})"), id="next")
            yield Toggle("×", tooltip=say(self, "Close ({find.leave})"), id="close")
        with Horizontal(classes="row", id="with"):
            yield Static("With", classes="name", markup=False)
            yield LiteralInput(id="replacement", compact=True)
            yield Toggle("Replace", tooltip=say(self, "This one, and on to the next ({field.done})"), id="one")
            yield Toggle("All", tooltip=say(self, "Every one; one undo takes it back ({find.all})"), id="all")

    def on_mount(self) -> None:
        self.display = False

    def open(self, area: CodeArea, *, replace: bool) -> None:
        """Search in a text; what is selected in it is looked for at once."""
        self._area = area
        self.display = True
        self.query_one("#with").display = replace
        find = self.query_one("#find", Input)
        selected = area.selected_text
        if selected and "\n" not in selected:
            with self.prevent(Input.Changed):
                find.value = selected
        find.focus()
        find.action_select_all()
        self._search()

    def follow(self, area: CodeArea | None) -> None:
        """Another text is in front: search there, where the bar is open."""
        if area is not self._area:
            if self._area is not None:
                self._area.show_hits([])
            self._area = area
            if area is None:
                self.display = False
            elif self.display:
                self._search()

    def text_changed(self) -> None:
        """Something was typed into the text: search again, in a moment."""
        if self.display:
            if self._timer is None:
                self._timer = self.set_timer(AGAIN_AFTER_S, self._search_again, pause=True)
            self._timer.reset()
            self._timer.resume()

    def action_leave(self) -> None:
        self.display = False
        if self._area is not None:
            self._area.show_hits([])
        self.post_message(self.Left())

    def action_press(self, name: str) -> None:
        toggle = self.query_one(f"#{name}", Toggle)
        if toggle.display:
            toggle.action_press()

    def action_next_field(self) -> None:
        """From what is looked for straight to what shall stand there; else to whatever comes next."""
        if self.query_one("#find").has_focus and self.query_one("#with").display:
            self.query_one("#replacement").focus()
        else:
            self.screen.focus_next()

    def action_step(self, by: int) -> None:
        """Go to the next hit (1) or the one before (-1), round about."""
        if self._area is None or not self._hits:
            return
        if self._current in self._hits:
            index = (self._hits.index(self._current) + by) % len(self._hits)
        else:
            index = self._nearest() if by > 0 else self._nearest() - 1
        self._show(self._hits[index])

    def replace_one(self) -> None:
        """Replace the hit that is marked as the one, and go to the next."""
        if self._area is None or self._current is None:
            self.action_step(1)
            return
        try:
            text = replacement_at(_text(self._area), self._query, self._current, self._replacement)
        except BadPattern as error:
            self._complain(str(error))
            return
        if text is not None:
            self._area.replace(text, *self._current, maintain_selection_offset=False)
            self._area.history.checkpoint()
        self._search()

    def replace_all(self) -> None:
        """Replace every hit, in one step."""
        if self._area is None:
            return
        try:
            text, number = replaced(_text(self._area), self._query, self._replacement)
        except BadPattern as error:
            self._complain(str(error))
            return
        if number:
            self._area.replace_text(text)
        self._search()
        self._say_replaced(number)
        self._just_replaced = number

    @property
    def _query(self) -> Query:
        on = {name: self.query_one(f"#{name}", Toggle).on for name in ("regex", "case", "word")}
        return Query(self.query_one("#find", Input).value, is_regex=on["regex"], case=on["case"], word=on["word"])

    @property
    def _replacement(self) -> str:
        return self.query_one("#replacement", Input).value

    @on(Input.Changed, "#find")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._search(move=True)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id == "replacement":
            self.replace_one()
        else:
            self.action_step(1)

    @on(Toggle.Pressed)
    def _pressed(self, event: Toggle.Pressed) -> None:
        event.stop()
        match event.toggle.id:
            case "previous":
                self.action_step(-1)
            case "next":
                self.action_step(1)
            case "close":
                self.action_leave()
            case "one":
                self.replace_one()
            case "all":
                self.replace_all()
            case _:
                self._search(move=True)

    def _search_again(self) -> None:
        self._search()
        # The text changed by that, and by nothing else: how often is still what one wants to know.
        if self._just_replaced:
            self._say_replaced(self._just_replaced)
            self._just_replaced = 0

    def _search(self, *, move: bool = False) -> None:
        """Find all; with `move` the cursor goes to the first hit from where it is."""
        if self._area is None:
            return
        try:
            self._hits = find_all(_text(self._area), self._query)
        except BadPattern as error:
            self._hits = []
            self._area.show_hits([])
            self._complain(str(error))
            return
        self._current = None
        if not self._hits:
            self._area.show_hits([])
            empty = not self._query.pattern
            self.query_one("#found", Static).update("" if empty else Content.styled("not found", "$warning"))
            return
        hit = self._hits[self._nearest() % len(self._hits)]
        if move or Hit(*sorted(self._area.selection)) == hit:
            self._show(hit)
        else:
            self._area.show_hits(self._hits)
            self._tell()

    def _nearest(self) -> int:
        """The first hit that begins at the selection or behind it; their number where none does."""
        assert self._area is not None
        start = min(self._area.selection)
        return next((index for index, hit in enumerate(self._hits) if hit.start >= start), len(self._hits)) % len(
            self._hits
        )

    def _show(self, hit: Hit) -> None:
        assert self._area is not None
        self._current = hit
        self._area.select_hit(hit)
        self._area.show_hits(self._hits, hit)
        self._tell()

    def _tell(self) -> None:
        number = f"{len(self._hits):,}" + ("+" if len(self._hits) == MOST else "")
        at = f"{self._hits.index(self._current) + 1:,}/{number}" if self._current in self._hits else number
        self.query_one("#found", Static).update(Content.styled(at, "$muted"))
        self.query_one("#found").tooltip = Content(count(len(self._hits), "place"))

    def _say_replaced(self, number: int) -> None:
        self.query_one("#found", Static).update(Content.styled(f"{number:,} replaced", "$success"))

    def _complain(self, problem: str) -> None:
        self.query_one("#found", Static).update(Content.styled(problem, "$error"))


def _text(area: CodeArea) -> str:
    text = area.text
    return text if "\r" not in text else "\n".join(lines_of(text))
