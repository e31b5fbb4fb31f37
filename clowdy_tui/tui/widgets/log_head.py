"""The log pane's head: whose lines, narrowed down how, and whether it follows."""

from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from clowdy_tui.tui.binding import say
from clowdy_tui.tui.text import count, shorten, visible


class LogHead(Static):
    """One end of the head. Its words can be clicked: their meta says `log: <action>`."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own word
        super().__init__(id=id, markup=False)

    def say_scope(self, function: str | None, typed: str) -> None:
        """Which function's lines (None: all), and what they are narrowed down to."""
        name = shorten(visible(function), 24) if function is not None else "All functions"
        scope = _clickable(name, "bold", "scope")
        if typed:
            inverse = typed.startswith("!")
            said = f"  {'without' if inverse else 'with'} “{shorten(visible(typed.removeprefix('!')), 30)}”"
            scope += _clickable(said, "$warning", "filter")
        self.update(scope)

    def say_problem(self, problem: str) -> None:
        """What is wrong with what is being typed."""
        self.update(Content.styled(f"✗ {visible(problem)}", "$error"))

    def say_state(
        self, *, width: int, lines: int, older: str, context: int, wrap: bool, following: bool, unseen: int
    ) -> None:
        """As much as fits of: how much is shown, from when on, how; and whether it follows."""
        parts = [_clickable("wrap" if wrap else "no wrap", "$muted", "wrap")]
        if width >= 60:
            parts.insert(0, Content.styled(count(lines, "line"), "$muted"))
        if context:
            parts.insert(-1, _clickable(f"±{context}", "$warning", "context"))
        if older and width >= 100:
            parts.insert(0, Content.styled(older, "$muted"))
        if following:
            badge = _clickable(" FOLLOW ", "bold $on-accent on $accent", "toggle_follow")
        elif unseen:
            badge = _clickable(f" {unseen:,} new below ↓ ", "bold $background on $warning", "toggle_follow")
        else:
            badge = _clickable(say(self, " PAUSED · {Logs.last} follows "), "$muted on $panel", "toggle_follow")
        self.update(Content("  ").join([*parts, badge]))


def _clickable(text: str, style: str, action: str) -> Content:
    return Content.styled(text, style).stylize(Style.from_meta({"log": action}))
