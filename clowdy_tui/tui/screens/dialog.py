"""What every dialog is made of: a box over the dimmed screen, fields with their errors, buttons."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import ValidationError
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static
from textual.widgets._select import SelectCurrent
from textual.worker import Worker, WorkerState

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.tui.binding import bind, keymap_of, screen_keys
from clowdy_tui.tui.screens.modal import Modal
from clowdy_tui.tui.text import block, visible
from clowdy_tui.tui.widgets.page import Scroller

Result = TypeVar("Result")
Values = Mapping[str, str]


BOX_SHARE = 0.96
"""The most that a dialog's box takes of the screen's height: as in the stylesheet."""


class Unfit(Exception):
    """What a form was given cannot be used; shown beneath the field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Dialog(Modal[Result]):
    """A box in the middle. Escape, or a click outside of it, leaves it with nothing done.

    What has the class `-fits` in the box gives way: what is below it stays in sight in a low terminal.
    """

    CSS_PATH = "dialog.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.leave", "cancel"),
        bind("dialog.leave_at_once", "cancel", priority=True),
        bind("dialog.next", "app.focus_next"),
        bind("dialog.previous", "app.focus_previous"),
        *screen_keys(),
    ]

    heading: str = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(visible(self.heading))
            yield from self.compose_box()

    def compose_box(self) -> Iterable[Widget]:
        """What is in the box."""
        raise NotImplementedError

    def key(self, id_: str) -> str:
        """What a button's key is called, by the key's name."""
        return keymap_of(self).word_for(id_)

    def on_resize(self) -> None:
        self.call_after_refresh(self.fit)

    def fit(self) -> None:
        """Give what may give way the height that the rest leaves."""
        box = self.query_one("#box")
        most = int(self.size.height * BOX_SHARE) - box.gutter.height
        for one in box.query_children(".-fits"):
            rest = sum(
                child.outer_size.height + child.styles.margin.height
                for child in box.children
                if child.display and child is not one
            )
            one.styles.max_height = max(3, most - rest - one.styles.margin.height)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.action_cancel()


class ActionButton(Button, inherit_bindings=False):
    """A button whose keys a person can change."""

    BINDINGS: ClassVar[list[BindingType]] = [bind("switch.press", "press")]


def action_button(label: str, key: str = "", *, id: str, variant: str = "plain") -> Button:  # noqa: A002
    """A flat button with its key; `variant` is `plain`, `main` or `danger`."""
    return ActionButton(labelled(label, key), id=id, classes=f"-{variant}", compact=True)


def labelled(label: str, key: str = "", *, gap: int = 2) -> Content:
    """A button's text with its key behind it, after so many blanks."""
    return Content.assemble(visible(label), (" " * gap + key, "dim")) if key else Content(visible(label))


class Field(Vertical):
    """One input of a form with its name in the border and its error below."""

    def __init__(self, name: str, title: str, control: Input | Select[str]) -> None:
        super().__init__(classes="field")
        self.field_name = name
        self.control = control
        self._title = title

    def compose(self) -> ComposeResult:
        yield self.control
        yield Static(classes="field-error", markup=False)

    def on_mount(self) -> None:
        bordered = self.control.query_one(SelectCurrent) if isinstance(self.control, Select) else self.control
        bordered.border_title = Content(self._title)

    @property
    def value(self) -> str:
        value = self.control.value
        return value if isinstance(value, str) else ""

    def complain(self, message: str) -> None:
        """Show what is wrong with the value; an empty text takes it back."""
        error = self.query_one(".field-error", Static)
        error.update(Content(f"✗ {visible(message)}" if message else ""))
        error.display = bool(message)
        self.set_class(bool(message), "-wrong")

    def remark(self, content: Content) -> None:
        """Show something about a value that is right."""
        self.remove_class("-wrong")
        note = self.query_one(".field-error", Static)
        note.update(content)
        note.display = True


class FormDialog(Dialog[Result], Generic[Result]):
    """A form. `submit` does the work outside of the screen; what it refuses is shown, and nothing typed is lost.

    Dismisses with what `submit` returned, or with None.
    """

    BINDINGS: ClassVar[list[BindingType]] = [bind("dialog.submit", "submit", priority=True)]

    verb: str = "Save"
    working: str = "Saving …"
    conflict_field: str = "name"

    @dataclass
    class Submitted(Message):
        result: object

    @dataclass
    class Refused(Message):
        """`errors` by field, `problem` for the form."""

        problem: str
        errors: dict[str, str]

    def __init__(self, submit: Callable[[Values], Awaitable[Result]]) -> None:
        super().__init__()
        self._submit = submit
        self._result: Result | None = None

    def fields(self) -> Iterable[Field]:
        """The form's fields."""
        raise NotImplementedError

    def compose_box(self) -> Iterable[Widget]:
        with Scroller(id="fields", classes="-fits"):
            yield from self.fields()
        yield Static(id="form-error", markup=False)
        with Horizontal(id="buttons"):
            yield action_button(self.verb, self.key("field.done"), id="submit", variant="main")
            yield action_button("Cancel", self.key("dialog.leave"), id="cancel")

    def field(self, name: str) -> Field:
        return next(field for field in self.query(Field) if field.field_name == name)

    def values(self) -> dict[str, str]:
        return {field.field_name: field.value for field in self.query(Field)}

    def action_submit(self) -> None:
        button = self.query_one("#submit", Button)
        if button.disabled:
            return
        for field in self.query(Field):
            field.complain("")
        self._say("")
        button.disabled = True
        button.label = self.working
        self._do_submit(self.values())

    @work(exclusive=True, exit_on_error=False)
    async def _do_submit(self, values: Values) -> None:
        try:
            self._result = await self._submit(values)
        except ApiError as error:
            self.post_message(self.Refused(*_sort_errors(error)))
        except ValidationError as error:
            faults = {_field_of(item["loc"]): item["msg"].removeprefix("Value error, ") for item in error.errors()}
            self.post_message(self.Refused("; ".join(f"{name}: {fault}" for name, fault in faults.items()), faults))
        except Unfit as error:
            self.post_message(self.Refused(str(error), {error.field: str(error)}))
        except GatewayGone as error:
            self.post_message(self.Refused(f"{error} Nothing was changed; what is typed here stays.", {}))
        else:
            self.post_message(self.Submitted(self._result))

    @on(Worker.StateChanged)
    def _survive(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.ERROR:
            self.log.error(event.worker.error)
            self.post_message(self.Refused(f"This should not have happened: {event.worker.error!r}", {}))

    @on(Submitted)
    def _finish(self) -> None:
        self.dismiss(self._result)

    @on(Refused)
    def _show_errors(self, event: Refused) -> None:
        button = self.query_one("#submit", Button)
        button.disabled = False
        button.label = labelled(self.verb, self.key("field.done"))
        known = {field.field_name: field for field in self.query(Field)}
        errors = {name: message for name, message in event.errors.items() if name in known}
        if "409" in event.errors and self.conflict_field in known:
            errors = {self.conflict_field: event.problem}
        for name, message in errors.items():
            known[name].complain(message)
        self._say("" if errors else event.problem)
        if errors:
            known[next(iter(errors))].control.focus()

    def _say(self, problem: str) -> None:
        error = self.query_one("#form-error", Static)
        error.update(Content(f"✗ {block(problem)}" if problem else ""))
        error.display = bool(problem)
        self.call_after_refresh(self.fit)

    @on(Input.Submitted)
    @on(Button.Pressed, "#submit")
    def _press_submit(self) -> None:
        self.action_submit()

    @on(Button.Pressed, "#cancel")
    def _press_cancel(self) -> None:
        self.action_cancel()


def _field_of(loc: Sequence[Any]) -> str:
    """The field that an error is about: of a list's third item it is the list."""
    return next((part for part in reversed(loc) if isinstance(part, str)), "")


def _sort_errors(error: ApiError) -> tuple[str, dict[str, str]]:
    errors = {_field_of(item["loc"]): str(item["msg"]) for item in error.problem.errors or [] if item.get("loc")}
    if error.status == 409:
        errors["409"] = error.detail
    return error.detail, errors
