"""Somebody else saved first: what they changed, and what shall become of what was typed here."""

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from clowdy_tui.tui.screens.confirm import Choice, Question
from clowdy_tui.tui.text import block
from clowdy_tui.tui.widgets.page import Page

CHOICES = (
    Choice("keep", "Keep editing", "k", "main"),
    Choice("take", "Take theirs", "t"),
    Choice("overwrite", "Overwrite", "o", "danger"),
)


class ConflictDialog(Question):
    """Shows the diff of what was saved elsewhere. Dismisses with `keep`, `take`, `overwrite`, or None (as keep)."""

    cancels = False
    begins_at = "keep"

    def __init__(self, name: str, *, base_version: int, active_version: int, diff: str) -> None:
        body = Content.assemble(
            f"Version {active_version} was saved while you worked on version {base_version}. ",
            ("Nothing that you typed is lost. This is what changed there:", "$muted"),
        )
        super().__init__(f"{name} was saved elsewhere", body, CHOICES)
        self._diff = diff

    def compose_details(self) -> Iterable[Widget]:
        with Page(id="diff", classes="-fits"):
            yield Static(paint_diff(self._diff))

    def on_mount(self) -> None:
        box = self.query_one("#box")
        box.add_class("-large")
        box.set_class(self._diff.count("\n") > 12, "-tall")


def paint_diff(diff: str) -> Content:
    """A unified diff in colours; the signs stay, for those who see none."""
    styles = {"+": "$success", "-": "$error", "@": "$secondary"}
    lines = [
        Content.styled(line, "bold" if line.startswith(("+++", "---")) else styles.get(line[:1], "$muted"))
        for line in block(diff).splitlines()
    ]
    return Content("\n").join(lines) if lines else Content.styled("No line differs.", "$muted")
