"""What the app is before it knows of any gateway: its looks, its toasts, its workers, and room for all of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal

from textual import events, on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.css.model import RuleSet
from textual.notifications import Notification, Notify
from textual.screen import Screen
from textual.widgets._toast import Toast, ToastHolder
from textual.worker import Worker, WorkerState

from clowdy_tui.tui.screens.too_small import TooSmall, is_too_small
from clowdy_tui.tui.session import ScreenOptions
from clowdy_tui.tui.styling import KeptStylesheet
from clowdy_tui.tui.terminal_keys import teach
from clowdy_tui.tui.text import block, visible
from clowdy_tui.tui.themes import DEFAULT_THEME, FALLBACK_VARIABLES, ClowdyTheme, load_themes

# The other screens bring their own: what no first frame needs is not parsed for it.
STYLES: list[str | PurePath] = [f"screens/{name}.tcss" for name in ("workbench", "too_small", "toasts")]

FEW_PROBLEMS = 2
"""So many are told one by one; of more of them the first, and where all are."""

MOST_TOASTS = 4
"""So many stand at a time, the newest ones: more have no room in a low terminal."""

# The same answer as Textual's, without its line of Python: each styling of a widget asks it of every rule there is.
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]


class Frame(App[None], inherit_bindings=False):
    """Themes and toasts; a terminal that is too small; workers that fail.

    `problems` are what is wrong with the person's own themes and keys; `lists_problems` says in a sentence where all of
    them can be read.
    """

    TITLE = "clowdy"
    lists_problems = ""
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = STYLES
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "hint_quit", show=False, system=True)]

    def __init__(self, *, themes: Sequence[Path], options: ScreenOptions, problems: Sequence[str] = ()) -> None:
        self.options = options
        teach()
        loaded = load_themes(themes)
        self.themes: Mapping[str, ClowdyTheme] = loaded.themes
        self.problems: list[str] = [*loaded.problems, *problems]
        self._styled_with: Mapping[str, str] = {}
        super().__init__()
        for theme in self.themes.values():
            self.register_theme(theme.to_textual())
        if options.theme not in self.themes:
            known = ", ".join(self.themes)
            self.problems.append(f"There is no theme {options.theme!r}; there are {known or 'none'}")
        # Before anything is styled: a theme that came later would have all stylesheets parsed once more.
        if wanted := next((name for name in (options.theme, DEFAULT_THEME) if name in self.themes), None):
            self.set_reactive(App.theme, wanted)
        self._styled_with = self.get_css_variables()
        self.stylesheet = KeptStylesheet(variables=dict(self._styled_with))

    def refresh_css(self, animate: bool = True) -> None:
        # Textual asks at the start, too, for the theme that everything is styled with already.
        wanted = self.get_css_variables()
        if wanted != self._styled_with:
            self._styled_with = wanted
            super().refresh_css(animate)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return FALLBACK_VARIABLES

    def on_mount(self) -> None:
        if self.options.ssh:
            self.animation_level = "none"
        if len(self.problems) <= FEW_PROBLEMS:
            for problem in self.problems:
                self.tell("Settings", problem, severity="warning")
        else:
            said = [*self.problems[:FEW_PROBLEMS], self.lists_problems]
            self.tell(f"Settings: {len(self.problems)} remarks", "\n".join(said), severity="warning")

    def on_resize(self, event: events.Resize) -> None:
        shown = self.screen
        if is_too_small(event.size):
            if isinstance(shown, TooSmall):
                shown.tell(event.size)
            else:
                self.push_screen(TooSmall())
        elif isinstance(shown, TooSmall):
            shown.dismiss(None)

    def tell(
        self, title: str, text: str = "", *, severity: Literal["information", "warning", "error"] = "information"
    ) -> None:
        """A toast, shown as it is written; what is no mere information has a sign, too, not a colour alone."""
        sign = {"warning": "! ", "error": "✗ "}.get(severity, "")
        title = sign + visible(title)
        message, head = (block(text), title) if text else (title, "")
        self.notify(message, title=head, severity=severity, markup=False, timeout=4 if severity == "information" else 8)

    def _on_notify(self, event: Notify) -> None:
        # What stands there already is told anew, not twice: a key that is held down would fill the screen.
        new = event.notification
        standing = list(self._notifications)
        again = [one for one in standing if (one.title, one.message) == (new.title, new.message)]
        others = [one for one in standing if one not in again]
        self._take_down(again + others[: max(0, len(others) + 1 - MOST_TOASTS)])

    def _take_down(self, notices: Sequence[Notification]) -> None:
        for one in notices:
            self._unnotify(one, refresh=False)
        # With what holds it: a blank line would stay.
        for toast in self.screen.query(Toast):
            if toast._notification in notices and isinstance(toast.parent, ToastHolder):
                toast.parent.remove()

    def push_screen(self, *arguments: Any, **named: Any) -> Any:
        # Whoever opens something has read what was said; in a low terminal it would lie over what is typed there.
        if self.screen_stack:
            self._take_down([one for one in self._notifications if one.severity == "information"])
        return super().push_screen(*arguments, **named)

    def show(self, screen: Screen[Any]) -> None:
        """Lay a screen over the workbench, whatever it says in the end."""
        self.push_screen(screen)

    @on(Worker.StateChanged)
    def _survive(self, event: Worker.StateChanged) -> None:
        # What is unsaved in the editor outweighs a tidy end.
        if event.state is WorkerState.ERROR:
            self.log.error(event.worker.error)
            self.tell("This should not have happened", f"{event.worker.error!r}", severity="error")
