"""Questions: a choice between a few ways on, and whether something may really be deleted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.screens.dialog import Dialog, action_button
from clowdy_tui.tui.text import visible
from clowdy_tui.tui.widgets.literal_input import LiteralInput


@dataclass(frozen=True, slots=True)
class Choice:
    """One way on: its `key` is a letter; `variant` is `plain`, `main` or `danger`."""

    id: str
    label: str
    key: str
    variant: str = "plain"


MIN_BUTTON, GAP = 8, 2
"""Cells of a button at least, and between two: as in the stylesheet of dialogs."""


class Question(Dialog[str]):
    """A question with a few answers. Dismisses with the id of the one that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("question.next", "app.focus_next"),
        bind("question.previous", "app.focus_previous"),
    ]

    cancels = True
    leaves: str = "Cancel"
    """What leaving it is called: where something has happened already there is nothing to cancel."""
    begins_at = "cancel"
    """The id of the answer that has the focus first: never one that destroys something."""

    def __init__(self, heading: str, body: Content, choices: Sequence[Choice], *, danger: bool = False) -> None:
        super().__init__()
        self.heading = heading
        self._body = body
        self._choices = choices
        self._danger = danger

    def compose_box(self) -> Iterable[Widget]:
        yield Static(self._body, classes="body")
        yield from self.compose_details()
        with Horizontal(id="buttons"):
            for choice in self._choices:
                yield action_button(choice.label, choice.key, id=choice.id, variant=choice.variant)
            if self.cancels:
                yield action_button(self.leaves, self.key("dialog.leave"), id="cancel")

    def compose_details(self) -> Iterable[Widget]:
        """What stands between the question and the answers."""
        return ()

    def on_mount(self) -> None:
        self.query_one("#box").set_class(self._danger, "-danger")
        self.query_one("#box").set_class(len(self._choices) > 1, "-many")
        self.query_one(f"#{self.begins_at}", Button).focus()

    def fit(self) -> None:
        """The answers one below the other where they have no room beside each other."""
        buttons = self.query_one("#buttons")
        beside = sum(max(MIN_BUTTON, _cells(button)) for button in buttons.query(Button))
        self.query_one("#box").set_class(beside + GAP * (len(buttons.children) - 1) > buttons.size.width, "-stacked")
        super().fit()

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if event.character and event.character.lower() == choice.key:
                event.stop()
                self.dismiss(choice.id)

    @on(Button.Pressed)
    def _choose(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(None if event.button.id == "cancel" else event.button.id)


def _cells(button: Button) -> int:
    """How wide a button of several is: its words, and a blank on either side."""
    return Content.from_text(button.label, markup=False).cell_length + 2


NO_WAY_BACK = "This cannot be undone."


def ask_delete(kind: str, name: str, *consequences: str, remark: str = NO_WAY_BACK) -> Question:
    """Whether something small may be deleted: y, or its button."""
    return Question(
        f"Delete {kind}",
        _what_goes(name, consequences, remark),
        [Choice("delete", "Delete", "y", "danger")],
        danger=True,
    )


class DeleteByName(Dialog[str]):
    """Whether something large may be deleted: its name has to be typed. Dismisses with `delete`, or None."""

    def __init__(self, kind: str, name: str, *consequences: str) -> None:
        super().__init__()
        self.heading = f"Delete {kind}"
        self._name_to_type = name
        self._consequences = consequences

    def compose_box(self) -> Iterable[Widget]:
        yield Static(_what_goes(self._name_to_type, self._consequences), classes="body")
        field = LiteralInput(id="typed", classes="typed")
        field.border_title = Content("Type its name to delete it")
        yield field
        with Horizontal(id="buttons"):
            button = action_button("Delete", self.key("field.done"), id="delete", variant="danger")
            button.disabled = True
            yield button
            yield action_button("Cancel", self.key("dialog.leave"), id="cancel")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-danger")

    @on(Input.Changed, "#typed")
    def _compare(self, event: Input.Changed) -> None:
        self.query_one("#delete", Button).disabled = event.value.strip() != self._name_to_type

    @on(Input.Submitted, "#typed")
    @on(Button.Pressed, "#delete")
    def _delete(self) -> None:
        if not self.query_one("#delete", Button).disabled:
            self.dismiss("delete")

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_cancel()


def _what_goes(name: str, consequences: Sequence[str], remark: str = NO_WAY_BACK) -> Content:
    parts: list[Content | str | tuple[str, str]] = [(visible(name), "bold")]
    if consequences:
        parts.append("\n")
    for consequence in consequences:
        parts += [("\n- ", "$error"), visible(consequence)]
    parts.append((f"\n\n{remark}", "$muted"))
    return Content.assemble(*parts)
