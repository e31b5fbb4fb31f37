"""Choosing a theme: each one shows itself while the cursor is on it."""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from clowdy_tui.tui.screens.dialog import Dialog
from clowdy_tui.tui.text import visible
from clowdy_tui.tui.themes import ClowdyTheme
from clowdy_tui.tui.widgets.choices import ChoiceList


class ThemePicker(Dialog[str]):
    """Dismisses with the name of the chosen theme, or None: then the one from before is back."""

    heading = "Theme"

    def __init__(self, themes: Mapping[str, ClowdyTheme]) -> None:
        super().__init__()
        self._themes = themes
        self._before = ""

    def compose_box(self) -> Iterable[Widget]:
        yield ChoiceList(*(Option(self._row(theme), id=theme.name) for theme in self._themes.values()), id="themes")

    def on_mount(self) -> None:
        self._before = self.app.theme
        options = self.query_one(OptionList)
        with suppress(ValueError):
            options.highlighted = list(self._themes).index(self._before)

    def action_cancel(self) -> None:
        self.app.theme = self._before
        super().action_cancel()

    @on(OptionList.OptionHighlighted)
    def _show(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_id:
            self.app.theme = event.option_id

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def _row(self, theme: ClowdyTheme) -> Content:
        colors = theme.colors
        swatch = Content.assemble(
            *(("  ", f"on {color}") for color in (colors.background, colors.panel, colors.accent, colors.secondary,
                                                  colors.success, colors.warning, colors.error))
        )  # fmt: skip
        kind = "dark" if theme.dark else "light"
        return Content.assemble(f"{visible(theme.title):<24}", (f"{kind:<7}", "dim")) + swatch
