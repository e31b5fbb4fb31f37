"""When a text is checked, and what comes of it: a moment after the last key, and never twice at once."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from textual.timer import Timer

from clowdy_tui.tui import messages
from clowdy_tui.tui.editing import checks
from clowdy_tui.tui.editing.checks import CheckFailed
from clowdy_tui.tui.widgets.editor import Document

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core

QUIET_S: Final = 0.4
"""How long nobody has typed before a text is checked."""


class Checking:
    """Runs in the app's own handlers; ruff runs beside it."""

    def __init__(self, app: "Core") -> None:
        self._app = app
        self._timer: Timer | None = None
        self._told = False

    def later(self) -> None:
        """Something was typed: check what is in front once it is quiet."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.after(QUIET_S, self.now)

    def now(self) -> None:
        """Check what is in front."""
        tabs = self._app.workbench.tabs
        if (document := tabs.active) is None or (area := tabs.area) is None:
            return
        revision, text, language = area.document.revision, area.text, area.code_language.name
        python = self._python

        async def check() -> None:
            try:
                found = await checks.problems(text, language, python=python)
            except CheckFailed as error:
                self._app.post_message(messages.CheckFailed(str(error)))
            else:
                self._app.post_message(messages.Checked(document, revision, found))

        begin: Callable[[], Any] = check
        self._app.run_worker(begin, group="check", exclusive=True, exit_on_error=False)

    def take(self, event: messages.Checked) -> None:
        """Mark what is wrong, unless somebody has typed meanwhile: then it is looked for again anyway."""
        tabs = self._app.workbench.tabs
        area = tabs.area_of(event.document)
        if area is not None and area.document.revision == event.revision:
            tabs.show_problems(event.document, event.problems)

    def tell_failure(self, problem: str) -> None:
        """Say once that nothing is marked."""
        if not self._told:
            self._told = True
            self._app.tell("Problems in the code are not marked", problem, severity="warning")

    def format(self, document: Document) -> None:
        """Tidy a file; what comes of it is a message."""
        area = self._app.workbench.tabs.area_of(document)
        if area is None:
            return
        revision, text, language, python = area.document.revision, area.text, area.code_language.name, self._python

        async def tidy() -> None:
            try:
                better = await checks.tidied(text, language, python=python)
            except CheckFailed as error:
                self._app.post_message(messages.Failed(f"{document.name} stays as it is", str(error)))
            else:
                self._app.post_message(messages.Tidied(document, revision, better))

        begin: Callable[[], Any] = tidy
        self._app.run_worker(begin, group="format", exclusive=True, exit_on_error=False)

    def take_tidied(self, event: messages.Tidied) -> None:
        """Put it in the place of the text, as one step that can be undone."""
        area = self._app.workbench.tabs.area_of(event.document)
        if area is None:
            return
        if area.document.revision != event.revision:
            self._app.tell(f"{event.document.name} was changed meanwhile", "It stays as it is; format it once more.")
        elif area.text == event.text:
            self._app.tell("Nothing to tidy")
        else:
            area.replace_text(event.text)
            self._app.tell("Formatted", self._app.keymap.say("{text.undo} takes it back."))

    @property
    def _python(self) -> str:
        health = self._app.state.health
        return (health.python or "") if health else ""


def next_problem(app: "Core") -> None:
    """Put the cursor on the next problem of the file in front."""
    area = app.workbench.tabs.area
    if area is None:
        return
    problem = area.marks.problem_after(area.cursor_location)
    if problem is None:
        app.tell("Nothing is wrong here, as far as it was looked at")
        return
    app.workbench.go("editor")
    area.move_cursor(problem.start, center=True)
