"""What lies over or under the text in front: the bar that finds, and the list of names. Made when first wanted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message
from textual.widget import Widget

from clowdy_tui.tui.widgets.code_area import CodeArea

if TYPE_CHECKING:
    from clowdy_tui.tui.widgets.completion import CompletionList
    from clowdy_tui.tui.widgets.find_bar import FindBar


class EditorOverlays(Widget):
    """The half of the editor that the first frame needs nothing of."""

    _bar: FindBar | None = None
    _names: CompletionList | None = None
    _taken_at = -1

    @property
    def area(self) -> CodeArea | None:
        """The text area in front."""
        raise NotImplementedError

    def find(self, *, replace: bool = False) -> None:
        """Open the bar that finds, and with `replace` also replaces, in the file in front."""
        from clowdy_tui.tui.widgets.find_bar import FindBar

        if self.area is None:
            return
        if self._bar is None:
            self._bar = FindBar()
            self.mount(self._bar, before="EditorStatus")
            self._bar.call_after_refresh(self._bar.open, self.area, replace=replace)
        else:
            self._bar.open(self.area, replace=replace)

    def on_find_bar_left(self, event: Message) -> None:
        """The text has the focus again."""
        event.stop()
        if self.area is not None:
            self.area.focus()

    def _follow(self) -> None:
        """Another text may be in front."""
        if self._bar is not None:
            self._bar.follow(self.area)

    def _search_again(self) -> None:
        """Something was typed into the text in front."""
        if self._bar is not None:
            self._bar.text_changed()

    def offer_names(self, area: CodeArea, revision: int, names: Sequence[tuple[str, str]], prefix: str) -> None:
        """Show names that fit what is being typed, where the text is still the one that they were looked for in."""
        if area is not self.area or area.document.revision != revision or revision == self._taken_at:
            return
        if self._names is None:
            if not names:
                return
            from clowdy_tui.tui.widgets.completion import CompletionList

            self._names = CompletionList()
            self.mount(self._names)
        area.before_key = self._names.takes
        within = area.content_region
        self._names.call_after_refresh(self._names.offer, names, prefix, area.cursor_screen_offset, within)

    def on_completion_list_accepted(self, event: CompletionList.Accepted) -> None:
        """Put the name in the place of what was typed of it."""
        event.stop()
        if self.area is not None:
            row, column = self.area.cursor_location
            before = self.area.document.get_line(row)[:column]
            prefix, name = event.prefix, event.name
            typed = re.search(r"\w*\Z", before)
            if typed is not None and typed[0] != prefix and typed[0].startswith(prefix):
                # Whoever types quickly is ahead of the list: of what it offered the first that still fits is meant.
                prefix = typed[0]
                names = (name, *event.others)
                name = next((one for one in names if one.casefold().startswith(prefix.casefold())), prefix)
            self.area.replace(name, (row, max(0, column - len(prefix))), (row, column), maintain_selection_offset=False)
            # What was taken needs no more names, even if it is the beginning of some.
            self._taken_at = self.area.document.revision
            self._hide_names()

    def _hide_names(self) -> None:
        if self._names is not None:
            self._names.hide()

    def on_mouse_down(self) -> None:
        """Nor does whoever clicks into the text."""
        self._hide_names()

    def on_descendant_blur(self) -> None:
        """Whoever goes elsewhere wants no names here."""
        self._hide_names()
