"""A form for a text of several lines, written or pasted: a list of packages, a `.env` file."""

from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, Generic, TypeVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static
from textual.worker import Worker, WorkerState

from clowdy_tui.client import ApiError, GatewayGone
from clowdy_tui.tui.binding import bind
from clowdy_tui.tui.screens.dialog import Dialog, action_button, labelled
from clowdy_tui.tui.text import block
from clowdy_tui.tui.widgets.code_area import CodeArea

Result = TypeVar("Result")


class TextForm(Dialog[Result], Generic[Result]):
    """`submit` does the work outside of the screen; what it refuses is shown, and nothing typed is lost.

    Dismisses with what `submit` returned, or with None. `about` says what belongs here.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        bind("dialog.submit", "submit", priority=True),
        # In a text these move the cursor.
        Binding("down", "ignore", show=False),
        Binding("up", "ignore", show=False),
    ]

    def __init__(
        self,
        submit: Callable[[str], Awaitable[Result]],
        *,
        heading: str,
        about: str,
        text: str = "",
        verb: str = "Save",
        working: str = "Saving …",
    ) -> None:
        super().__init__()
        self.heading = heading
        self._submit = submit
        self._about = about
        self._text = text
        self._verb = verb
        self._working = working

    def compose_box(self) -> Iterable[Widget]:
        yield Static(Content.styled(block(self._about), "$muted"), classes="body")
        yield CodeArea(
            self._text,
            id="text",
            tab_behavior="focus",
            blink=self.app.animation_level != "none",
            classes="typed-text -fits",
        )
        yield Static(id="form-error", markup=False)
        with Horizontal(id="buttons"):
            yield action_button(self._verb, self.key("dialog.submit"), id="submit", variant="main")
            yield action_button("Cancel", self.key("dialog.leave"), id="cancel")

    def on_mount(self) -> None:
        self.query_one("#box").add_class("-large")
        area = self.query_one(CodeArea)
        area.focus()
        area.move_cursor(area.document.end)

    def action_ignore(self) -> None:
        """Nothing: see the bindings."""

    def action_submit(self) -> None:
        button = self.query_one("#submit", Button)
        if button.disabled:
            return
        self._say("")
        button.disabled = True
        button.label = self._working
        self._do_submit(self.query_one(CodeArea).text)

    @work(exclusive=True, exit_on_error=False)
    async def _do_submit(self, text: str) -> None:
        try:
            result = await self._submit(text)
        except ApiError as error:
            self._refuse("\n".join(str(item["msg"]) for item in error.problem.errors or []) or error.detail)
        except GatewayGone as error:
            self._refuse(f"{error} Nothing was changed; what is typed here stays.")
        else:
            self.dismiss(result)

    @on(Worker.StateChanged)
    def _survive(self, event: Worker.StateChanged) -> None:
        event.stop()
        if event.state is WorkerState.ERROR:
            self.log.error(event.worker.error)
            self._refuse(f"This should not have happened: {event.worker.error!r}")

    def _refuse(self, problem: str) -> None:
        button = self.query_one("#submit", Button)
        button.disabled = False
        button.label = labelled(self._verb, self.key("dialog.submit"))
        self._say(problem)
        self.query_one(CodeArea).focus()

    def _say(self, problem: str) -> None:
        error = self.query_one("#form-error", Static)
        error.update(Content(f"✗ {block(problem)}" if problem else ""))
        error.display = bool(problem)
        self.call_after_refresh(self.fit)

    @on(Button.Pressed, "#submit")
    def _press_submit(self) -> None:
        self.action_submit()

    @on(Button.Pressed, "#cancel")
    def _press_cancel(self) -> None:
        self.action_cancel()
