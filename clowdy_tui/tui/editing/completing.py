"""When names are offered: a moment after the last key, where a name is typed; never in a comment or a string."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from textual.timer import Timer

from clowdy_tui.tui import messages
from clowdy_tui.tui.editing.names import Library, Typed, offers, typed_before
from clowdy_tui.tui.widgets.code_area import CodeArea

if TYPE_CHECKING:
    from clowdy_tui.tui.core import Core

QUIET_S: Final = 0.15
FROM_LETTERS: Final = 2
"""So many letters of a name before anything is offered by itself; behind a dot, none."""


class Completing:
    """Runs in the app's own handlers."""

    def __init__(self, app: "Core") -> None:
        self._app = app
        self._library = Library()
        self._timer: Timer | None = None

    def later(self) -> None:
        """Something was typed."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.after(QUIET_S, self.now)

    def now(self, *, asked: bool = False) -> None:
        """Offer what fits; `asked` for by a key, also where nothing was typed yet."""
        tabs = self._app.workbench.tabs
        area, document = tabs.area, tabs.active
        if area is None or document is None or not (asked or area.has_focus):
            return
        if not asked and area.document.revision == area.put_revision:
            return
        row, column = area.cursor_location
        before = area.document.get_line(row)[:column]
        typed = typed_before(before)
        if not asked and (not _worth_it(typed) or _in_prose(area, row, column)):
            tabs.offer_names(area, area.document.revision, [], "")
            return
        revision, language = area.document.revision, area.code_language.name
        lines = area.document.lines

        async def look() -> None:
            found = await offers(lines, row, before, language, self._library)
            names = [(offer.name, offer.origin) for offer in found]
            prefix = typed.prefix
            self._app.post_message(messages.NamesFound(document, revision, names, prefix, asked))

        begin: Callable[[], Any] = look
        self._app.run_worker(begin, group="complete", exclusive=True, exit_on_error=False)

    def take(self, event: messages.NamesFound) -> None:
        """Show them, unless somebody has typed on."""
        tabs = self._app.workbench.tabs
        if area := tabs.area_of(event.document):
            tabs.offer_names(area, event.revision, event.names, event.prefix)
        if event.asked and not event.names:
            self._app.tell("No name fits here")


def _worth_it(typed: Typed) -> bool:
    return bool(typed.owner) or len(typed.prefix) >= FROM_LETTERS


def _in_prose(area: CodeArea, row: int, column: int) -> bool:
    top = area.scroll_offset.y
    spans = area.document.spans(top, top + area.size.height)
    if not 0 <= row - top < len(spans):
        return False
    return any(span.start < column <= span.end and span.name in ("comment", "string") for span in spans[row - top])
