"""A few facts in a row, in as many lines as it takes."""

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from clowdy_tui.tui.text import pack


class Facts(Static):
    """Shows facts with ` · ` between them; breaks between two only, so that no unit stands alone in a line."""

    def __init__(self, facts: Sequence[str] = (), *, classes: str) -> None:
        super().__init__(classes=classes, markup=False)
        self._facts = facts
        self._before = self._after = Content()

    def show(self, facts: Sequence[str], before: Content | None = None, after: str = "") -> None:
        """Show these instead, `before` and `after` in lines of their own."""
        self._facts = facts
        self._before, self._after = before or Content(), Content(after)
        self._draw()

    def on_resize(self) -> None:
        """Others may fit into a line."""
        self._draw()

    def _draw(self) -> None:
        facts = Content.styled(pack(self._facts, self.size.width or 1_000), "$muted")
        self.update(Content("\n").join([part for part in (self._before, facts, self._after.stylize("$muted")) if part]))
