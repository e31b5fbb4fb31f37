"""The app's memory: lays the desk out as the last screen left it, and sees to it that this one's is kept."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from clowdy_tui.tui import messages
from clowdy_tui.tui.memory import desk
from clowdy_tui.tui.memory.memory import Memory, Recalled
from clowdy_tui.tui.text import count

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core


class Remembering:
    """Runs in the app's own handlers; what it reads and writes is done in threads."""

    def __init__(self, app: "Core") -> None:
        self._app = app
        self._recalled: Recalled | None = None
        self._loaded = False
        self._forget = False
        self._stocked = False
        self._memory = Memory(
            app.options.state_dir,
            unsaved=lambda: desk.unsaved(app.workbench),
            layout=lambda: desk.layout(app.workbench, app.state),
            failed=lambda problem: app.tell("What is unsaved cannot be kept on disk", problem, severity="error"),
        )

    def start(self) -> None:
        """Begin to read what the last screen left."""
        begin: Callable[[], Any] = self._recall
        self._app.run_worker(begin, group="memory", exit_on_error=False)

    async def _recall(self) -> None:
        self._app.post_message(messages.RecalledDesk(await self._memory.recall()))

    def take(self, recalled: Recalled) -> None:
        """What the last screen left is read."""
        self._recalled = recalled
        for problem in recalled.problems:
            self._app.tell("Something that was kept cannot be read", problem, severity="warning")
        self._restore()

    def take_functions(self) -> None:
        """The functions are known, so that their files can be opened."""
        self._loaded = True
        self._restore()

    def _restore(self) -> None:
        if self._recalled is None or not self._loaded:
            return
        recalled, self._recalled = self._recalled, None
        open_pane = partial(self._app.panes.open, focus=False)
        drafts = desk.restore(self._app.workbench, self._app.state, recalled, open_pane)
        self._memory.begin()
        if drafts:
            names = ", ".join(draft.name for draft in drafts)
            back = self._app.keymap.say("{text.undo} takes it back to what is saved.")
            said = f"{names}: as typed, and still not saved. {back}"
            self._app.tell(f"{count(len(drafts), 'file')} came back", said, severity="warning")

    def note(self) -> None:
        """Something on the desk has changed."""
        self._memory.note()

    def take_stock(self) -> None:
        """The widgets are about to go: what is on the desk now is what is kept."""
        self._memory.take_stock(forget=self._forget)
        self._stocked = True

    def forget_drafts(self) -> None:
        """What is unsaved when the screen is left is not wanted any more."""
        self._forget = True

    async def close(self) -> None:
        """Keep it all for the next screen; after a fault, which takes the widgets first, what was kept on the way."""
        await self._memory.close(keep=self._stocked or bool(self._app.workbench.query("#tabs")))
