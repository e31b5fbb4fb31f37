"""Where a question is typed: Enter sends, some other keys make a new line, ↑ brings back what was asked before."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option

from clowdy_tui.tui.binding import meant
from clowdy_tui.tui.chat.completion import Choices, Mentionable, complete
from clowdy_tui.tui.chat.messages import QuestionAsked
from clowdy_tui.tui.text import shorten, visible
from clowdy_tui.tui.widgets.choices import ChoiceList
from clowdy_tui.tui.widgets.text_keys import area_keys, run_own

_MAX_HISTORY: Final = 100


class PromptArea(TextArea, inherit_bindings=False):
    """The text. Keys that mean something else here are taken before the text area gets them."""

    BINDINGS: ClassVar[list[BindingType]] = [*area_keys()]

    def __init__(self) -> None:
        super().__init__(id="prompt", soft_wrap=True, show_line_numbers=False, compact=True, tab_behavior="focus")
        self.placeholder = "Ask · / commands · @ functions"

    async def _on_key(self, event: events.Key) -> None:
        prompt = self.parent
        if isinstance(prompt, Prompt) and prompt.take_key(event.key):
            event.stop()
            event.prevent_default()
            return
        if not await run_own(self, event):
            await super()._on_key(event)

    async def _on_paste(self, event: events.Paste) -> None:
        # What is pasted comes from anywhere.
        event.text = visible(event.text.replace("\r\n", "\n").replace("\r", "\n"), keep="\n\t")
        await super()._on_paste(event)


class Prompt(Vertical):
    """The text area, and above it what it may become."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id)
        self.functions: Sequence[Mentionable] = ()
        self.history: list[str] = []
        self._at: int | None = None
        self._draft = ""
        self._choices = Choices(0, ())

    def compose(self) -> ComposeResult:
        options = ChoiceList(id="choices")
        options.can_focus = False
        options.display = False
        yield options
        yield PromptArea()

    def on_mount(self) -> None:
        self.area.cursor_blink = self.app.animation_level != "none"

    @property
    def area(self) -> PromptArea:
        return self.query_one(PromptArea)

    @property
    def is_choosing(self) -> bool:
        return bool(self._choices.choices)

    def close_choices(self) -> None:
        self._show(Choices(0, ()))

    def put(self, text: str) -> None:
        """Make this the text, with the cursor at its end."""
        self.area.load_text(text)
        self.area.move_cursor(self.area.document.end)

    def take_key(self, key: str) -> bool:
        """Whether a key means something here: then it is done."""
        if self.is_choosing and self._take_choice_key(key):
            return True
        match meant(self, key, "prompt"):
            case "new_line":
                self.area.insert("\n")
            case "send":
                self._enter()
            case "before" if self.area.cursor_location[0] == 0 and self._may_leave():
                self._step(-1)
            case "after" if self._at is not None and self.area.cursor_at_last_line:
                self._step(1)
            case _:
                return False
        return True

    def _take_choice_key(self, key: str) -> bool:
        options = self.query_one("#choices", OptionList)
        match meant(self, key, "names"):
            case "down":
                options.action_cursor_down()
            case "up":
                options.action_cursor_up()
            case "leave":
                self.close_choices()
            case "take":
                self._choose(options.highlighted or 0)
            case "take_chosen":
                choice = self._choices.choices[options.highlighted or 0]
                typed = self.area.text
                self._choose(options.highlighted or 0)
                # A command that takes nothing more is meant to be carried out.
                if typed.startswith("/") and not choice.insert.endswith(" "):
                    self._enter()
            case _:
                return False
        return True

    def _enter(self) -> None:
        row, column = self.area.cursor_location
        if column and self.area.document.get_line(row)[column - 1] == "\\":
            # Where a terminal sends no other key for it: a backslash and Enter.
            self.area.action_delete_left()
            self.area.insert("\n")
            return
        text = self.area.text.strip()
        if text:
            self.post_message(QuestionAsked(text))

    def sent(self, text: str) -> None:
        """It was taken: it goes into the history, and there is room for the next."""
        self._at, self._draft = None, ""
        if not self.history or self.history[-1] != text:
            self.history = [*self.history, text][-_MAX_HISTORY:]
        self.area.load_text("")

    def _may_leave(self) -> bool:
        return bool(self.history) and (self._at is not None or not self.area.text.strip())

    def _step(self, by: int) -> None:
        if self._at is None:
            self._draft = self.area.text
        at = (len(self.history) if self._at is None else self._at) + by
        if at >= len(self.history):
            self._at = None
            self.put(self._draft)
        else:
            self._at = max(at, 0)
            self.put(self.history[self._at])

    @on(TextArea.Changed)
    @on(TextArea.SelectionChanged)
    def _complete(self, event: TextArea.Changed | TextArea.SelectionChanged) -> None:
        event.stop()
        row, column = self.area.cursor_location
        line = self.area.document.get_line(row)
        choosing = self.area.has_focus and self._at is None
        before = line[:column]
        found = complete(before, self.functions) if choosing and (row == 0 or "/" not in before[:1]) else Choices(0, ())
        # What stands there in full already is no choice.
        whole = [choice.insert.strip() for choice in found.choices] == [before[len(before) - found.typed :]]
        self._show(Choices(0, ()) if whole and not found.choices[0].insert.startswith("/") else found)

    def _show(self, choices: Choices) -> None:
        self._choices = choices
        options = self.query_one("#choices", OptionList)
        options.display = bool(choices.choices)
        if choices.choices:
            width = max(16, self.size.width - 4)
            options.set_options(Option(_row(choice.title, choice.tail, width)) for choice in choices.choices)
            options.highlighted = 0
            options.styles.height = min(len(choices.choices), 6)

    def _choose(self, index: int) -> None:
        choice = self._choices.choices[index]
        row, column = self.area.cursor_location
        start = (row, max(0, column - self._choices.typed))
        self.close_choices()
        done = self.area.replace(choice.insert, start, (row, column), maintain_selection_offset=False)
        self.area.move_cursor(done.end_location)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._choose(event.option_index)
        self.area.focus()


def _row(title: str, tail: str, width: int) -> Content:
    shown = shorten(visible(title), width)
    room = width - len(shown) - 2
    return Content.assemble((shown, "$accent"), ("  " + shorten(tail, room) if tail and room > 4 else "", "$muted"))
